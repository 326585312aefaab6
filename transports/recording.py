"""Recording a session: a stream that passes everything on and writes it down.

A recording must never cost the session: when the file can no longer be written, the recorder says so once and
stops, and the stream goes on.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import trio

from transports.errors import CannotRecord
from transports.files import open_to_write
from transports.transcript import RESERVED, Header, Side, entry_line, header_line, text_of


class Recorder:
    """Writes to the open file descriptor ``fd``, every line at once.

    ``clock`` gives seconds; without it lines carry no times. `failure` is the sentence that says why the
    recording stopped early, or None; ``on_failure`` gets it at that moment.
    """

    def __init__(
        self,
        fd: int,
        header: Header,
        *,
        clock: Callable[[], float] | None = None,
        on_failure: Callable[[str], None] | None = None,
    ) -> None:
        self._fd = fd
        self._clock = clock
        self._start = clock() if clock else 0.0
        self._on_failure = on_failure
        self._ended = False
        self.failure: str | None = None
        self._write(header_line(header))

    def note(self, kind: str, text: str) -> None:
        """Write down something beside the bytes: ``note("command", "stepi")``. Written after the end, it is
        lost.
        """
        if kind in RESERVED:
            raise ValueError(f"{kind!r} is a key of the format itself")
        self._entry(kind, text)

    def sent(self, data: bytes | bytearray | memoryview) -> None:
        self._entry(">", text_of(data))

    def received(self, data: bytes | bytearray) -> None:
        self._entry("<", text_of(data))

    def end(self, side: Side) -> None:
        """The stream is closed; only the first end counts."""
        self._entry("end", side)
        self._ended = True

    def _entry(self, key: str, text: str) -> None:
        if not self._ended:
            self._write(entry_line(key, text, self._clock() - self._start if self._clock else None))

    def _write(self, line: bytes) -> None:
        if self.failure is not None:
            return
        try:
            while line:
                line = line[os.write(self._fd, line) :]
        except OSError as error:
            self.failure = f"The recording was stopped, its file cannot be written: {error.strerror}."
            if self._on_failure is not None:
                self._on_failure(self.failure)


class RecordingStream(trio.abc.Stream):
    """``inner`` with everything that passes written to ``recorder``."""

    def __init__(self, inner: trio.abc.Stream, recorder: Recorder) -> None:
        self._inner = inner
        self._recorder = recorder

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        # Written down first: another task may see the answer before send_all is back.
        await trio.lowlevel.checkpoint_if_cancelled()
        if data:
            self._recorder.sent(data)
        await self._inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = await self._inner.receive_some(max_bytes)
        if data:
            self._recorder.received(data)
        else:
            self._recorder.end("peer")
        return data

    async def aclose(self) -> None:
        self._recorder.end("us")
        await self._inner.aclose()


@contextlib.contextmanager
def open_recorder(
    path: str | Path,
    header: Header,
    *,
    clock: Callable[[], float] | None = None,
    on_failure: Callable[[str], None] | None = None,
) -> Iterator[Recorder]:
    """A recorder into a new file (an old one of that name is replaced), or `CannotRecord`."""
    try:
        fd = open_to_write(path)
    except OSError as error:
        raise CannotRecord(f"The recording {str(path)!r} cannot be written: {error.strerror}.") from error
    try:
        recorder = Recorder(fd, header, clock=clock, on_failure=on_failure)
        if recorder.failure is not None:
            raise CannotRecord(f"The recording {str(path)!r} cannot be written: the device refuses its first line.")
        yield recorder
    finally:
        os.close(fd)
