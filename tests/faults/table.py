"""What is tried: every sickness of a stub before every way of using one."""

from __future__ import annotations

from tests.faults.sick_stub import SICKNESSES, SLOW

TARGET = "TARGET"
EVERYTHING = (
    *("info registers", "info target", "info threads", "dr", "bt", "finish", "nexti", "x/4i $pc", "x/4xg $sp", "p $fp"),
    *(
        "set $rax = 1",
        "break *0x1002",
        "hbreak *0x1005",
        "watch *(char*)0x4000",
        "info breakpoints",
        "monitor info mem",
    ),
    *("translate 0x1000", "disassemble 0x1000,+8", "find 0x1000,+16,0x90", "display/i $pc", "stepi", "why", "events"),
    *(
        "catch db",
        "cpu 0",
        "thread 1",
        "until",
        "advance *0x1005",
        "set {int}0x4000 = 3",
        "output $rip",
        "info symbol 0x1000",
    ),
)
USES: dict[str, tuple[str, ...]] = {
    "trace": ("trace", TARGET, "--steps", "5", "--seconds", "3"),
    "trace-text": ("trace", TARGET, "--steps", "5", "--format", "text", "--break", "0x1002"),
    "events": ("trace", TARGET, "--events", "--watch", "0x4000/8", "--steps", "2", "--seconds", "3"),
    "commands": ("attach", TARGET, "--batch", *(word for line in EVERYTHING for word in ("-ex", line))),
    "doctor": ("doctor", TARGET),
    "doctor-json": ("doctor", TARGET, "--json"),
}
SLICE = (
    *(
        ("commands", name)
        for name in ("none", "g-unavailable-later", "memory-error-evil", "step-stop-evil", "monitor-evil")
    ),
    *(("trace", name) for name in ("g-cut", "why-W", "xml-rip-512", "step-error-evil")),
    *(("doctor", name) for name in ("actions-evil", "supported-evil", "monitor-digits")),
)
"""What the gate tries: one of each kind."""


ENDLESS = ("commands", "continue-silent")
"""A guest that runs is waited for: ``continue`` has no deadline, and here nobody types Ctrl-C."""


def everything() -> list[tuple[str, str]]:
    """(use, sickness), all of them."""
    return [(use, name) for name in (*SICKNESSES, *SLOW) for use in USES if (use, name) != ENDLESS]


def words(use: str, target: str) -> list[str]:
    return [target if word == TARGET else word for word in USES[use]]
