"""A stop record → the stop reply for one client: with a reason where the client's own breakpoint was hit, and with the
registers that gdb asks for at every stop."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from gdbstub.debugger.breakpoints import Breakpoint
from gdbstub.debugger.record import StopSummary
from gdbstub.explain.evidence import Action
from gdbstub.protocol import (
    BreakReason,
    Exited,
    NamedReason,
    RegisterLayout,
    Stop,
    Stopped,
    StopReason,
    Terminated,
    ThreadId,
    Watch,
    WatchKind,
)
from gdbstub.server.client_features import ClientFeatures
from gdbstub.x86.breakpoints import BreakpointKind

SIGNAL_0, SIGINT, SIGTRAP = 0, 2, 5
"""gdb's numbers (gdb manual, "Packets": signals are those of include/gdb/signals.def)."""
EXPEDITED: Final = frozenset(("rip", "rsp", "rbp", "eflags", "eip", "esp", "ebp"))
_WATCHED: dict[BreakpointKind, WatchKind] = {
    BreakpointKind.WRITE: "write",
    BreakpointKind.READ: "read",
    BreakpointKind.ACCESS: "access",
}


class Expedited:
    """The registers that go with every stop reply, as they stand in it."""

    def __init__(self, layout: RegisterLayout) -> None:
        """``layout`` is the stub's: its numbers are the client's, too."""
        self._spans = [
            (register.number, slice(2 * register.offset, 2 * (register.offset + register.size)))
            for register in layout.registers
            if register.name in EXPEDITED
        ]

    def values(self, raw: bytes | None) -> list[tuple[int, bytes]]:
        """Number and hex digits, out of ``raw``, the stub's answer to ``g`` if it is at hand; without those that it
        does not show."""
        if raw is None:
            return []
        values = [(number, raw[span]) for number, span in self._spans if span.stop <= len(raw)]
        return [row for row in values if b"x" not in row[1]] if b"x" in raw else values


def stop_reply(
    record: StopSummary,
    features: ClientFeatures,
    hit: Iterable[Breakpoint],
    *,
    own: bool,
    interrupted: bool,
) -> Stop:
    """``hit`` are the client's breakpoints that the stop satisfies. ``own``: it is the end of what the client asked
    for; otherwise another's affair, and gdb says just that the guest stopped. ``interrupted``: it asked for a stop,
    which may have come before the guest went."""
    stop = record.stop
    if isinstance(stop, Exited | Terminated):
        return features.ended(stop)
    if not isinstance(stop, Stopped):
        return stop
    thread = features.thread(record.cpu)
    hit = tuple(hit)
    reasons = tuple(_reasons(record, features, hit))
    signal = stop.signal
    if signal == SIGINT and hit and record.action is not Action.INTERRUPT:
        signal = SIGTRAP  # gdbsx says signal 2 of hardware breakpoints too
    if signal == SIGTRAP and not own and not reasons:
        signal = SIGNAL_0
    if (interrupted or record.action is Action.INTERRUPT) and not reasons:
        signal = SIGINT
    return _stopped(signal, thread, reasons, stop.others if features.stubs_name is not None else ())


@lru_cache(maxsize=256)
def _stopped(
    signal: int, thread: ThreadId, reasons: tuple[StopReason, ...], others: tuple[tuple[str, str], ...]
) -> Stopped:
    """The same few come again at each step."""
    return Stopped(signal, thread, reasons, others=others)


def _reasons(record: StopSummary, features: ClientFeatures, hit: Iterable[Breakpoint]) -> Iterable[StopReason]:
    """At most one: gdb takes the last. Of the stub's own the end of a replay (``replaylog``), and what a process does
    (``library``, ``fork``). A breakpoint at a linear address that is not RIP (real mode) has none: gdb would
    take it for one that was removed meanwhile, and go on."""
    if isinstance(record.stop, Stopped):
        for reason in record.stop.reasons:
            if isinstance(reason, NamedReason) and (reason.name == "replaylog" or features.stubs_name is not None):
                yield reason
                return
    for row in hit:
        if row.kind in _WATCHED and row.address is not None:
            yield Watch(_WATCHED[row.kind], row.address)
            return
    for row in hit:
        if row.kind is BreakpointKind.EXECUTE and row.address == record.rip:
            if row.text == "Z0" and features.swbreak:
                yield BreakReason.SOFTWARE
                return
            if row.text == "Z1" and features.hwbreak:
                yield BreakReason.HARDWARE
                return
    if features.stubs_name is not None and isinstance(record.stop, Stopped):  # gdb knows what it has just taken out
        yield from [reason for reason in record.stop.reasons if features.understands(reason)][:1]
