"""The others at a session's guest, where it is served, and what is done for who has it alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

T = TypeVar("T")

Work = Callable[[], Awaitable[T]]


async def no_wait() -> None:
    """For who has all names already."""


async def at_once(job: Work[T]) -> T:
    """For who has the guest alone."""
    return await job()


class Shared(Protocol):
    """The others at this guest, where it is served."""

    welcome: str

    def describe(self) -> list[str]: ...
    def take(self) -> None: ...
    def give(self) -> None: ...
    async def do(self, line: str, work: Work[None], then: Work[None]) -> None: ...
    async def look(self, job: Work[None]) -> None: ...
    async def leave(self, job: Work[None]) -> None: ...
