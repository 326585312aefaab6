"""A stub's names for its vCPUs, and the resumes that name them."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from gdbstub.errors import GdbError
from gdbstub.protocol import messages
from gdbstub.protocol.fields import ThreadId


class Signal(NamedTuple):
    """One that a process is to get when it goes on; ``cpu`` is the number of its thread (None: whichever goes)."""

    number: int
    cpu: int | None = None


class Span(NamedTuple):
    """Steps of thread number ``cpu`` for as long as its RIP is from ``start`` to before ``end``; ``others`` run."""

    start: int
    end: int
    cpu: int
    others: bool


def named(threads: tuple[ThreadId, ...], cpu: int) -> ThreadId:
    """The stub's name for vCPU ``cpu``. Raises `GdbError` for a vCPU that does not exist."""
    if not 0 <= cpu < max(len(threads), 1):
        raise GdbError(f"There is no vCPU {cpu}; this guest has {len(threads)}, counted from 0.")
    return threads[cpu] if threads else ThreadId(None, 1)


@lru_cache(maxsize=64)
def resume_packet(
    offered: frozenset[str],
    threads: tuple[ThreadId, ...],
    step: int | None,
    only: int | None,
    others: bool,
    signal: Signal | None = None,
    span: Span | None = None,
) -> bytes:
    """A resume, as ``vCont`` where the stub ``offered`` it; ``signal`` is delivered with it. With ``span`` it is the
    stub that steps, for as long as its thread is in there."""
    if span is not None:
        return messages.step_in_range(span.start, span.end, named(threads, span.cpu), others=span.others)
    number = 0 if signal is None else signal.number
    action: messages.Action = "c" if step is None else "s"
    if action not in offered:
        return messages.resume(action, number)
    one = only if step is None else step
    actions: list[tuple[messages.Action, ThreadId | None]] = [(action, None if one is None else named(threads, one))]
    if others and step is not None and len(threads) > 1:
        actions.append(("c", None))
    if signal is not None and signal.cpu not in (None, one):
        actions.insert(0, ("c", named(threads, signal.cpu)))
    return messages.resume_threads(actions, number)
