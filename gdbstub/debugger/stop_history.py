"""The stops of a session, oldest first, bounded. One that nobody has looked at yet may be kept unexplained: a client of
the server steps thousands of times and asks why once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import overload

from gdbstub.debugger.record import StopRecord


class LazyRecord:
    """A record that is made when it is first asked for."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], StopRecord]) -> None:
        self.make = make


class StopHistory(Sequence[StopRecord]):
    """Reads as a sequence of records."""

    def __init__(self, most: int) -> None:
        self._kept: deque[StopRecord | LazyRecord] = deque(maxlen=most)

    def append(self, record: StopRecord | LazyRecord) -> None:
        self._kept.append(record)

    def replace_last(self, record: StopRecord | LazyRecord) -> None:
        self._kept[-1] = record

    def __len__(self) -> int:
        return len(self._kept)

    @overload
    def __getitem__(self, index: int) -> StopRecord: ...
    @overload
    def __getitem__(self, index: slice) -> list[StopRecord]: ...
    def __getitem__(self, index: int | slice) -> StopRecord | list[StopRecord]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self._kept)))]
        kept = self._kept[index]
        if isinstance(kept, LazyRecord):
            kept = self._kept[index] = kept.make()
        return kept

    def __iter__(self) -> Iterator[StopRecord]:
        return (self[at] for at in range(len(self._kept)))
