"""The thread that reads QEMU's log: all that comes is read, wanted or not, and in order."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

from gdbstub.backends.qemu.cpu_log.log_rows import LogRows, Piece
from gdbstub.trace.engines.log_intake import READ_BYTES, LogIntake
from gdbstub.trace.engines.log_reader import LogReader
from tests.gdbstub.backends.qemu.cpu_log.test_log_rows import fed, text, told


class Run:
    """A reader in a thread of its own, and who writes."""

    def __init__(self, take: Callable[[Iterable[Piece]], bool], rows: LogRows) -> None:
        ours, self.theirs = os.pipe()
        os.set_blocking(ours, False)
        self.full = threading.Event()
        self.reader = LogReader(ours, rows, take, self.full.set, lambda: 100_000)
        self.thread = threading.Thread(target=self.reader.run)
        self.thread.start()

    def write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.theirs, data) :]

    def end(self) -> None:
        self.reader.finish()
        self.thread.join(30)
        assert not self.thread.is_alive()
        with suppress(OSError):
            os.close(self.theirs)


def test_all_that_was_written_before_the_end_is_taken() -> None:
    rows, found = LogRows(), list[object]()

    def take(pieces: Iterable[Piece]) -> bool:
        found.extend(told(rows, list(pieces)))
        return True

    run = Run(take, rows)
    run.write(text())
    run.end()
    assert found == fed(text())
    assert not run.full.is_set()


def test_who_wants_no_more_is_asked_no_more_and_the_rest_is_read_all_the_same() -> None:
    asked = []

    def take(pieces: Iterable[Piece]) -> bool:
        asked.append(pieces)
        return False

    run = Run(take, LogRows())
    writing = threading.Thread(target=run.write, args=(text() * 3,))
    writing.start()
    assert run.full.wait(30)
    run.reader.drain()
    writing.join(30)
    assert not writing.is_alive()
    run.end()
    assert len(asked) == 1


def test_what_taking_raises_is_kept_and_qemu_is_not_held_up() -> None:
    def take(pieces: Iterable[Piece]) -> bool:
        raise OSError("full")

    run = Run(take, LogRows())
    writing = threading.Thread(target=run.write, args=(text() * 3,))
    writing.start()
    assert run.full.wait(30)
    run.reader.drain()
    writing.join(30)
    run.end()
    assert str(run.reader.failure) == "full"
    assert run.full.is_set()


def test_a_log_that_qemu_closes_is_noticed() -> None:
    run = Run(lambda pieces: True, LogRows())
    os.close(run.theirs)
    assert run.full.wait(30)
    assert run.reader.closed
    run.end()


def test_what_waits_is_taken_in_order_and_not_at_once() -> None:
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    intake = LogIntake(ours)
    intake.start()
    written = b"".join(b"%7d\n" % number for number in range(80_000))
    for start in range(0, len(written), READ_BYTES):
        os.write(theirs, written[start : start + READ_BYTES])
    intake.finish()
    taken = list(iter(lambda: intake.take(len(written), READ_BYTES, 30.0), None))
    os.close(theirs)
    assert b"".join(taken) == written
    assert max(map(len, taken)) <= READ_BYTES
