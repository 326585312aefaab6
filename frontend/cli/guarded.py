"""Running a command's work: trio around it, and every failure as one sentence with its exit code."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable

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
        print(f"dr6: {clean(str(error))}", file=sys.stderr)
        return exit_code(error)
