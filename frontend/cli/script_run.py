"""``dr6 trace --script FILE.py``: its ``async def main(debugger)`` drives the guest, and every stop is a row.

A script is a program of the user's and may do what they may. What it raises becomes one sentence with its line.
"""

from __future__ import annotations

import inspect
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import cast

import trio

from frontend.cli.script_api import ScriptedGuest, ScriptEnded
from gdbstub.errors import GdbError
from gdbstub.trace.errors import NotAsExpected
from gdbstub.trace.plan import Reason

Main = Callable[[ScriptedGuest], Awaitable[object]]
GRACE = 1.0
"""Seconds that a script has to end by itself, before what it is doing is broken off."""


class ScriptRun:
    """What `Tracer` is for a trace without a script. ``seconds`` bounds it."""

    def __init__(self, path: str, guest: ScriptedGuest, seconds: float | None) -> None:
        self._path = path
        self._guest = guest
        self._seconds = seconds
        self._scope = trio.CancelScope()
        self._reason: Reason | None = None

    async def run(self) -> Reason:
        """To its end. Raises `GdbError` with one sentence for what the script raises."""
        with self._scope, self._broken_off():
            try:
                main = load(self._path)
                async with trio.open_nursery() as nursery:
                    if self._seconds is not None:
                        nursery.start_soon(self._time_out, self._seconds)
                    await main(self._guest)
                    nursery.cancel_scope.cancel()
            except BaseException as error:
                failure = _first(error)
                if isinstance(failure, ScriptEnded):
                    return "shutdown" if self._guest.ended else self._reason or "seconds"
                if not isinstance(failure, Exception):
                    raise
                raise _sentence(self._path, failure) from failure
        return self._reason or "script"

    async def interrupt(self) -> None:
        """End it (Ctrl-C)."""
        await self._stop("interrupt")

    async def _time_out(self, seconds: float) -> None:
        await trio.sleep(seconds)
        await self._stop("seconds")

    async def _stop(self, reason: Reason) -> None:
        self._reason = self._reason or reason
        self._guest.closing = True
        if self._guest.debugger.running:
            await self._guest.debugger.interrupt()
        await trio.sleep(GRACE)
        self._scope.cancel()

    @contextmanager
    def _broken_off(self) -> Iterator[None]:
        """A script that computes for ever lets nobody else run: after its time, or after Ctrl-C, a signal breaks it off
        in its own code."""
        ours = signal.getsignal(signal.SIGINT)

        def interrupted(number: int, frame: FrameType | None) -> None:
            self._reason = self._reason or "interrupt"
            signal.setitimer(signal.ITIMER_REAL, GRACE, GRACE)
            if callable(ours):
                ours(number, frame)

        def end(number: int, frame: FrameType | None) -> None:
            while frame is not None:
                if frame.f_code.co_filename == self._path:
                    raise ScriptEnded
                frame = frame.f_back

        old = signal.signal(signal.SIGALRM, end), signal.signal(signal.SIGINT, interrupted)
        if self._seconds is not None:
            signal.setitimer(signal.ITIMER_REAL, self._seconds + 2 * GRACE, GRACE)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, old[0])
            signal.signal(signal.SIGINT, old[1])


def load(path: str) -> Main:
    """The script's ``main``; modules beside it can be imported. Raises `GdbError` where it has none."""
    try:
        source = Path(path).read_bytes()
    except OSError as error:
        raise GdbError(f"Cannot read {path}: {error.strerror}.") from error
    sys.path.insert(0, str(Path(path).resolve().parent))
    names: dict[str, object] = {"__name__": "dr6_script", "__file__": path}
    exec(compile(source, path, "exec"), names)
    main = names.get("main")
    if not inspect.iscoroutinefunction(main):
        raise GdbError(f"{path} has no async def main(debugger); that is what runs.")
    return cast("Main", main)


def _first(error: BaseException) -> BaseException | None:
    if isinstance(error, BaseExceptionGroup):
        leaves = [leaf for part in error.exceptions if (leaf := _first(part)) is not None]
        return next((leaf for leaf in leaves if not isinstance(leaf, trio.Cancelled)), leaves[0] if leaves else None)
    return error


def _sentence(path: str, error: BaseException) -> GdbError:
    """What was raised, and the script's own line that it came through last."""
    if isinstance(error, SyntaxError):
        return GdbError(f"{path}, line {error.lineno}: {error.msg}.")
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    if not lines and isinstance(error, GdbError):
        return error
    where = f"{path}, line {lines[-1]}" if lines else path
    said = " ".join(str(error).split()).rstrip(".")
    if isinstance(error, NotAsExpected):
        return NotAsExpected(f"{where}: {said}.")
    kind = "" if isinstance(error, GdbError) else f"{type(error).__name__}: "
    return GdbError(f"{where}: {kind}{said or type(error).__name__}.")
