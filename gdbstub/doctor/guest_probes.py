"""The probes of the guest's own debug events, without and with breakpoints of the debugger: one row each.

They set the guest's debug registers and raise its exceptions, so they are for the guest that dr6 brings itself
(guests/probe), whose handlers write down what they get.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gdbstub.backends import Backend
from gdbstub.doctor.judges import delivered, shown_dr6
from gdbstub.doctor.probe import Group, Judge, Need, PointArmed, Probe, Value, code, data, handler
from gdbstub.x86.breakpoints import BreakpointKind

OWN: Group = "the guest's own #DB"
OURS: frozenset[Need] = frozenset({"handlers"})
ELSEWHERE = 40
"""An offset that no probe runs: what is armed there never hits."""
DR7_EXECUTE, DR7_WRITE, DR7_GD, DR7_CLEAR = 0x401, 0x10401, 0x2400, 0x400

ARM_DR0 = "0f23c3 0f23fa"
"""mov dr0, rbx; mov dr7, rdx"""
DISARM = "0f23fe"
"""mov dr7, rsi"""


class GuestProbe(NamedTuple):
    """One event of the guest: its code, and the judge that knows it. ``steps`` lead up to it and over it."""

    name: str
    title: str
    code: str
    assembly: str
    judge: Judge
    source: str
    steps: int = 0
    registers: tuple[tuple[str, Value], ...] = ()
    by_dr: bool = False
    """Does it need the guest's DR0 to work?"""


_EXECUTE: tuple[tuple[str, Value], ...] = (("rbx", code(6)), ("rdx", DR7_EXECUTE), ("rsi", DR7_CLEAR))

EVENTS: tuple[GuestProbe, ...] = (
    GuestProbe("execute", "own DR0, execute", f"{ARM_DR0} 90 {DISARM}", "mov dr0, rbx; mov dr7, rdx; nop; mov dr7, rsi",
          delivered(0xFFFF0FF1, 6), "SDM vol. 3B 18.3.1.1", 3, _EXECUTE, by_dr=True),
    GuestProbe("write", "own DR0, write", f"{ARM_DR0} 8807 {DISARM}",
          "mov dr0, rbx; mov dr7, rdx; mov [rdi], al; mov dr7, rsi", delivered(0xFFFF0FF1, 8), "SDM vol. 3B 18.3.1.2",
          3, (("rbx", data(0)), ("rdi", data(0)), ("rdx", DR7_WRITE), ("rsi", DR7_CLEAR)), by_dr=True),
    GuestProbe("tf", "own TF", "51 9d 90 90", "push rcx; popf; nop; nop", delivered(0xFFFF4FF0, 3),
          "SDM vol. 3B 18.3.1.4", 3, (("rcx", 0x102),)),
    GuestProbe("tf-sti", "own TF over STI", "51 9d fb fa 90", "push rcx; popf; sti; cli; nop", delivered(0xFFFF4FF0, 3),
          "SDM vol. 3B 18.3.1.4; SDM vol. 2B STI", registers=(("rcx", 0x102),)),
    GuestProbe("tf-mov-ss", "own TF over MOV SS", "8cd0 51 9d 8ed0 90 90",
          "mov eax, ss; push rcx; popf; mov ss, eax; nop; nop", delivered(0xFFFF4FF0, 7), "SDM vol. 3A 6.8.3",
          registers=(("rcx", 0x102),)),
    GuestProbe("icebp", "INT1", "f1 90", "int1; nop", delivered(0xFFFF0FF0, 1), "SDM vol. 2A INT1"),
    GuestProbe("gd", "DR7.GD", f"0f23fa 0f21c0 {DISARM}", "mov dr7, rdx; mov rax, dr0; mov dr7, rsi",
          delivered(0xFFFF2FF0, 3), "SDM vol. 3B 18.3.1.3", registers=(("rdx", DR7_GD), ("rsi", DR7_CLEAR))),
    GuestProbe("int3", "own INT3", "cc 90", "int3; nop", delivered(None, 1, vector=3), "SDM vol. 3A 6.15, interrupt 3"),
)  # fmt: skip

SHOWN = "shown as the handler reads it"
LOSES = (("not delivered", "The guest's event is lost."), ("again and again", "The guest does not get past it."))


def _hidden(backend: Backend) -> str:
    return "not delivered" if backend.capabilities.hardware_hides_guest else "delivered"


def _plain(event: GuestProbe, suffix: str, variant: str, points: tuple[PointArmed, ...]) -> Probe:
    """The event while the guest runs."""
    by_profile: str | Callable[[Backend], str] = "delivered"
    source = event.source
    if event.by_dr and points and points[0].kind.is_hardware:
        by_profile, source = _hidden, "profile: hardware_hides_guest"
    return Probe(
        f"own-{event.name}{suffix}", OWN, event.title, event.code, event.assembly, "c", event.judge, by_profile,
        source, points=points, registers=event.registers, needs=OURS, follows=LOSES, variant=variant,
        ideal="delivered",
    )  # fmt: skip


def _stepped(event: GuestProbe) -> Probe:
    """The event while the debugger steps over it, and then lets the guest go."""
    return Probe(
        f"own-{event.name}-stepped", OWN, f"{event.title}, stepped", event.code, event.assembly,
        "s" * event.steps + "ccc", event.judge, "delivered", event.source, registers=event.registers, needs=OURS,
        follows=LOSES,
    )  # fmt: skip


def _caught(kind: BreakpointKind, expects: str | Callable[[Backend], str], source: str) -> Probe:
    """The guest's #DB, caught at its handler; then the point is out, and the handler runs."""
    event = EVENTS[0]
    return Probe(
        f"caught-z{kind.packet}", OWN, f"DR6 at the handler, by Z{kind.packet}", event.code, event.assembly, "cxc",
        shown_dr6, expects, source, points=(PointArmed(kind, handler(1)),), registers=event.registers, needs=OURS,
        ideal=SHOWN,
    )  # fmt: skip


def _caught_by_software(backend: Backend) -> str:
    return SHOWN if backend.capabilities.debug_registers else "caught, DR6 not shown"


def _caught_by_hardware(backend: Backend) -> str:
    return "not caught" if backend.capabilities.hardware_hides_guest else _caught_by_software(backend)


GUEST_EVENTS: tuple[Probe, ...] = (
    *(_plain(event, "", "nothing armed", ()) for event in EVENTS),
    *(_plain(event, "-z1", "Z1 armed", (PointArmed(BreakpointKind.EXECUTE, code(ELSEWHERE)),)) for event in EVENTS),
    *(_plain(event, "-z0", "Z0 armed", (PointArmed(BreakpointKind.SOFTWARE, code(ELSEWHERE)),)) for event in EVENTS),
    *(_stepped(event) for event in EVENTS if event.steps),
    _caught(BreakpointKind.EXECUTE, _caught_by_hardware, "profile: hardware_hides_guest"),
    _caught(BreakpointKind.SOFTWARE, _caught_by_software, "profile: catch_by"),
)
