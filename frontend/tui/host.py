"""The two loops in one thread: prompt_toolkit on asyncio, the core as pure trio, its guest. The only asyncio.

Two laws of trio's guest mode stand behind it: trio must run to its end, and there is one guest run per host
loop. Whatever ends first ends the other: an error of either side comes out of `run_both` when both are
through with their ``finally``.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import trio
from prompt_toolkit.application import Application

if TYPE_CHECKING:
    from outcome import Outcome  # trio's own dependency; only its type is named here

T = TypeVar("T")
Main = Callable[[Callable[[], None]], Awaitable[T]]
"""The trio side. It is given a function that brings the application to the screen: what fails before that
is seen on a terminal that nobody touched."""

ENDINGS = (signal.SIGTERM, signal.SIGHUP)


class TerminatedError(Exception):
    """A signal asked us to end (``number`` says which), or the terminal is gone, which is as good as SIGHUP."""

    def __init__(self, number: int, text: str | None = None) -> None:
        self.number = number
        super().__init__(text or f"Ended by {signal.Signals(number).name}.")


def run(app: Application[None], main: Main[T]) -> T | None:
    """`run_both` on a fresh asyncio loop."""
    return asyncio.run(run_both(app, main))


def later(app: Application[None], seconds: float, call: Callable[[], None]) -> Callable[[], None]:
    """A function that has ``call`` called once, ``seconds`` from when it was first asked since the last time."""
    waiting = False

    def fire() -> None:
        nonlocal waiting
        waiting = False
        call()

    def ask() -> None:
        nonlocal waiting
        if not waiting and app.loop is not None:
            waiting = True
            app.loop.call_later(seconds, fire)

    return ask


@contextmanager
def _heard(loop: asyncio.AbstractEventLoop, end: Callable[[BaseException], None]) -> Iterator[None]:
    """``end`` is told of `ENDINGS`, and of what fails in a callback of ``loop``."""

    def failed(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        end(error if isinstance(error, BaseException) else RuntimeError(str(context["message"])))

    loop.set_exception_handler(failed)
    for number in ENDINGS:
        loop.add_signal_handler(number, end, TerminatedError(number))
    try:
        yield
    finally:
        loop.set_exception_handler(None)
        for number in ENDINGS:
            loop.remove_signal_handler(number)


async def run_both(app: Application[None], main: Main[T]) -> T | None:
    """Run ``main`` under trio, and ``app`` from when it asks for the screen until it returns.

    Returns what ``main`` returned, None when the application ended first and ``main`` was cancelled. Raises
    what the application raised, else what ``main`` raised; `TerminatedError` on SIGTERM, SIGHUP and
    when the terminal is gone.
    """
    loop = asyncio.get_running_loop()
    shown: asyncio.Future[None] = loop.create_future()
    done: asyncio.Future[Outcome[T | None]] = loop.create_future()
    scope = trio.CancelScope()

    def show() -> None:
        if not shown.done():
            shown.set_result(None)

    async def guest() -> T | None:
        with scope:
            return await main(show)
        return None

    def finished(result: Outcome[T | None]) -> None:
        done.set_result(result)
        show()
        if app.is_running and not app.is_done:
            app.exit()

    def end(error: BaseException) -> None:
        """End the application, or what it is still waiting for, with ``error``."""
        if app.is_running and not app.is_done:
            app.exit(exception=error)
        elif not shown.done():
            shown.set_exception(error)

    with _heard(loop, end):
        trio.lowlevel.start_guest_run(
            guest,
            run_sync_soon_threadsafe=loop.call_soon_threadsafe,
            done_callback=finished,
            host_uses_signal_set_wakeup_fd=True,
        )
        try:
            await shown
            if not done.done():
                await app.run_async(handle_sigint=False, set_exception_handler=False)
        except (EOFError, OSError) as error:  # neither panes nor keys read or write anything but the terminal
            raise TerminatedError(signal.SIGHUP, "The terminal is gone.") from error
        except BaseException:
            app.renderer.reset()
            raise
        finally:
            if not done.done():
                scope.cancel()
            result = await done
        return result.unwrap()
