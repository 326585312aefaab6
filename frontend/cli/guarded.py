"""Running a command's work: trio around it, and every failure as one sentence with its exit code."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterator

import trio

from frontend.clean import clean
from frontend.cli.failures import FAILURES, exit_code
from frontend.cli.interrupts import Interrupts

Work = Callable[[Interrupts], Awaitable[int]]


def run_headless(work: Work) -> int:
    """``work`` under trio, with Ctrl-C in order; the exit code."""
    interrupts = Interrupts()
    return guarded(lambda: trio.run(interrupts.run, lambda: work(interrupts)))


def guarded(work: Callable[[], int]) -> int:
    """``work``, or one sentence on standard error."""
    try:
        return work()
    except FAILURES as error:
        return _say(error)
    except BaseExceptionGroup as group:  # of a nursery: what failed beside it is told with the first
        failures = tuple(_leaves(group))
        if not all(isinstance(error, (*FAILURES, OSError)) for error in failures):
            raise
        return _say(next((error for error in failures if isinstance(error, FAILURES)), failures[0]))


def _say(error: BaseException) -> int:
    if not isinstance(error, FAILURES):
        raise error
    print(f"dr6: {clean(str(error))}", file=sys.stderr)
    return exit_code(error)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _leaves(part)
    elif not isinstance(error, trio.Cancelled):
        yield error
