"""What others want of the guest while one participant lets it run: done in a pause of that run, or at its end.

A run belongs to one task. Another that needs the stopped guest for a moment (a second debugger reads memory, a client
that left wants its breakpoints out) leaves its job here; whoever drives does it where the guest stands still.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from gdbstub.errors import GdbError

T = TypeVar("T")
LEAVING = "The guest can't be reached any more: dr6 is leaving it."


class _Request:
    """A job, and how it ended."""

    def __init__(self, job: Callable[[], Awaitable[object]]) -> None:
        self.job = job
        self.done = trio.Event()
        self.result: object = None
        self.failure: Exception | None = None


class DeferredRequests:
    """A queue of jobs."""

    def __init__(self) -> None:
        self.pause: Callable[[], Awaitable[None]] | None = None
        """Pauses the run that is under way, if there is one that may be paused."""
        self._queue: deque[_Request] = deque()

    @property
    def waiting(self) -> bool:
        """Is there a job that nobody has done yet?"""
        return bool(self._queue)

    async def ask(self, job: Callable[[], Awaitable[T]]) -> T:
        """Have ``job`` done by whoever drives; its result, or what it raised. One whose asker is cancelled is not begun
        any more."""
        request = _Request(job)
        self._queue.append(request)
        try:
            if self.pause is not None:
                await self.pause()
            await request.done.wait()
        except trio.Cancelled:
            if request in self._queue:
                self._queue.remove(request)
            raise
        if request.failure is not None:
            raise request.failure
        return request.result  # type: ignore[return-value]  # the result of this very job

    def refuse(self) -> None:
        """Nobody will do them any more."""
        while self._queue:
            request = self._queue.popleft()
            request.failure = GdbError(LEAVING)
            request.done.set()

    async def serve(self) -> None:
        """Do all of them now. The guest has to be stopped; what a job raises is its asker's."""
        while self._queue:
            request = self._queue.popleft()
            try:
                request.result = await request.job()
            except Exception as error:
                request.failure = error
            except BaseException:  # whoever drives is cancelled: no result must not pass for one
                request.failure = GdbError(LEAVING)
                raise
            finally:
                request.done.set()
