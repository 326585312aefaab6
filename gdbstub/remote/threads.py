"""A stub's names for its vCPUs, and the resumes that name them."""

from __future__ import annotations

from functools import lru_cache

from gdbstub.errors import GdbError
from gdbstub.protocol import messages
from gdbstub.protocol.fields import ThreadId


def named(threads: tuple[ThreadId, ...], cpu: int) -> ThreadId:
    """The stub's name for vCPU ``cpu``. Raises `GdbError` for a vCPU that does not exist."""
    if not 0 <= cpu < max(len(threads), 1):
        raise GdbError(f"There is no vCPU {cpu}; this guest has {len(threads)}, counted from 0.")
    return threads[cpu] if threads else ThreadId(None, 1)


@lru_cache(maxsize=64)
def resume_packet(
    offered: frozenset[str], threads: tuple[ThreadId, ...], step: int | None, only: int | None, others: bool
) -> bytes:
    """A resume, as ``vCont`` where the stub ``offered`` it."""
    action: messages.Action = "c" if step is None else "s"
    if action not in offered:
        return messages.resume(action)
    one = only if step is None else step
    actions: list[tuple[messages.Action, ThreadId | None]] = [(action, None if one is None else named(threads, one))]
    if others and step is not None and len(threads) > 1:
        actions.append(("c", None))
    return messages.resume_threads(actions)
