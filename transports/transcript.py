"""The recording of a session as a file: JSON lines, flushed one by one, readable without tools.

    {"transcript": 1, "tool": "dr6 0.1.0", "target": "tcp:127.0.0.1:1234", "date": "2026…", "command": [… ]}
    {"command": "stepi"}                      a note: what the user asked for at this point
    {">": "+$vCont;s:p1.1#…"}                 bytes that we sent
    {"<": "+$T05thread:p01.01;#07"}           bytes that we received
    {"end": "us"}                             we closed the stream ("peer": the other side did)

Bytes stand for the characters U+0000 to U+00FF; all but printable ASCII is escaped as JSON does. The edges
of the chunks mean nothing. A line may carry ``"t"``, seconds since the start. A file without its last line,
or with half of it, was cut off and is read as far as it goes. This is the only home of the format.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from transports.files import open_regular

SCHEMA = 1
MOST_BYTES, MOST_LINES = 1 << 29, 8_000_000
"""A replay holds all of a recording in memory; no session that anybody goes through again is longer."""

Side = Literal["us", "peer"]
RESERVED = (">", "<", "end", "t", "transcript")


class BadTranscript(ValueError):
    """The file is not a recording; the sentence names the file and the line."""


@dataclass(frozen=True, slots=True)
class Header:
    """``date`` is the start in UTC as ISO 8601; ``command`` is our own command line; ``reads`` is what is asked of the
    guest that versions before did not ask."""

    tool: str
    target: str
    date: str
    command: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    data: bytes
    line: int
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Received:
    data: bytes
    line: int
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """Something beside the bytes; a ``kind`` of ``"command"`` is what the user asked for."""

    kind: str
    text: str
    line: int
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class End:
    """The stream was closed by ``side``."""

    side: Side
    line: int
    seconds: float | None = None


Entry = Sent | Received | Note | End


@dataclass(frozen=True, slots=True)
class Transcript:
    """A recording in memory. ``cut`` is set when it does not reach the end of its session."""

    header: Header
    entries: tuple[Entry, ...]
    cut: bool

    def notes(self, kind: str) -> list[str]:
        """The texts of all notes of ``kind``, in order."""
        return [entry.text for entry in self.entries if isinstance(entry, Note) and entry.kind == kind]


def header_line(header: Header) -> bytes:
    fields: dict[str, int | str | Sequence[str]] = {
        "transcript": SCHEMA,
        "tool": header.tool,
        "target": header.target,
        "date": header.date,
        "command": header.command,
    }
    if header.reads:
        fields["reads"] = header.reads
    return json.dumps(fields).encode() + b"\n"


def entry_line(key: str, text: str, seconds: float | None = None) -> bytes:
    """One line of the file. For bytes, ``key`` is the direction and ``text`` what `text_of` says."""
    time = "" if seconds is None else f', "t": {seconds:.6f}'
    line = f"{{{json.dumps(key)}: {json.dumps(text)}{time}}}\n"
    return line.replace("\x7f", "\\u007f").encode()  # the one unprintable that JSON leaves alone


def text_of(data: bytes | bytearray | memoryview) -> str:
    return str(data, "latin-1")


def read_transcript(path: str | Path) -> Transcript:
    """The recording in ``path``. Raises `OSError`, or `BadTranscript` with one sentence."""
    with open_regular(path) as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES or data.count(b"\n") > MOST_LINES:
        raise BadTranscript(
            f"The recording {str(path)!r} is longer than {MOST_BYTES >> 20} MiB or {MOST_LINES} lines, and is not read."
        )
    *lines, rest = data.split(b"\n")
    header = _header(lines[0] if lines else rest, str(path))
    entries = list(_entries(lines[1:], str(path)))
    if rest and lines:
        with contextlib.suppress(ValueError):  # half a line: the recorder was killed while it wrote
            entries.append(_entry(rest, len(lines) + 1))
    return Transcript(header, tuple(entries), cut=not entries or not isinstance(entries[-1], End))


def _header(line: bytes, path: str) -> Header:
    try:
        fields = json.loads(line)
        schema = fields["transcript"]
        command = fields["command"]
        reads = fields.get("reads", [])
        header = Header(fields["tool"], fields["target"], fields["date"], tuple(command), tuple(reads))
        texts = (header.tool, header.target, header.date, *header.command, *header.reads)
        if (
            not isinstance(command, list)
            or not isinstance(reads, list)
            or not all(isinstance(text, str) for text in texts)
        ):
            raise ValueError
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BadTranscript(f"{path!r} is not a recording: its first line is not the header of one.") from error
    if schema != SCHEMA:
        raise BadTranscript(f"{path!r} is a recording of schema {schema!r}; this dr6 reads schema {SCHEMA}.")
    return header


def _entries(lines: Sequence[bytes], path: str) -> Iterator[Entry]:
    for number, line in enumerate(lines, start=2):
        try:
            yield _entry(line, number)
        except ValueError as error:
            raise BadTranscript(f"Line {number} of the recording {path!r} cannot be read: {error}.") from error


def _entry(line: bytes, number: int) -> Entry:
    """Raises ValueError (of which json's own error is a kind)."""
    try:
        fields = json.loads(line)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(fields, dict):
        raise ValueError("it is not a JSON object")
    seconds = fields.pop("t", None)
    if seconds is not None and not isinstance(seconds, int | float):
        raise ValueError("its time is not a number")
    if len(fields) != 1:
        raise ValueError("it does not say exactly one thing")
    [(key, text)] = fields.items()
    if not isinstance(text, str):
        raise ValueError(f"what stands under {key!r} is not text")
    match key:
        case ">":
            return Sent(_bytes_of(text), number, seconds)
        case "<":
            return Received(_bytes_of(text), number, seconds)
        case "end":
            if text not in ("us", "peer"):
                raise ValueError(f"{text!r} is no side that could end a session")
            return End("us" if text == "us" else "peer", number, seconds)
    return Note(key, text, number, seconds)


def _bytes_of(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError("a character in it is not a byte") from None
