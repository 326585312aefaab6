"""The breakpoints as they stood when they were looked at: frozen rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from gdbstub.debugger.breakpoints import Breakpoint
from gdbstub.x86.breakpoints import BreakpointKind


class BreakpointRow(NamedTuple):
    """One breakpoint as it stood when it was looked at; the fields are those of `Breakpoint`."""

    number: int
    kind: BreakpointKind
    address: int | None
    length: int = 1
    means: str = "auto"
    temporary: bool = False
    enabled: bool = True
    hits: int = 0
    ignore: int = 0
    vector: int | None = None
    text: str = ""
    condition: str | None = None
    armed_as: str | None = None


def snapshot(breakpoints: Mapping[int, Breakpoint]) -> tuple[BreakpointRow, ...]:
    """The breakpoints that are shown, in the order of their numbers, as frozen rows."""
    return tuple(
        BreakpointRow(
            *(b.number, b.kind, b.address, b.length, b.means, b.temporary, b.enabled, b.hits, b.ignore),
            *(b.vector, b.text, b.condition, b.armed_as),
        )
        for _, b in sorted(breakpoints.items())
        if not b.hidden
    )
