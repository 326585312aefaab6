"""May the int3s that an earlier dr6 left in a guest be taken out? Who sits at a terminal is asked, scripts are not."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable

import trio

from frontend.clean import clean

Ask = Callable[[str], Awaitable[bool]]


async def always(question: str) -> bool:
    return True


async def never(question: str) -> bool:
    return False


async def at_terminal(question: str) -> bool:
    """Enter is a yes; so is the end of the input. The guest stands still meanwhile."""
    text = f"dr6: {clean(question)} [Y/n] "
    answer = await trio.to_thread.run_sync(_read, text, abandon_on_cancel=True)
    return not answer.strip().lower().startswith("n")


def _read(text: str) -> str:
    print(text, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline()
