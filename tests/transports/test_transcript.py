"""The file format of a recording: what is written is read again, and what is broken is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transports import BadTranscript, Header, Note, read_transcript
from transports.transcript import End, Received, Sent, entry_line, header_line, text_of

HEADER = Header("dr6 0.1.0", "tcp:127.0.0.1:1234", "2026-11-21T10:00:00Z", ("dr6", "attach", ":1234"))
HEAD = header_line(HEADER)


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "session.rsp"
    path.write_bytes(content)
    return path


def test_what_was_asked_of_the_guest_is_in_the_header(tmp_path: Path) -> None:
    header = Header("dr6", ":1", "now", ("dr6",), ("frames",))
    assert read_transcript(written(tmp_path, header_line(header))).header == header
    assert b"reads" not in HEAD
    for wrong in (b'"frames"', b"[1]", b"7"):
        broken = header_line(header).replace(b'["frames"]', wrong)
        with pytest.raises(BadTranscript):
            read_transcript(written(tmp_path, broken))


def test_the_file_reads_as_the_conversation_that_it_is(tmp_path: Path) -> None:
    lines = [
        HEAD,
        entry_line("command", "stepi"),
        entry_line(">", text_of(b"+$s#73")),
        entry_line("<", text_of(b"+$T05\x00\x7f\xff#b9"), 0.25),
        entry_line("end", "peer"),
    ]
    assert b"".join(lines).decode().splitlines() == [
        '{"transcript": 1, "tool": "dr6 0.1.0", "target": "tcp:127.0.0.1:1234", '
        '"date": "2026-11-21T10:00:00Z", "command": ["dr6", "attach", ":1234"]}',
        '{"command": "stepi"}',
        '{">": "+$s#73"}',
        '{"<": "+$T05\\u0000\\u007f\\u00ff#b9", "t": 0.250000}',
        '{"end": "peer"}',
    ]
    transcript = read_transcript(written(tmp_path, b"".join(lines)))
    assert transcript.header == HEADER
    assert transcript.entries == (
        Note("command", "stepi", 2),
        Sent(b"+$s#73", 3),
        Received(b"+$T05\x00\x7f\xff#b9", 4, 0.25),
        End("peer", 5),
    )
    assert not transcript.cut
    assert transcript.notes("command") == ["stepi"]
    assert transcript.notes("console") == []


@settings(deadline=None)
@given(st.binary(max_size=4096))
def test_any_bytes_are_one_printable_line_and_come_back(data: bytes) -> None:
    line = entry_line("<", text_of(data))
    assert line.endswith(b"\n")
    assert all(0x20 <= byte < 0x7F for byte in line[:-1])
    with open(os.memfd_create("session"), "wb", buffering=0) as file:
        file.write(HEAD + line)
        transcript = read_transcript(f"/proc/self/fd/{file.fileno()}")
    assert transcript.entries == (Received(data, 2),)


@pytest.mark.parametrize("kept", range(1, len(entry_line("<", "$T05#b9"))))
def test_a_last_line_that_was_cut_off_is_left_out(tmp_path: Path, kept: int) -> None:
    whole, last = entry_line(">", "$s#73"), entry_line("<", "$T05#b9")
    transcript = read_transcript(written(tmp_path, HEAD + whole + last[:kept]))
    complete = kept == len(last) - 1
    assert transcript.entries == (Sent(b"$s#73", 2), *([Received(b"$T05#b9", 3)] if complete else []))
    assert transcript.cut


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "its first line is not the header"),
        (b"\x7fELF\x00\xff\n", "its first line is not the header"),
        (b'{"kind":"header","schema":1}\n', "its first line is not the header"),
        (b"[1, 2]\n", "its first line is not the header"),
        (HEAD.replace(b'["dr6", "attach", ":1234"]', b'"dr6"'), "its first line is not the header"),
        (HEAD.replace(b'"transcript": 1', b'"transcript": 2'), "of schema 2; this dr6 reads schema 1"),
        (HEAD + b"garbage\n" + b'{">": "x"}\n', "Line 2 of the recording"),
        (HEAD + b"[]\n", "Line 2 of the recording"),
        (HEAD + b'{">": "x"}\n{}\n', "Line 3 of the recording"),
        (HEAD + b'{">": "x", "<": "y"}\n', "does not say exactly one thing"),
        (HEAD + b'{">": 5}\n', "is not text"),
        (HEAD + b'{">": "x", "t": "soon"}\n', "its time is not a number"),
        (HEAD + b'{"<": "\\u0100"}\n', "is not a byte"),
        (HEAD + b'{"end": "them"}\n', "'them' is no side"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, content: bytes, words: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(BadTranscript) as caught:
        read_transcript(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert str(caught.value).isprintable()


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_any_tail_behind_a_header_is_read_or_refused(tail: bytes) -> None:
    with open(os.memfd_create("session"), "wb", buffering=0) as file:
        file.write(HEAD + tail)
        try:
            transcript = read_transcript(f"/proc/self/fd/{file.fileno()}")
        except BadTranscript:
            return
    assert transcript.cut or isinstance(transcript.entries[-1], End)


@pytest.mark.parametrize("line", ['{"command": ' + "[" * 100_000, '{"t": ' + "[" * 100_000 + "}"])
def test_nesting_without_end_is_one_sentence(tmp_path: Path, line: str) -> None:
    path = tmp_path / "session"
    path.write_text(line + "\n")
    with pytest.raises(BadTranscript, match="first line"):
        read_transcript(path)
    path.write_bytes(header_line(HEADER) + line.encode() + b"\n")
    with pytest.raises(BadTranscript, match="Line 2"):
        read_transcript(path)


def test_what_never_ends_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "zero").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "fifo")
    for name in ("zero", "fifo"):
        with pytest.raises(OSError, match="no regular file"):
            read_transcript(tmp_path / name)


def test_more_lines_than_anybody_goes_through_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transports.transcript.MOST_LINES", 3)
    path = tmp_path / "session"
    path.write_bytes(header_line(HEADER) + b'{"end": "us"}\n' * 3)
    with pytest.raises(BadTranscript, match="longer than"):
        read_transcript(path)
