"""Bytes to frames and back: ``$payload#xx``, ``%payload#xx``, ``+``, ``-`` and 0x03.

`FrameReader` is pure and never raises for what the peer sent: what is no frame comes out as `Malformed`, and
reading goes on at the next byte that can start one. A ``$`` can't stand inside a packet (it would be escaped,
and a run length may not be written with it), so a ``$`` always starts afresh, as in gdb's ``read_frame``.

The reader is on the path of every stop: one step of a QEMU guest brings some thirty frames, most of them
monitor text. So it searches and slices, and looks at single bytes only where an escape or a run length is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final, Literal, NamedTuple
from zlib import adler32

from gdbstub.errors import RemoteProtocolError
from gdbstub.protocol.fields import escape, unescape
from gdbstub.protocol.run_lengths import MAX_FRAME, compress_hex, expand_runs

_ADLER_EXACT, _ADLER_EXACT_ASCII = 256, 512
_DOLLAR, _PERCENT = b"$%"
_HEXES = tuple(b"%02x" % value for value in range(256))
_DIGIT_PAIRS = {bytes((a, b)) for a in b"0123456789abcdefABCDEF" for b in b"0123456789abcdefABCDEF"}
_START = re.compile(rb"[$%+\-\x03]")
_KEPT_OF_MALFORMED = 256
_CUT_OFF = "a packet was cut off by the start of the next"


@dataclass(frozen=True, slots=True)
class Packet:
    """A whole packet; escapes and run lengths are already undone."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Notification:
    """A whole asynchronous notification; never acknowledged."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Malformed:
    """Bytes that are no frame. ``packet`` says whether they stood where a packet was (damaged in transit, or
    too long), so that an answer is lost with them. ``raw`` is what was read, at most its first 256 bytes."""

    reason: str
    raw: bytes
    packet: bool


class Mark(Enum):
    """The frames of one byte."""

    ACK = b"+"
    NACK = b"-"
    BREAK = b"\x03"


ACK: Final[Literal[Mark.ACK]] = Mark.ACK
NACK: Final[Literal[Mark.NACK]] = Mark.NACK
BREAK: Final[Literal[Mark.BREAK]] = Mark.BREAK

Frame = Packet | Notification | Malformed | Mark

_MARKS = {mark.value[0]: mark for mark in Mark}


def checksum(data: bytes) -> int:
    """The sum of the bytes modulo 256.

    Adler-32 started at 0 holds that sum, modulo 65521, in its low half: exact for 256 bytes at a time (512 of ASCII),
    and several times faster than ``sum``.
    """
    if len(data) <= _ADLER_EXACT:
        return adler32(data, 0) & 0xFF
    exact = _ADLER_EXACT_ASCII if data.isascii() else _ADLER_EXACT
    return sum([adler32(data[at : at + exact], 0) & 0xFF for at in range(0, len(data), exact)]) & 0xFF


def encode_binary(payload: bytes) -> bytes:
    """``payload`` as it stands between ``$`` and ``#``."""
    return escape(payload)


def _build(payload: bytes) -> bytes:
    body = escape(payload)
    return b"$%b#%02x" % (body, checksum(body))


_build_cached = lru_cache(maxsize=512)(_build)


def frame(payload: bytes) -> bytes:
    """The packet that carries ``payload``, escaped where needed. (The same few recur at each stop.)"""
    return _build_cached(payload) if len(payload) <= 64 else _build(payload)


def frame_compressed(digits: bytes) -> bytes:
    """The packet that carries hex digits, run-length encoded."""
    body = compress_hex(digits)
    return b"$%b#%02x" % (body, checksum(body))


def frame_notification(payload: bytes) -> bytes:
    """The notification that carries ``payload``."""
    return b"%" + _build(payload)[1:]


class WholePackets(NamedTuple):
    """What `whole_packets` found: the payloads in order, and how many acknowledgments stood between them."""

    payloads: tuple[bytes, ...]
    acks: int


def whole_packets(data: bytes) -> WholePackets | None:
    """``data`` where it is acknowledgments and whole, undamaged packets, and nothing in them is to be undone; None for
    anything else, which is left to a `FrameReader`. Almost all that comes is of this kind, and costs a third so."""
    return _cut_cached(data) if len(data) <= 64 else _cut(data)


def _cut(data: bytes) -> WholePackets | None:
    if data[-3:-2] != b"#" or b"*" in data or b"}" in data:
        return None
    head, *packets = data.split(b"$")
    acks = len(head)
    if head.strip(b"+") or not packets:
        return None
    payloads = []
    for packet in packets:
        payload, _, end = packet.partition(b"#")
        if (digits := end.rstrip(b"+")) != _HEXES[checksum(payload)]:
            return None
        acks += len(end) - len(digits)
        payloads.append(payload)
    return WholePackets(tuple(payloads), acks)


_cut_cached = lru_cache(maxsize=512)(_cut)  # the same few come again at each step


