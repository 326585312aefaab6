"""The stops of a session: numbered, explained and remembered. One that nobody has asked about may wait for that: a
client of the server steps thousands of times and asks why once."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import overload

from gdbstub.backends.qemu.exception_log import LoggedException
from gdbstub.debugger.kept_stops import KeptStops
from gdbstub.debugger.logged_event import Explained, record_of_logged
from gdbstub.debugger.record import StopRecord, StopSummary
from gdbstub.debugger.snapshot import Leak, Snapshot, evidence_of, leaked_tf, may_leak, record_of
from gdbstub.explain.evidence import Action, CodeBytes, Platform, SteppedOver

LEAKS_KEPT = 16
"""Steps over instructions that save RFLAGS, kept for explaining a single-step that nobody asked for."""


class StopLog(Sequence[StopRecord]):
    """The records, oldest first, at most ``most`` (`KeptStops` says which). ``publish`` hears of each that is made at
    its stop; the others are made when they are first looked at."""

    def __init__(self, most: int, publish: Callable[[StopRecord], None]) -> None:
        self.newest: StopSummary | None = None
        """The last stop, in brief."""
        self.number = 0
        """That of the next stop."""
        self.platform = Platform()
        self.leaks_tf = False
        """Does a step set TF in the guest, where an instruction may save it?"""
        self.rip_as_reported = True
        """Has evidence RIP as the stub had it (`evidence_of`)?"""
        self.kept = KeptStops(most)
        self._began = time.monotonic()
        self._publish = publish
        self._explained: Explained = {}
        self._leaks: deque[Leak] = deque(maxlen=LEAKS_KEPT)
        self._unexplained: Callable[[], Snapshot] | None = None

    def begin(self) -> None:
        """Seconds are counted from here."""
        self._began = time.monotonic()

    def keep(self, snapshot: Snapshot, action: Action) -> StopRecord:
        """Explain, number, remember and publish."""
        record = self._record(snapshot, self.number, action, self._seconds, self._stepped)
        self.number += 1
        self.kept.append(record)
        self.newest, self._unexplained = record.brief, None
        self._note_leaks(snapshot, action)
        self._publish(record)
        return record

    def keep_logged(self, logged: LoggedException, cpu: int, window: CodeBytes | None) -> StopRecord:
        """The same of an exception that was seen in the hypervisor's log alone."""
        record = record_of_logged(logged, self.number, cpu, self.platform, window, self._seconds, self._explained)
        self.number += 1
        self.kept.append(record)
        self._publish(record)
        return record

    def announce(self, brief: StopSummary) -> None:
        """A plain step is over; `keep_later` follows."""
        self.number = brief.number + 1
        self.newest = brief

    def keep_later(self, number: int, snapshot: Callable[[], Snapshot]) -> None:
        """Remember a plain step; what it came to is found out when somebody looks at it."""
        seconds, stepped = self._seconds, self._stepped
        self.kept.append(lambda: self._record(snapshot(), number, Action.STEP, seconds, stepped))
        self._unexplained = snapshot
        if self.leaks_tf:
            self._note_leaks(snapshot(), Action.STEP)

    def take_unexplained(self) -> Snapshot | None:
        """The newest stop, if it has been read in part only; once."""
        snapshot, self._unexplained = self._unexplained, None
        return None if snapshot is None else snapshot()

    def complete(self, snapshot: Snapshot) -> None:
        """The newest stop was a plain step, and all of it has been read now."""
        if self.newest is not None:
            number = self.newest.number
            self.kept.entries[-1] = self._record(snapshot, number, Action.STEP, self._seconds, self._stepped)

    # -- the records ----------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.kept.entries)

    @overload
    def __getitem__(self, index: int) -> StopRecord: ...
    @overload
    def __getitem__(self, index: slice) -> list[StopRecord]: ...
    def __getitem__(self, index: int | slice) -> StopRecord | list[StopRecord]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        entry = self.kept.entries[index]
        if not isinstance(entry, StopRecord):
            entry = self.kept.entries[index] = entry()
        return entry

    def __iter__(self) -> Iterator[StopRecord]:
        return (self[at] for at in range(len(self)))

    # -- how they are made ----------------------------------------------------------------------------------

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._began

    @property
    def _stepped(self) -> tuple[SteppedOver, ...]:
        return tuple(leak.stepped for leak in self._leaks) if self._leaks else ()

    def _record(
        self, snapshot: Snapshot, number: int, action: Action, seconds: float, stepped: tuple[SteppedOver, ...]
    ) -> StopRecord:
        evidence = evidence_of(snapshot, action, self.platform, stepped, rip_as_reported=self.rip_as_reported)
        return record_of(snapshot, number, action, evidence, seconds)

    def _note_leaks(self, snapshot: Snapshot, action: Action) -> None:
        if self._leaks:
            self._leaks = deque((leak for leak in self._leaks if may_leak(leak, snapshot)), maxlen=LEAKS_KEPT)
        if self.leaks_tf and action is Action.STEP and (leak := leaked_tf(snapshot)) is not None:
            self._leaks.append(leak)
