"""A guest's debugger, for one task at a time.

Who needs the stopped guest while another has it (to read memory at its own prompt while the guest runs) leaves a
request, which is done in a pause of the run.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Protocol, TypeVar

import trio

from gdbstub.debugger.debugger import Debugger
from gdbstub.errors import TransportError

T = TypeVar("T")

IDLE_SECONDS = 0.2
"""How long nobody has asked anything of the stub before it is listened to."""


class Reach(Protocol):
    """Does a job with the guest stopped: `GuestLock.reach`, or what stands for it."""

    async def __call__(self, job: Callable[[], Awaitable[T]], /) -> T: ...


class GuestLock:
    """The debugger and who has it. Run `watch` beside it."""

    def __init__(self, debugger: Debugger) -> None:
        self.debugger = debugger
        self.lost: str | None = None
        """Why there is no stub any more."""
        self._wanted_stopped = 0
        self._lock = trio.Semaphore(1, max_value=1)  # what one task begins another may finish
        self._held = False
        self._listening: trio.CancelScope | None = None
        self._touched = trio.current_time()

    @property
    def busy(self) -> bool:
        """Has somebody the debugger?"""
        return self._held

    @property
    def free(self) -> bool:
        """Could it be had at once? Not while the idle stub is listened to, though nobody is ``busy`` then."""
        return self._lock.value > 0

    @asynccontextmanager
    async def lock(self) -> AsyncIterator[Debugger]:
        """Have the debugger alone; at the end what the others want meanwhile is done."""
        if self._listening is not None:
            self._listening.cancel()
        await self._lock.acquire()
        self._held = True
        async with self.locked():
            yield self.debugger

    def lock_at_once(self) -> bool:
        """Have the debugger alone until `unlock`, or within `locked`, if nobody else has it, or wants it stopped."""
        if self.wanted_stopped or self.lost is not None or self._lock.value == 0:
            return False
        self._lock.acquire_nowait()
        self._held = True
        return True

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """The rest of the time in which the caller has the debugger."""
        try:
            yield
        finally:
            try:
                if self.debugger.running:  # a run that was given up half-way; who closes the session stops the guest
                    self.debugger.deferred.refuse()
                elif self.debugger.deferred.waiting:
                    with trio.CancelScope(shield=True):
                        await self.debugger.deferred.serve()
            finally:
                self.unlock()

    def unlock(self) -> None:
        self._touched = trio.current_time()
        self._held = False
        self._lock.release()

    @asynccontextmanager
    async def release_while(self) -> AsyncIterator[None]:
        """Within a `lock`: let the others have it for as long as a user thinks about a question. Who lets the guest run
        meanwhile is stopped in the end."""
        self._held = False
        self._lock.release()
        try:
            yield
        finally:
            with self.stopping(), trio.CancelScope(shield=True):
                if self._held:
                    await self.debugger.interrupt()
                await self._lock.acquire()
            self._held = True

    @contextmanager
    def stopping(self) -> Iterator[None]:
        """Meanwhile no other run begins."""
        self._wanted_stopped += 1
        try:
            yield
        finally:
            self._wanted_stopped -= 1

    @property
    def wanted_stopped(self) -> bool:
        """Does somebody want the guest stopped before another run begins?"""
        return self._wanted_stopped > 0

    async def reach(self, job: Callable[[], Awaitable[T]]) -> T:
        """Do ``job`` with the guest stopped: now, or in a pause of the run that is under way. Raises what it raises."""
        if self.lost is not None:
            raise TransportError(self.lost)
        if self._held:
            return await self.debugger.deferred.ask(job)
        async with self.lock():
            return await job()

    async def watch(self, lose: Callable[[str], None]) -> None:
        """Listen to a stub that nobody asks anything, so that ``lose`` hears of its end when it comes."""
        while self.lost is None and not self.debugger.ended:
            await trio.sleep(IDLE_SECONDS)
            if self._lock.value == 0 or trio.current_time() - self._touched < IDLE_SECONDS:
                continue
            async with self._lock:
                with trio.CancelScope() as self._listening:
                    if not self._lock.statistics().tasks_waiting:  # who came while it was taken can't have cancelled
                        await self.debugger.watch_idle()
                self._listening = None
            if self.debugger.lost is not None:
                lose(self.debugger.lost)
