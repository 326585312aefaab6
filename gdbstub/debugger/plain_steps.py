"""Plain steps one after another with nothing but the wire between: for a driver that steps thousands of times.

A stop is kept as the stub sent it, and decoded when somebody looks. Whatever is not plain (another mode, a breakpoint
at RIP, a step that takes long, an answer out of the ordinary) ends the ride, and is read as ever.
"""

from __future__ import annotations

from binascii import unhexlify
from typing import NamedTuple

from gdbstub.debugger.physical_points import PhysicalPoints
from gdbstub.debugger.record import StopSummary
from gdbstub.debugger.snapshot import Snapshot
from gdbstub.debugger.stop_log import StopLog
from gdbstub.debugger.stop_reader import MODE_REGISTERS, StopReader
from gdbstub.protocol import Expect, RegisterLayout, messages
from gdbstub.remote.connection import Token
from gdbstub.remote.target import LINE, RemoteTarget
from gdbstub.x86.decode import LONGEST, may_stay, shape

MILLISECONDS = 20.0
"""What takes longer is waited for with everything else going on."""
MOST_READ = 1024
"""Bytes of memory in one request."""


class Detour(NamedTuple):
    """A step that was no plain one. ``token``: its stop is still to come; ``begun``: the guest was let go at all."""

    token: Token | None = None
    begun: bool = True


class _Slices:
    """Where in an answer to ``g``, hex digits, the registers stand that decide about a step."""

    def __init__(self, layout: RegisterLayout) -> None:
        spans = {r.name: slice(2 * r.offset, 2 * (r.offset + r.size)) for r in layout.registers}
        self.rip, self.rsp = spans["rip"], spans["rsp"]
        self._mode = [spans[name] for name in MODE_REGISTERS]

    def mode(self, raw: bytes) -> list[bytes]:
        return [raw[span] for span in self._mode]


class Stand(NamedTuple):
    """A stop as it came: ``g`` as hex digits, the bytes at RIP."""

    raw: bytes
    code: bytes


class Express:
    """One ride, from a plain step in 64-bit code; ``brief`` and ``raw`` (``g``, hex digits) are of the last stop."""

    def __init__(
        self,
        remote: RemoteTarget,
        observer: StopReader,
        ledger: StopLog,
        points: PhysicalPoints,
        start: Snapshot,
        first: StopSummary,
        *,
        others: bool,
    ) -> None:
        """``start`` is all that is known of ``first``."""
        self._remote = remote
        self._observer = observer
        self._ledger = ledger
        self._points = points
        self._start = start
        self._resume = (remote.resume_packet(step=first.cpu, others=others),)
        self._slices = _Slices(remote.layout)
        self.brief = first
        self.raw = remote.kept_registers(first.cpu) or b""
        self._mode = self._slices.mode(self.raw)
        self._reply = first.stop.raw.encode("latin-1")
        self._lines: dict[int, bytes] = {}
        self._rip = first.rip
        self._came: tuple[bytes, ...] = ()
        self._near: tuple[int, ...] = ()
        self._look: tuple[bytes, ...] = (messages.READ_REGISTERS,)
        self._look_near(first.rip)
        self._before: Stand | None = None
        self._last: Stand | None = None

    def step(self) -> Detour | None:
        """One step; None where it was a plain one. Then tell who waits (of ``raw``), and `settle`."""
        remote = self._remote
        went = remote.exchange(self._resume, MILLISECONDS, Expect.STOP, self._reply)
        if not went.answers:
            return Detour(went.tokens[0]) if went.tokens else Detour(begun=False)
        asked = remote.exchange(self._look, MILLISECONDS)
        if not asked.answers:
            remote.drop(asked.tokens)
            return Detour()
        raw = asked.answers[0]
        if len(raw) != len(self.raw) or b"x" in raw or self._slices.mode(raw) != self._mode:
            return Detour()
        rip = int.from_bytes(unhexlify(raw[self._slices.rip]), "little")
        if rip in self._points.marks or (raw == self.raw and self._idles):
            return Detour()
        self.raw, self._rip, self._came = raw, rip, asked.answers
        return None

    @property
    def _idles(self) -> bool:
        """May a step that changes no register have run nothing?"""
        code = self._start.code if self._last is None else self._last.code
        known = shape(code, 64)
        return self._observer.idle_steps and (known is None or not may_stay(known, self._rip, 64))

    def settle(self) -> None:
        """Number and remember the stop, while who was told of it is busy with that."""
        _, cpu, action, stop, *_ = self.brief
        rip = self._rip
        self.brief = StopSummary(self._ledger.number, cpu, action, stop, rip)
        self._ledger.announce(self.brief)
        self._lines = dict(zip(self._near, self._came[1:], strict=True))
        code = self.memory(rip, LONGEST)
        before, stand = self._last, Stand(self.raw, b"" if code is None else unhexlify(code))
        self._before, self._last = before, stand
        self._ledger.keep_later(self.brief.number, lambda: self._sight(stand, before))
        self._look_near(rip)

    def memory(self, address: int, length: int) -> bytes | None:
        """Linear memory as hex digits; None where it can't be had at once."""
        line = address & -LINE
        last = address + length - 1 & -LINE
        lines = self._lines
        if not 0 < length <= MOST_READ or last > line + LINE:
            return self._ask(address, length) if 0 < length <= MOST_READ else None
        digits = b""
        for at in (line,) if last == line else (line, last):
            if at not in lines:
                if (got := self._ask(at, LINE)) is None:
                    return None
                lines[at] = got
            if len(lines[at]) != 2 * LINE:
                return None  # an error
            digits += lines[at]
        return digits[2 * (address - line) : 2 * (address - line + length)]

    def _ask(self, address: int, length: int) -> bytes | None:
        asked = self._remote.exchange((b"m%x,%x" % (address, length),), MILLISECONDS)
        if not asked.answers:
            self._remote.drop(asked.tokens)
            return None
        return asked.answers[0] if len(asked.answers[0]) == 2 * length else None

    def _look_near(self, rip: int) -> None:
        """The next stop is probably near this one: what is asked for there."""
        rsp = int.from_bytes(unhexlify(self.raw[self._slices.rsp]), "little")
        near = tuple({rip & -LINE, rip + LONGEST - 1 & -LINE, rsp & -LINE})
        if near != self._near:
            self._near = near
            self._look = (messages.READ_REGISTERS, *[b"m%x,%x" % (line, LINE) for line in near])

    def _sight(self, stand: Stand, before: Stand | None) -> Snapshot:
        came_from = self._start.moment if before is None else self._sight(before, None).moment
        return self._observer.plain_sight(self._start, stand.raw, stand.code, came_from)

    def leave(self, detour: Detour | None) -> None:
        """The ride is over. What else looks at the guest finds it as after any step."""
        ran = self._last is not None or (detour is not None and detour.begun)
        if not ran:
            return
        self._remote.forget()
        if self._last is None:
            return
        snapshot = self._sight(self._last, self._before)
        self._observer.saw(snapshot)
        self._ledger.newest_is(snapshot)
        if detour is None or not detour.begun:
            lines = {line: unhexlify(digits) for line, digits in self._lines.items() if len(digits) == 2 * LINE}
            self._remote.keep(self.brief.cpu, self.raw, lines)
