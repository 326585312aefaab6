"""Recording: the stream stays what it was, the file is complete at every moment, and never costs the session."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio
from trio.testing import (
    check_two_way_stream,
    lockstep_stream_pair,
    memory_stream_pair,
)

from transports import CannotRecord, Header, Recorder, RecordingStream, open_recorder, read_transcript
from transports.transcript import End, Note, Received, Sent

HEADER = Header("dr6 0.1.0", "|stub", "2026-11-21T10:00:00Z", ("dr6", "trace"))


@pytest.mark.slow
async def test_a_recorded_stream_is_a_good_stream(tmp_path: Path) -> None:
    with open_recorder(tmp_path / "a", HEADER) as one, open_recorder(tmp_path / "b", HEADER) as other:

        async def pair() -> tuple[RecordingStream, RecordingStream]:
            ours, theirs = memory_stream_pair()
            return RecordingStream(ours, one), RecordingStream(theirs, other)

        async def clogged_pair() -> tuple[RecordingStream, RecordingStream]:
            ours, theirs = lockstep_stream_pair()
            return RecordingStream(ours, one), RecordingStream(theirs, other)

        await check_two_way_stream(pair, None)
        await check_two_way_stream(clogged_pair, clogged_pair)


async def test_everything_that_passes_is_in_the_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "session.rsp"
    ours, theirs = memory_stream_pair()
    times = iter([10.0, 10.5, 11.0, 12.0, 13.0])
    with open_recorder(path, HEADER, clock=lambda: next(times)) as recorder:
        stream = RecordingStream(ours, recorder)
        recorder.note("command", "stepi")
        await stream.send_all(memoryview(b"$s#73"))
        await stream.send_all(b"")
        await theirs.send_all(b"+$T05#b9")
        assert await stream.receive_some(1) == b"+"
        assert await stream.receive_some() == b"$T05#b9"
        transcript = read_transcript(path)
        assert transcript.header == HEADER
        assert transcript.entries == (
            Note("command", "stepi", 2, 0.5),
            Sent(b"$s#73", 3, 1.0),
            Received(b"+", 4, 2.0),
            Received(b"$T05#b9", 5, 3.0),
        )
        assert transcript.cut


@pytest.mark.parametrize("first", ["us", "peer"])
async def test_the_file_says_who_ended_the_session(tmp_path: Path, first: str) -> None:
    path = tmp_path / "session.rsp"
    ours, theirs = memory_stream_pair()
    with open_recorder(path, HEADER) as recorder:
        stream = RecordingStream(ours, recorder)
        if first == "peer":
            await theirs.aclose()
            assert await stream.receive_some() == b""
            assert await stream.receive_some() == b""
        await stream.aclose()
        recorder.note("command", "too late")
    transcript = read_transcript(path)
    assert transcript.entries == (End("us" if first == "us" else "peer", 2),)
    assert not transcript.cut


async def test_what_was_cancelled_before_it_was_sent_is_not_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "session.rsp"
    ours, _ = memory_stream_pair()
    with open_recorder(path, HEADER) as recorder:
        with trio.CancelScope() as scope:
            scope.cancel()
            await RecordingStream(ours, recorder).send_all(b"$s#73")
        assert read_transcript(path).entries == ()


def test_a_note_cannot_pass_for_bytes(tmp_path: Path) -> None:
    with open_recorder(tmp_path / "x", HEADER) as recorder, pytest.raises(ValueError, match="key of the format"):
        recorder.note(">", "$k#6b")


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    for path, words in (
        (tmp_path, "Is a directory"),
        (tmp_path / "no" / "such", "No such file"),
        (Path("/dev/full"), "refuses its first line"),
    ):
        with pytest.raises(CannotRecord) as caught, open_recorder(path, HEADER):
            raise AssertionError("it was opened")
        assert words in str(caught.value)
        assert str(path) in str(caught.value)


async def test_a_disk_that_fills_up_ends_the_recording_and_not_the_session() -> None:
    reading, writing = os.pipe()
    complaints: list[str] = []
    recorder = Recorder(writing, HEADER, on_failure=complaints.append)
    os.close(reading)  # from here on every write fails
    ours, theirs = memory_stream_pair()
    stream = RecordingStream(ours, recorder)
    await stream.send_all(b"$s#73")
    await stream.send_all(b"$g#67")
    assert await theirs.receive_some() == b"$s#73$g#67"
    assert complaints == [recorder.failure] == ["The recording was stopped, its file cannot be written: Broken pipe."]
    os.close(writing)
