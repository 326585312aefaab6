"""What a guest does, as a list in text, and what dr6 said of it in the same form.

A line is one stop: where the saved RIP stands (a label of the guest, or RIP at a stop that is no event), the vector,
and the causes with the number of their debug register (``int`` for an INT n) and their confidence. The owner is the
guest, always. Behind a bar are the known departures of QEMU TCG at that stop; without them the line is what the
architecture has. In front may be the releases that alone do so: "@7.2,8.2".
"""

from __future__ import annotations

import re

from frontend.symbols.names import Symbols
from gdbstub.debugger.record import StopRecord
from gdbstub.x86.exceptions import vector

_QUIRK = re.compile(r"Known quirk ([a-z0-9-]+):")
RF_OF_A_FAULT = "tcg-fault-rf"
"""In the frame of nearly every fault: not written into the lists."""

CLASSES = {
    "single-step": "trap",
    "icebp": "trap",
    "data-write": "trap",
    "data-access": "trap",
    "io-breakpoint": "trap",
    "software-breakpoint": "trap",
    "instruction-breakpoint": "fault",
    "exception": "fault",
    "software-interrupt": "none",
    "unknown": "none",
}


def lines(table: str, release: str) -> list[str]:
    """The lines of a list that hold for ``release`` of QEMU, without its comments and with single blanks."""
    found = []
    for text in table.splitlines():
        row = " ".join(text.partition("#")[0].split())
        only, _, rest = row.removeprefix("@").partition(" ") if row.startswith("@") else (release, "", row)
        if rest and release in only.split(","):
            found.append(rest)
    return found


def nearest(version: str) -> str:
    """The measured release whose rows are held against this QEMU: its own, or the newest before it."""
    numbers = tuple(int(part) for part in version.split(".")[:2])
    return next((name for name, first in (("10.0", (10, 0)), ("8.2", (8, 2))) if numbers >= first), "7.2")


def line_of(record: StopRecord, symbols: Symbols) -> str:
    """One stop as such a line. Says nothing of causes that are only possible beside
    a better one; raises AssertionError where an owner or a class is not what the list takes for granted."""
    event, found = record.event, record.explanation.causes
    at, kind = record.state.pc, "stop"
    if event is not None:
        assert event.frame is not None
        at, kind = (event.frame.cs_base or 0) + event.frame.rip, vector(event.vector).name.removeprefix("#").lower()
    sure = [cause for cause in found if cause.confidence != "possible"] or list(found[:1])
    words = []
    for cause in sure:
        by_int_n = (cause.cause, cause.klass) == ("software-breakpoint", "none")
        assert by_int_n or (cause.owner, cause.klass) == ("guest", CLASSES[cause.cause]), record.explanation.summary
        slot = ":int" if by_int_n else "" if cause.slot is None else f":{cause.slot}"
        words.append(f"{cause.cause}{slot} {cause.confidence}")
    quirks = {name for text in record.explanation.contradictions for name in _QUIRK.findall(text)} - {RF_OF_A_FAULT}
    unexplained = [text for text in record.explanation.contradictions if not _QUIRK.search(text)]
    assert not unexplained, unexplained
    line = f"{symbols.text(at).strip(' <>')} {kind} {', '.join(words)}"
    return " | ".join([line, *sorted(quirks)])
