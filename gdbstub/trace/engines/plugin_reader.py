"""Makes rows of what dr6's plugin records while the guest runs, in a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from gdbstub.backends.qemu.exception_log import ExceptionLog
from gdbstub.backends.qemu.tcg_plugin.plugin_rows import PluginPiece, PluginRows
from gdbstub.backends.qemu.tcg_plugin.ring import Ring
from gdbstub.debugger.instruction_log import KeptPipe

ENOUGH = 4096
"""Rows that are worth a look; fewer, once they have waited for some milliseconds."""
NAP = 0.001
MOST_NAPS = 5
READS_AT_ONCE = 64

Take = Callable[[Sequence[PluginPiece]], bool]


class PluginRecords:
    """Both ways by which QEMU tells: the ring, and the log of exceptions."""

    def __init__(self, ring: Ring, pipe: KeptPipe) -> None:
        self.ring = ring
        self.rows = PluginRows(ring.next_code(), ring.next_access(), ring.has_values)
        self._pipe = pipe
        self._log = ExceptionLog()

    def take(self) -> list[PluginPiece]:
        """What there is. The rings come first: the exceptions in front of each row are in the pipe by then."""
        taken = self.ring.take()
        logged = []
        for _ in range(READS_AT_ONCE):
            data = self._pipe.read_ready()
            if not data:
                break
            logged += self._log.feed(data)
        return self.rows.feed(taken, logged)


class PluginReader:
    """``take`` gets all that comes, in order, in the thread; once it says that it wants no more, or raises, what comes
    is thrown away. ``full`` is called once then, in the thread; the vCPU may wait at its limit."""

    def __init__(
        self, records: PluginRecords, take: Take, full: Callable[[], None], missing: Callable[[], int]
    ) -> None:
        """``missing``: how many rows are wanted beyond those that were taken, once the vCPU waits at its limit."""
        self._records = records
        self._take = take
        self._full = full
        self._missing = missing
        self._finish = threading.Event()
        self._wanted = True
        self._at_limit = False
        self.failure: Exception | None = None
        """What ``take`` raised."""

    def finish(self) -> None:
        """The guest stands: `run` ends once all was taken."""
        self._finish.set()

    def run(self) -> None:
        """In the thread, to the end. Behind the limit all stays where it is, for who has stopped the guest."""
        ring, naps = self._records.ring, 0
        while not self._at_limit:
            last, held = self._finish.is_set(), ring.is_held
            if ring.waiting() < ENOUGH and naps < MOST_NAPS and not last and not held:
                naps += 1
                self._finish.wait(NAP)
                continue
            naps = 0
            self._hand_over()
            if last:
                return
            if held and self._wanted:
                self._go_on(ring)

    def _go_on(self, ring: Ring) -> None:
        """Some of what was recorded was no row: so many more may be."""
        missing = self._missing()
        if missing > 0:
            ring.limit += missing
        else:
            self._at_limit = True
            self._full()

    def _hand_over(self) -> None:
        try:
            pieces = self._records.take()
            if self._wanted and not self._take(pieces):
                self._wanted = False
                self._full()
        except Exception as error:  # raised again by who waits for the thread, once QEMU stands
            if self._wanted:
                self._wanted, self.failure = False, error
                self._full()
