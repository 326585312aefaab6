"""A second witness beside the breakpoints at handlers: QEMU's log of the exceptions that it delivers (``log int``).

It sees what is delivered before dr6 knows a handler, and it needs no stop. What it can't tell: exceptions of real mode
(QEMU writes no line for them), and which of several vCPUs it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, Protocol

import trio

from gdbstub.backends.qemu.exception_log import ExceptionLog, LoggedException
from gdbstub.debugger.record import CaughtEvent
from gdbstub.errors import GdbError
from gdbstub.remote.target import RemoteTarget

WitnessWanted = Literal["auto", "off", "require"]
MOST_KEPT = 100_000
"""Exceptions that wait for whoever asks for them."""
READS_AT_ONCE = 64
REFUSALS = frozenset((8, 10, 11, 12, 13, 14))
"""What is raised where a vector can't be delivered: #DF, #TS, #NP, #SS, #GP, #PF (SDM vol. 3A 6.15)."""
DEBUG, UNDEFINED = 1, 6
MOST_UNDEFINED = 64
MOST_HELD = 32
"""Exceptions that were delivered and whose handlers have not begun yet."""


class LogPipe(Protocol):
    """What QEMU writes its log to, and we read."""

    path: str
    ended: bool
    """Has the last writer closed it?"""

    def read_ready(self) -> bytes: ...

    async def wait_readable(self) -> None: ...

    def unlink(self) -> None: ...

    def close(self) -> None: ...

    def logged_before(self) -> tuple[str, str] | None:
        """What QEMU logs by its own command line, and where to; None where it is not seen to have the pipe open."""


class Witness:
    """One log, from `begin` to `end`; ``vectors`` are those that count."""

    def __init__(self, remote: RemoteTarget, pipe: LogPipe) -> None:
        self._remote = remote
        self._pipe = pipe
        self._log = ExceptionLog()
        self._waiting: deque[LoggedException] = deque()
        self._held: list[LoggedException] = []
        self._undecided: LoggedException | None = None
        self._began = False
        self.vectors: frozenset[int] = frozenset()
        self.taken = 0
        """How many exceptions of those vectors were delivered since `begin`."""
        self.lost = 0
        """How many of them could not be kept."""
        self.on_exception: Callable[[LoggedException], None] | None = None
        """Hears of each as it comes, instead of its being kept."""
        self.undefined: list[LoggedException] = []
        """The first #UDs, where #DB counts and #UD does not: INT1 raises it where the emulator has none."""
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
        said = (await self._command(f"logfile {self._pipe.path}")).strip()
        before = None if said else self._pipe.logged_before()
        if said or before is None:
            if not said:
                await self._command("logfile /dev/stderr")
            self._pipe.close()
            return f"QEMU does not open a log of dr6's on this machine ({said or 'it is not seen to have it open'})."
        items, file = before
        if items or file:
            await self._command(f"logfile {file or '/dev/stderr'}")
            self._pipe.close()
            return "QEMU logs by its own options (-d, -D), which dr6 leaves alone."
        said = (await self._command("log int")).strip()
        if said:
            await self._command("logfile /dev/stderr")
            self._pipe.close()
            return f"QEMU's monitor does not log exceptions: {said}"
        self._pipe.unlink()
        self._began = True
        return ""

    async def _command(self, words: str) -> str:
        try:
            return await self._remote.monitor(words)
        except GdbError as error:
            return str(error)

    async def pump(self) -> None:
        """Read for as long as the log goes on, so that a guest that takes many exceptions is not held up."""
        try:
            while self._began and not self._pipe.ended:
                await self._pipe.wait_readable()
                if not self.drain() and self._began:
                    await trio.lowlevel.checkpoint()
        except trio.ClosedResourceError:
            return

    def drain(self) -> bool:
        """Take what is in the pipe now: all that was delivered before the guest stopped. Was there any?"""
        any_came = False
        for _ in range(READS_AT_ONCE):
            data = self._pipe.read_ready()
            if not data:
                return any_came
            any_came = True
            for logged in self._log.feed(data):
                self._come(logged)
        return True

    def _come(self, logged: LoggedException) -> None:
        """QEMU writes its line for INT n before it looks at the gate: what refuses it follows at the same RIP."""
        if logged.vector == DEBUG and not logged.software:
            self.on_debug_exception(logged.pc)
        if logged.vector == UNDEFINED and len(self.undefined) < MOST_UNDEFINED:
            self.undefined.append(logged)
        before, self._undecided = self._undecided, None
        if before is not None and not (
            logged.vector in REFUSALS and (logged.cs, logged.rip) == (before.cs, before.rip)
        ):
            self._take(before)
        if logged.software:
            self._undecided = logged
        else:
            self._take(logged)

    def settle(self) -> None:
        """The guest stands still: all that it got is taken, and nothing follows that could refuse the last one."""
        while self.drain():
            pass
        before, self._undecided = self._undecided, None
        if before is not None:
            self._take(before)

    def _take(self, logged: LoggedException) -> None:
        if logged.vector not in self.vectors:
            return
        self.taken += 1
        if self.on_exception is not None:
            self.on_exception(logged)
        elif len(self._waiting) < MOST_KEPT:
            self._waiting.append(logged)
        else:
            self.lost += 1

    def passed_by(self, event: CaughtEvent | None, handlers: Mapping[int, int]) -> tuple[LoggedException, ...]:
        """What was delivered since the last time and no breakpoint at a handler will show: without ``event``, and
        without those whose handler was itself interrupted at its first instruction, which begins later. ``handlers``
        are the linear addresses that are known, by vector."""
        self.settle()
        found, self._waiting = list(self._waiting), deque()
        begun = [
            not any(after.pc == handlers.get(one.vector) for after in found[at + 1 : at + 2])
            for at, one in enumerate(found)
        ]
        if event is not None:
            same = next((at for at in reversed(range(len(found))) if _are_one(found[at], event)), None)
            held = next((at for at in reversed(range(len(self._held))) if _are_one(self._held[at], event)), None)
            if same is not None:
                del found[same], begun[same]
            elif held is not None:
                del self._held[held]
            else:
                self.taken += 1  # in real mode: the log has no line for it
        self._held += [one for one, has_begun in zip(found, begun, strict=True) if not has_begun]
        missed = tuple(self._held[:-MOST_HELD])
        del self._held[:-MOST_HELD]
        return (*missed, *(one for one, has_begun in zip(found, begun, strict=True) if has_begun))

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
            await self._command("log none")
            await self._command("logfile /dev/stderr")
        self.drain()
        self._pipe.close()


def _are_one(logged: LoggedException, event: CaughtEvent) -> bool:
    if logged.vector != event.vector:
        return False
    return event.frame is None or logged.software or logged.rip == event.frame.rip
