"""Ctrl-C in a command without a screen: the first one stops the guest and ends the work in order, the second one at
once."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from typing import TypeVar

import trio

from frontend.cli.exit_codes import INTERRUPTED

T = TypeVar("T")
HURRY: ContextVar[trio.Event | None] = ContextVar("HURRY", default=None)
"""Set at the second signal: what is tidied up then has a second left."""
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ORDER_SECONDS = 5.0
"""How long the work has to end in order behind SIGTERM or SIGHUP; who sends those may send SIGKILL next."""


class Interrupts:
    """Counts the signals of one run. ``on_first`` is what stops the guest, once there is one; where it ends the work,
    too (``in_order``), SIGTERM and SIGHUP take that way, and what was still on its way is not lost."""

    def __init__(self) -> None:
        self.seen = 0
        self.on_first: Callable[[], Awaitable[None]] | None = None
        self.in_order = False
        self._hurry = trio.Event()

    async def run(self, work: Callable[[], Awaitable[T]]) -> T | int:
        """``work`` with signals watched; its result, or 130 when it had to be broken off."""
        result: T | int = INTERRUPTED
        failure: Exception | None = None
        HURRY.set(self._hurry)
        with trio.open_signal_receiver(*ENDINGS) as signals:
            async with trio.open_nursery() as nursery:
                scope = trio.CancelScope()
                nursery.start_soon(self._watch, signals, scope, nursery)
                with scope:
                    try:
                        result = await work()
                    except Exception as error:  # carried out of the nursery as it is, not in a group
                        failure = error
                nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return result

    async def _watch(self, signals: AsyncIterator[int], scope: trio.CancelScope, nursery: trio.Nursery) -> None:
        async for number in signals:
            self.seen += 1
            if self.seen > 1:
                self._hurry.set()
            if self.seen > 1 or self.on_first is None or not (self.in_order or number == signal.SIGINT):
                scope.cancel()
                continue
            nursery.start_soon(self.on_first)  # the second one is heard whatever becomes of the first
            if number != signal.SIGINT:
                nursery.start_soon(_cancel_later, scope)


async def _cancel_later(scope: trio.CancelScope) -> None:
    await trio.sleep(ORDER_SECONDS)
    scope.cancel()