class FrameReader:
    """Cuts a stream of bytes into frames.

    ``max_size`` bounds a packet, both as sent and expanded. ``run_lengths`` is for who reads replies: in
    requests ``*`` is an ordinary byte. ``verify`` may be switched off at any time (no-ack mode).
    """

    def __init__(self, max_size: int = MAX_FRAME, *, run_lengths: bool = True, verify: bool = True) -> None:
        self.max_size = max_size
        self.verify = verify
        self._run_lengths = run_lengths
        self._buffer = b""
        self._at = 0
        self._searched = 0  # no '#' before here in the frame that starts at _at
        self._skipping = False  # within a packet that was already reported as too long

    def feed(self, data: bytes) -> None:
        """Append what arrived."""
        if self._at < len(self._buffer):
            self._buffer = self._buffer[self._at :] + data
            self._searched = max(0, self._searched - self._at)
        else:
            self._buffer = data
            self._searched = 0
        self._at = 0

    @property
    def empty(self) -> bool:
        """Is nothing left of what was fed?"""
        return self._at >= len(self._buffer)

    def clear(self) -> None:
        """Forget what was fed and not yet read."""
        self._at = len(self._buffer)

    def next_frame(self) -> Frame | None:
        """The next frame, or None until more is fed."""
        buffer, at = self._buffer, self._at
        if at >= len(buffer):
            return None
        first = buffer[at]
        if self._skipping or (first != _DOLLAR and first != _PERCENT):
            return self._between(first)
        end = buffer.find(b"#", self._searched if self._searched > at else at)
        if end < 0 or len(buffer) < end + 3:
            return self._incomplete(end)
        if (start := buffer.rfind(b"$", at + 1, end)) >= 0:
            return self._drop(start, _CUT_OFF)
        body, digits = buffer[at + 1 : end], buffer[end + 1 : end + 3]
        if (not self.verify or digits != _HEXES[checksum(body)]) and (
            bad := self._mismatch(body, digits, end)
        ) is not None:
            return bad
        self._at = end + 3
        if b"}" in body or b"*" in body or end - at > self.max_size:
            return self._expanded(first, body)
        return Packet(body) if first == _DOLLAR else Notification(body)

    def console_run(self) -> list[bytes]:
        """The hex of all plain ``O`` packets that come next; empty when something else does.

        The same as `next_frame` again and again, for a third of the time: a stop on QEMU brings twenty-eight.
        """
        buffer, at, texts = self._buffer, self._at, []
        while buffer.startswith(b"$O", at):
            end = buffer.find(b"#", at)
            body = buffer[at + 1 : end]
            if end < 0 or len(body) > _ADLER_EXACT or not body.isalnum() or body == b"OK":
                break
            if buffer[end + 1 : end + 3] != _HEXES[adler32(body, 0) & 0xFF]:
                break
            texts.append(body[1:])
            at = end + 3
        self._at = at
        return texts

    def _between(self, first: int) -> Frame | None:
        if self._skipping:
            return self._skip()
        mark = _MARKS.get(first)
        if mark is not None:
            self._at += 1
            return mark
        found = _START.search(self._buffer, self._at)
        return self._drop(found.start() if found else len(self._buffer), "bytes outside of any packet")

    def _incomplete(self, end: int) -> Malformed | None:
        self._searched = end if end >= 0 else len(self._buffer)
        if self._searched - self._at <= self.max_size:
            return None
        if (start := self._buffer.rfind(b"$", self._at + 1, self._searched)) >= 0:
            return self._drop(start, _CUT_OFF)
        self._skipping = True
        raw = self._buffer[self._at : self._at + _KEPT_OF_MALFORMED]
        self._at = self._searched
        return self._too_long(raw)

    def _too_long(self, raw: bytes) -> Malformed:
        return Malformed(f"a packet is longer than {self.max_size} bytes", raw, True)

    def _skip(self) -> Frame | None:
        """Pass over the rest of a packet that was too long: to its checksum, or to the next ``$``."""
        buffer = self._buffer
        end, start = buffer.find(b"#", self._at), buffer.find(b"$", self._at)
        if start >= 0 and (end < 0 or start < end):
            self._at = start
        elif end < 0 or len(buffer) < end + 3:
            self._at = len(buffer) if end < 0 else end
            return None
        else:
            self._at = end + (3 if buffer[end + 1 : end + 3] in _DIGIT_PAIRS else 1)
        self._skipping = False
        return self.next_frame()

    def _drop(self, upto: int, reason: str) -> Malformed:
        raw = self._buffer[self._at : min(upto, self._at + _KEPT_OF_MALFORMED)]
        self._at = upto
        return Malformed(reason, raw, False)

    def _mismatch(self, body: bytes, digits: bytes, end: int) -> Malformed | None:
        """None when the digits will do after all: upper case, or nobody verifies."""
        if digits not in _DIGIT_PAIRS:
            return self._drop(end + 1, "a packet has no checksum")
        if not self.verify or int(digits, 16) == checksum(body):
            return None
        self._at = end + 3
        reason = f"a packet says checksum {digits.decode()} and has {checksum(body):02x}"
        return Malformed(reason, body[:_KEPT_OF_MALFORMED], True)

    def _expanded(self, first: int, body: bytes) -> Frame:
        if len(body) > self.max_size:
            return self._too_long(body[:_KEPT_OF_MALFORMED])
        try:
            whole = unescape(expand_runs(body, self.max_size) if self._run_lengths else body)
        except RemoteProtocolError:
            return Malformed("a packet has a broken escape or run length", body[:_KEPT_OF_MALFORMED], True)
        return Packet(whole) if first == _DOLLAR else Notification(whole)
