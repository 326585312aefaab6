"""Replay: the peer of a recording, strict about bytes and about nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import memory_stream_pair, wait_all_tasks_blocked

from transports import (
    CannotOpen,
    Header,
    Note,
    RecordingEnded,
    RecordingStream,
    Replay,
    ReplayDiverged,
    ReplayStream,
    Transcript,
    open_endpoint,
    open_recorder,
    read_transcript,
)
from transports.transcript import End, Entry, Received, Sent

HEADER = Header("dr6 0.1.0", "|stub", "2026-11-21T10:00:00Z")


def transcript(*lines: tuple[str, str], cut: bool = False) -> Transcript:
    """Entries from (key, text) pairs; ``cut`` for a recording that has no end."""
    entries: list[Entry] = []
    for number, (key, text) in enumerate(lines, start=2):
        match key:
            case ">":
                entries.append(Sent(text.encode(), number))
            case "<":
                entries.append(Received(text.encode(), number))
            case "end":
                entries.append(End("peer" if text == "peer" else "us", number))
            case _:
                entries.append(Note(key, text, number))
    return Transcript(HEADER, tuple(entries), cut)


async def test_an_answer_comes_when_all_before_it_was_sent_and_not_earlier() -> None:
    stream = ReplayStream(transcript((">", "$a#61"), ("<", "+$A#41"), (">", "+"), ("<", "$B#42"), ("end", "peer")))
    got = b""

    async def receive() -> None:
        nonlocal got
        while data := await stream.receive_some(2):
            got += data

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        for sent, answer in ((b"$a#", b""), (b"61", b"+$A#41"), (b"+", b"+$A#41$B#42")):
            await stream.send_all(sent)
            await wait_all_tasks_blocked()
            assert got == answer


@pytest.mark.parametrize(
    ("sent", "line", "recorded", "now"),
    [
        ([b"$m1004,4#x"], 2, "'$m1000,4#8e'", "'$m1004,4#x'"),
        ([b"$m10", b"0", b"4"], 2, "'0,4#8e'", "'4'"),
        ([b"$m1000,4#8e+$g#67"], 3, "'$s#73'", "'$g#67'"),
        ([b"\x03"], 2, "'$m1000,4#8e'", r"'\x03'"),
    ],
)
async def test_the_first_byte_that_differs_ends_the_replay_and_shows_both_sides(
    sent: Sequence[bytes], line: int, recorded: str, now: str
) -> None:
    stream = ReplayStream(transcript((">", "$m1000,4#8e"), (">", "+$s#73"), ("<", "$T05#b9"), ("end", "us")))
    *same, different = sent
    for data in same:
        await stream.send_all(data)
    with pytest.raises(ReplayDiverged) as caught:
        await stream.send_all(different)
    text = str(caught.value)
    assert f"at its line {line}," in text
    assert recorded.strip("'")[-6:] in text.partition("sent now")[0]
    assert now.strip("'")[-4:] in text.partition("sent now")[2]
    assert stream.divergence is caught.value
    with pytest.raises(ReplayDiverged):
        await stream.receive_some()


async def test_a_receiver_that_waits_hears_of_the_divergence() -> None:
    stream = ReplayStream(transcript((">", "abc"), ("<", "x"), ("end", "us")))

    async def receive() -> None:
        with pytest.raises(ReplayDiverged):
            await stream.receive_some()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        await wait_all_tasks_blocked()
        with pytest.raises(ReplayDiverged, match="byte 1: recorded 'abc', sent now 'aXc'"):
            await stream.send_all(b"aXc")


async def test_sending_ahead_of_an_answer_is_no_divergence() -> None:
    """Two tasks of the client may run in another order than they did when it was recorded."""
    stream = ReplayStream(transcript((">", "1"), ("<", "A"), (">", "2"), ("<", "B"), ("end", "peer")))
    await stream.send_all(b"12")
    assert await stream.receive_some() == b"A"
    assert await stream.receive_some() == b"B"
    assert await stream.receive_some() == b""
    assert await stream.receive_some() == b""


@pytest.mark.parametrize(("cut", "words"), [(False, "ends here"), (True, "was cut off here")])
async def test_behind_the_last_line_there_is_an_error_and_no_hang(cut: bool, words: str) -> None:
    lines = [(">", "1"), ("<", "A")] + ([] if cut else [("end", "us")])
    stream = ReplayStream(transcript(*lines, cut=cut))
    await stream.send_all(b"1")
    assert await stream.receive_some() == b"A"
    with pytest.raises(RecordingEnded, match=words):
        await stream.receive_some()
    with pytest.raises(RecordingEnded, match=f"{words}, and dr6 now also sends '2'"):
        await stream.send_all(b"2")


async def test_whoever_still_works_on_the_last_answer_is_not_disturbed_by_the_end() -> None:
    stream = ReplayStream(transcript((">", "1"), ("<", "A"), ("end", "us")))
    steps: list[str] = []

    async def read() -> None:
        with pytest.raises(RecordingEnded):
            await stream.receive_some()
        steps.append("ended")

    await stream.send_all(b"1")
    assert await stream.receive_some() == b"A"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        for _ in range(20):
            await trio.lowlevel.checkpoint()
        steps.append("worked")
    assert steps == ["worked", "ended"]


async def test_notes_come_back_at_their_place_in_the_session() -> None:
    """``interrupt`` was typed while the guest ran: after the resume was sent, before the stop was received."""
    stream = ReplayStream(
        transcript(
            ("command", "continue"),
            (">", "$c#63"),
            ("command", "interrupt"),
            (">", "\x03"),
            ("<", "$T02#b6"),
            ("command", "why"),
            ("end", "us"),
        )
    )
    seen: list[str] = []

    async def notes() -> None:
        while note := await stream.wait_note():
            seen.append(note.text)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(notes)
        await wait_all_tasks_blocked()
        assert seen == ["continue"]
        await stream.send_all(b"$c#63")
        await wait_all_tasks_blocked()
        assert seen == ["continue", "interrupt"]
        await stream.send_all(b"\x03")
        await wait_all_tasks_blocked()
        assert seen == ["continue", "interrupt"]
        assert await stream.receive_some() == b"$T02#b6"
    assert seen == ["continue", "interrupt", "why"]


async def test_notes_that_nobody_asks_for_hold_nothing_up() -> None:
    stream = ReplayStream(transcript(("console", "hello"), ("<", "A"), ("console", "x"), ("<", "B"), ("end", "us")))
    assert await stream.receive_some() == b"A"
    assert await stream.receive_some() == b"B"


async def test_closing_wakes_everybody() -> None:
    stream = ReplayStream(transcript((">", "1"), ("command", "x"), ("<", "A")))

    async def receive() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await stream.receive_some()

    async def note() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await stream.wait_note()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        nursery.start_soon(note)
        await wait_all_tasks_blocked()
        await stream.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await stream.send_all(b"1")


async def test_two_receivers_at_once_are_a_bug_of_the_caller() -> None:
    stream = ReplayStream(transcript((">", "1")))
    with pytest.RaisesGroup(trio.BusyResourceError):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.receive_some)
            nursery.start_soon(stream.receive_some)


CHUNKS = st.lists(st.binary(min_size=1, max_size=6), min_size=1, max_size=6)


@settings(deadline=None)
@given(exchanges=st.lists(st.tuples(CHUNKS, CHUNKS), max_size=6), size=st.integers(1, 9))
def test_a_recorded_session_can_be_held_again_in_other_chunks(
    tmp_path_factory: pytest.TempPathFactory,
    exchanges: list[tuple[list[bytes], list[bytes]]],
    size: int,
) -> None:
    path = tmp_path_factory.mktemp("replay") / "session.rsp"

    async def record() -> None:
        ours, theirs = memory_stream_pair()
        with open_recorder(path, HEADER) as recorder:
            async with RecordingStream(ours, recorder) as stream:
                for requests, answers in exchanges:
                    for request in requests:
                        await stream.send_all(request)
                    for answer in answers:
                        await theirs.send_all(answer)
                        await stream.receive_some()

    async def replay() -> None:
        async with ReplayStream(read_transcript(path)) as stream:
            for requests, answers in exchanges:
                sent, wanted, got = b"".join(requests), b"".join(answers), b""
                for start in range(0, len(sent), size):
                    await stream.send_all(sent[start : start + size])
                while len(got) < len(wanted):
                    got += await stream.receive_some(size)
                assert got == wanted

    trio.run(record)
    trio.run(replay)


async def test_a_recording_is_opened_as_a_target(tmp_path: Path) -> None:
    path = tmp_path / "session.rsp"
    with open_recorder(path, HEADER) as recorder:
        recorder.received(b"+")
        recorder.end("us")
    async with open_endpoint(Replay(str(path))) as endpoint:
        assert endpoint.name == f"replay:{path}"
        assert await endpoint.stream.receive_some() == b"+"


@pytest.mark.parametrize(
    ("name", "words"), [("missing", "No such file"), (".", "no regular file"), ("other", "is not a recording")]
)
async def test_what_is_no_recording_cannot_be_opened(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "other").write_text("hello\n")
    with pytest.raises(CannotOpen, match=words):
        async with open_endpoint(Replay(str(tmp_path / name))):
            pass
