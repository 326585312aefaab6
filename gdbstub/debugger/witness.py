"""A second witness beside the breakpoints at handlers: QEMU's log of the exceptions that it delivers (``log int``).

It sees what is delivered before dr6 knows a handler, and it needs no stop. What it can't tell: exceptions of real mode
(QEMU writes no line for them), and which of several vCPUs it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple

import trio

from gdbstub.backends.qemu.exception_log import ExceptionLog, LoggedException
from gdbstub.debugger.failed_deliveries import Deliveries
from gdbstub.debugger.qemu_log import NOWHERE, CannotLog, LogPipe, ask_monitor, open_log
from gdbstub.debugger.record import CaughtEvent
from gdbstub.remote.target import RemoteTarget
from gdbstub.x86.exceptions import TripleFault

WitnessWanted = Literal["auto", "off", "require"]
MOST_KEPT = 100_000
"""Exceptions that wait for whoever asks for them."""
READS_AT_ONCE = 64
ITEMS = "int,cpu_reset"
"""Exceptions, and triple faults."""
DEBUG, UNDEFINED = 1, 6
MOST_UNDEFINED = 64
SILENCES, SILENCE_SECONDS = 8, 0.25
"""So long the log is silent before its last exception counts as delivered; in pieces, since a machine that stood still
meanwhile counts one of them."""
MOST_HELD = 32
"""Exceptions that were delivered and whose handlers have not begun yet."""


class Witnessed(NamedTuple):
    """What the log has since the last stop. ``passed`` is what no breakpoint showed, ``event`` the caught event as the
    log tells of it. ``denied``: it tells of none of that vector."""

    passed: tuple[LoggedException, ...]
    event: LoggedException | None = None
    denied: bool = False


class Witness:
    """One log, from `begin` to `end`; ``vectors`` are those that count."""

    def __init__(self, remote: RemoteTarget, pipe: LogPipe) -> None:
        self._remote = remote
        self._pipe = pipe
        self._log = ExceptionLog()
        self._waiting: deque[LoggedException] = deque()
        self._held: list[LoggedException] = []
        self._deliveries = Deliveries()
        self._began = False
        self.vectors: frozenset[int] = frozenset()
        self.taken = 0
        """How many exceptions of those vectors were delivered since `begin`."""
        self.lost = 0
        """How many of them could not be kept; who asks sets it back."""
        self.unread = 0
        """How many of them, or of vectors that are not known, QEMU's log does not show as it should; likewise."""
        self.on_unread: Callable[[], None] = lambda: None
        """Hears that there are some."""
        self.on_exception: Callable[[LoggedException], None] | None = None
        """Hears of each as it comes, instead of its being kept."""
        self.undefined: list[LoggedException] = []
        """The first #UDs, where #DB counts and #UD does not: INT1 raises it where the emulator has none."""
        self.on_failed: Callable[[LoggedException], None] = lambda logged: None
        """Hears of each exception whose delivery failed, whatever the vectors are."""
        self.on_debug_exception: Callable[[int], None] = lambda pc: None
        """Hears of the linear RIP of each #DB, whatever the vectors are."""

    @property
    def active(self) -> bool:
        return self._began

    async def begin(self, vectors: Iterable[int]) -> str:
        """Have QEMU log; why not, in a sentence, where that can't be. The guest has to be stopped."""
        self.vectors = frozenset(vectors)
        if self._began:
            return ""
        try:
            await open_log(self._remote, self._pipe)
        except CannotLog as error:
            self._pipe.close()
            return str(error)
        said = (await ask_monitor(self._remote, f"log {ITEMS}")).strip()
        if said:
            await ask_monitor(self._remote, f"logfile {NOWHERE}")
            self._pipe.close()
            return f"QEMU's monitor does not log exceptions: {said}"
        self._pipe.unlink()
        self._began = True
        return ""

    async def pump(self) -> None:
        """Read for as long as the log goes on, so that a guest that takes many exceptions is not held up."""
        try:
            while self._began and not self._pipe.ended:
                await self._wait_readable()
                if not self.drain() and self._began:
                    await trio.lowlevel.checkpoint()
        except trio.ClosedResourceError:
            return

    async def _wait_readable(self) -> None:
        """Where one is held back and the log is silent, that one goes on its way: its successor comes at once, or is no
        matter of its delivery."""
        quiet = 0
        while self._deliveries.undecided and quiet < SILENCES:
            with trio.move_on_after(SILENCE_SECONDS):
                await self._pipe.wait_readable()
                return
            quiet += 1
        self._decide()
        await self._pipe.wait_readable()

    def drain(self) -> bool:
        """Take what is in the pipe now: all that was delivered before the guest stopped. Was there any?"""
        any_came = False
        for _ in range(READS_AT_ONCE):
            data = self._pipe.read_ready()
            if not data:
                return any_came
            any_came = True
            for came in self._log.read(data):
                if isinstance(came, LoggedException):
                    self._note(came)
                for decided in self._deliveries.take(came):
                    self._take(decided)
            self._count_unread()
        return True

    def _count_unread(self) -> None:
        if not self._log.unread:
            return
        counted = sum(self._log.unread[number] for number in self.vectors)
        self.taken += counted
        counted += self._log.unread[None]
        self._log.unread.clear()
        if counted:
            self.unread += counted
            self.on_unread()

    def _note(self, logged: LoggedException) -> None:
        if logged.vector == DEBUG and not logged.software:
            self.on_debug_exception(logged.pc)
        if logged.vector == UNDEFINED and len(self.undefined) < MOST_UNDEFINED:
            self.undefined.append(logged)

    def settle(self) -> None:
        """The guest stands still: all that it got is taken."""
        while self.drain():
            pass
        self._log.settle()
        self._count_unread()
        self._decide()

    def _decide(self) -> None:
        """Nothing follows that could tell of the last one."""
        for decided in self._deliveries.settle():
            self._take(decided)

    def take_triple_fault(self) -> TripleFault | None:
        """As `Deliveries.gave_up`, of the time since this was asked last."""
        gave_up, self._deliveries.gave_up = self._deliveries.gave_up, None
        return gave_up

    def _take(self, logged: LoggedException) -> None:
        if logged.failed is not None:
            self.on_failed(logged)
        if logged.vector not in self.vectors:
            return
        self.taken += 1
        if self.on_exception is not None:
            self.on_exception(logged)
        elif len(self._waiting) < MOST_KEPT:
            self._waiting.append(logged)
        else:
            self.lost += 1

    def passed_by(self, event: CaughtEvent | None, handlers: Mapping[int, int]) -> Witnessed:
        """What was delivered since the last time and no breakpoint at a handler will show: without ``event``, and
        without those whose handler was itself interrupted at its first instruction, which begins later. ``handlers``
        are the linear addresses that are known, by vector."""
        self.settle()
        found, self._waiting = list(self._waiting), deque()
        begun = [
            one.failed is not None or not any(after.pc == handlers.get(one.vector) for after in found[at + 1 : at + 2])
            for at, one in enumerate(found)
        ]
        told, denied = None, False
        if event is not None:
            same = next((at for at in reversed(range(len(found))) if _are_one(found[at], event)), None)
            held = next((at for at in reversed(range(len(self._held))) if _are_one(self._held[at], event)), None)
            if same is not None:
                told = found.pop(same)
                del begun[same]
            elif held is not None:
                told = self._held.pop(held)
            else:
                denied = not any(_may_be(one, event) for one in (*found, *self._held))
        self._held += [one for one, has_begun in zip(found, begun, strict=True) if not has_begun]
        missed = tuple(self._held[:-MOST_HELD])
        del self._held[:-MOST_HELD]
        passed = (*missed, *(one for one, has_begun in zip(found, begun, strict=True) if has_begun))
        return Witnessed(passed, told, denied)

    def newest_of(self, numbers: Iterable[int]) -> int | None:
        """Which of these vectors was delivered last, if any was since the last time. The guest has to be stopped."""
        self.settle()
        wanted = frozenset(numbers)
        newest = (one.vector for one in reversed(self._waiting) if one.vector in wanted and one.failed is None)
        return next(newest, None)

    def never_begun(self) -> tuple[LoggedException, ...]:
        """At the end: what was delivered, and its handler was never seen to begin."""
        held, self._held = tuple(self._held), []
        return held

    def abandon(self) -> None:
        """QEMU's log is another's now."""
        self._began = False
        self._pipe.close()

    async def end(self) -> None:
        """Have QEMU log as before: nothing. The guest has to be stopped, or gone."""
        if not self._began:
            return
        self._began = False
        if self._remote.lost is None and not self._remote.running:
            await ask_monitor(self._remote, "log none")
            await ask_monitor(self._remote, f"logfile {NOWHERE}")
        self.drain()
        self._pipe.close()


def _are_one(logged: LoggedException, event: CaughtEvent) -> bool:
    if not _may_be(logged, event):
        return False
    return event.frame is None or logged.software or logged.rip == event.frame.rip


def _may_be(logged: LoggedException, event: CaughtEvent) -> bool:
    return logged.vector == event.vector and logged.failed is None
