"""The other side of a recorded session, played again.

What is sent to it must be what was sent then, byte for byte; what it answers, it answers as soon as
everything that was sent before that answer has been sent again. Chunks, times and the order of unrelated
tasks do not matter, so the client that made the recording makes it again. Beside the bytes it gives back
the notes (`wait_note`), each when the session has come to the point where it was written.
"""

from __future__ import annotations

import trio

from transports.transcript import End, Note, Received, Sent, Transcript

SHOWN = 40


class ReplayDiverged(trio.BrokenResourceError):
    """What was sent is not what was recorded; the sentence shows both."""


class RecordingEnded(trio.BrokenResourceError):
    """There is nothing behind the last line of the recording."""


class ReplayStream(trio.abc.Stream):
    """Plays the peer of ``transcript``. `divergence` is the error of the first difference, once there is
    one.
    """

    def __init__(self, transcript: Transcript) -> None:
        self.transcript = transcript
        self.divergence: ReplayDiverged | None = None
        self._entries = transcript.entries
        self._out = 0  # the entry that holds the next byte to be sent…
        self._out_at = 0  # …and where in it
        self._in = 0  # the entry that holds the next byte to be received, and where
        self._in_at = 0
        self._note = 0  # where to look for the next note
        self._closed = False
        self._receiving = False
        self._moved = trio.lowlevel.ParkingLot()
        self._skip_to_sent()
        self._skip_to_received()

    def reads(self, what: str) -> bool:
        """Did the session that was recorded ask for this?"""
        return what in self.transcript.header.reads

    @property
    def unsent(self) -> int:
        """How many bytes were recorded as sent and have not been sent again."""
        sent = (len(entry.data) for entry in self._entries[self._out :] if isinstance(entry, Sent))
        return sum(sent) - self._out_at

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        self._check_usable()
        rest = bytes(data)
        while rest:
            rest = self._match(rest)
        self._skip_to_received()
        self._moved.unpark_all()

    def _match(self, data: bytes) -> bytes:
        """Compare the start of ``data`` with what was recorded; the part behind the entry in hand is
        returned.
        """
        if self._out == len(self._entries):
            raise RecordingEnded(f"{self._ending()}, and dr6 now also sends {_shown(data)}.")
        entry = self._entries[self._out]
        assert isinstance(entry, Sent)
        wanted = entry.data[self._out_at :]
        if not (wanted.startswith(data) or data.startswith(wanted)):
            self.divergence = self._difference(entry, data)
            self._moved.unpark_all()
            raise self.divergence
        if len(data) < len(wanted):
            self._out_at += len(data)
            return b""
        self._out, self._out_at = self._out + 1, 0
        self._skip_to_sent()
        return data[len(wanted) :]

    def _difference(self, entry: Sent, data: bytes) -> ReplayDiverged:
        wanted = entry.data[self._out_at :]
        same = next(i for i, (a, b) in enumerate(zip(wanted, data, strict=False)) if a != b)
        start = max(0, same - SHOWN // 2)
        return ReplayDiverged(
            f"The replay departs from the recording at its line {entry.line}, byte {self._out_at + same}: "
            f"recorded {_shown(wanted[start:])}, sent now {_shown(data[start:])}."
        )

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()
        self._check_usable()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """The next recorded bytes; ``b""`` where the peer closed the stream.

        Behind the last line it raises `RecordingEnded`, but only when nothing else in the program goes on:
        whoever still works on the last answer is not disturbed.
        """
        if max_bytes is not None and max_bytes < 1:
            raise ValueError("max_bytes must be at least 1")
        if self._receiving:
            raise trio.BusyResourceError("another task is receiving from this replay")
        self._receiving = True
        try:
            await trio.lowlevel.checkpoint()
            return await self._receive(max_bytes)
        finally:
            self._receiving = False

    async def _receive(self, max_bytes: int | None) -> bytes:
        while True:
            self._check_usable()
            if self._in == len(self._entries):
                await _wait_all_else_blocked()
                self._check_usable()
                raise RecordingEnded(f"{self._ending()}.")
            match self._entries[self._in]:
                case Received(data):
                    return self._take(data, max_bytes)
                case End("peer"):
                    return b""
            await self._moved.park()

    def _take(self, data: bytes, max_bytes: int | None) -> bytes:
        end = len(data) if max_bytes is None else min(len(data), self._in_at + max_bytes)
        taken = data[self._in_at : end]
        self._in_at = end
        if end == len(data):
            self._in, self._in_at = self._in + 1, 0
            self._skip_to_received()
            self._moved.unpark_all()
        return taken

    async def wait_note(self) -> Note | None:
        """The next note, when everything recorded before it has been sent and received; None behind the
        last.
        """
        await trio.lowlevel.checkpoint()
        entries = self._entries
        while self._note < len(entries) and not isinstance(entries[self._note], Note):
            self._note += 1
        if self._note == len(entries):
            return None
        while min(self._in, self._out) < self._note:
            self._check_usable()
            await self._moved.park()
        note = entries[self._note]
        assert isinstance(note, Note)
        self._note += 1
        return note

    async def aclose(self) -> None:
        self._closed = True
        self._moved.unpark_all()
        await trio.lowlevel.checkpoint()

    def _check_usable(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this replay was closed")
        if self.divergence is not None:
            raise self.divergence

    def _skip_to_sent(self) -> None:
        while self._out < len(self._entries) and not isinstance(self._entries[self._out], Sent):
            self._out += 1

    def _skip_to_received(self) -> None:
        """Go on to the next bytes to be received, but not past what has not been sent yet."""
        while self._in < len(self._entries):
            match self._entries[self._in]:
                case Received():
                    return
                case End(side) if side == "peer":
                    return
                case Sent() if self._in >= self._out:
                    return
            self._in += 1

    def _ending(self) -> str:
        return "The recording was cut off here" if self.transcript.cut else "The recording ends here"


async def _wait_all_else_blocked() -> None:
    from trio.testing import wait_all_tasks_blocked  # imports pytest where that is installed: slow

    await wait_all_tasks_blocked()


def _shown(data: bytes) -> str:
    """At most `SHOWN` bytes as printable ASCII."""
    return repr(data[:SHOWN])[1:] + ("…" if len(data) > SHOWN else "")
