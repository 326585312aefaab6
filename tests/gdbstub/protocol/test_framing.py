"""Frames and bytes: one table read both ways, each row fed whole, byte by byte and with a tail."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gdbstub.errors import RemoteProtocolError
from gdbstub.protocol.framing import (
    ACK,
    BREAK,
    NACK,
    Frame,
    FrameReader,
    Malformed,
    Notification,
    Packet,
    checksum,
    encode_binary,
    frame,
    frame_notification,
    whole_packets,
)
from gdbstub.protocol.run_lengths import expand_runs

BOTH_WAYS: list[tuple[bytes, Packet]] = [
    (b"$#00", Packet(b"")),
    (b"$OK#9a", Packet(b"OK")),
    (b"$T05thread:p01.01;#06", Packet(b"T05thread:p01.01;")),
    (b"$X0,4:}\x03}\x04}]}\x0a#84", Packet(b"X0,4:#$}*")),
    (b"$%abc#4b", Packet(b"%abc")),
    (b"$+-\x03#5b", Packet(b"+-\x03")),
]
BROKEN = "a packet has a broken escape or run length"
READ_ONLY: list[tuple[bytes, Frame]] = [
    (b"+", ACK),
    (b"-", NACK),
    (b"\x03", BREAK),
    (b"%Stop:T05#99", Notification(b"Stop:T05")),
    (b"$OK#9A", Packet(b"OK")),
    (b"$0* #7a", Packet(b"0000")),
    (b"$0*~#d8", Packet(b"0" * 98)),
    (b"$0* * #c4", Packet(b"0000000")),
    (b'$a0*%*"b#8e', Packet(b"a" + b"0" * 14 + b"b")),
    (b"$x**#cc", Packet(b"x" * 14)),
    (b"$}]* #24", Packet(b"}]]]")),
    (b"$OK#00", Malformed("a packet says checksum 00 and has 9a", b"OK", True)),
    (b"%OK#00", Malformed("a packet says checksum 00 and has 9a", b"OK", True)),
    (b"$a}#de", Malformed(BROKEN, b"a}", True)),
    (b"$a*#8b", Malformed(BROKEN, b"a*", True)),
    (b"$* #4a", Malformed(BROKEN, b"* ", True)),
    (b"$a*\x1f#aa", Malformed(BROKEN, b"a*\x1f", True)),
    (b"$a*\x7f#0a", Malformed(BROKEN, b"a*\x7f", True)),
]
ROWS: list[tuple[bytes, Frame]] = [*BOTH_WAYS, *READ_ONLY]


def frames(data: bytes, reader: FrameReader | None = None) -> list[Frame]:
    reader = reader or FrameReader()
    reader.feed(data)
    return list(iter(reader.next_frame, None))


def byte_by_byte(data: bytes, reader: FrameReader | None = None) -> list[Frame]:
    reader = reader or FrameReader()
    return [got for byte in data for got in frames(bytes([byte]), reader)]


@pytest.mark.parametrize(("wire", "packet"), BOTH_WAYS)
def test_a_packet_is_written_as_it_is_read(wire: bytes, packet: Packet) -> None:
    assert frame(packet.payload) == wire
    assert wire[1:-3] == encode_binary(packet.payload)


@pytest.mark.parametrize(("wire", "expected"), ROWS)
def test_a_frame_is_read_whole(wire: bytes, expected: Frame) -> None:
    assert frames(wire) == [expected]


@pytest.mark.parametrize(("wire", "expected"), ROWS)
def test_nothing_comes_out_before_the_last_byte(wire: bytes, expected: Frame) -> None:
    reader = FrameReader()
    for byte in wire[:-1]:
        assert frames(bytes([byte]), reader) == []
    assert frames(wire[-1:], reader) == [expected]


@pytest.mark.parametrize(("wire", "expected"), ROWS)
def test_what_follows_a_frame_is_read_as_well(wire: bytes, expected: Frame) -> None:
    assert frames(wire + b"+$OK#9a") == [expected, ACK, Packet(b"OK")]


@pytest.mark.parametrize(
    ("wire", "reasons"),
    [
        (b"abc", ["bytes outside of any packet"]),
        (b"#9a", ["bytes outside of any packet"]),
        (b"$OK#zz", ["a packet has no checksum", "bytes outside of any packet"]),
        (b"$OK#9", ["a packet has no checksum", "bytes outside of any packet"]),
        (b"$OK#", ["a packet has no checksum"]),
        (b"$OK", ["a packet was cut off by the start of the next"]),
        (b"%OK", ["a packet was cut off by the start of the next"]),
        (b"$", ["a packet was cut off by the start of the next"]),
    ],
)
def test_garbage_is_named_and_the_next_packet_read(wire: bytes, reasons: list[str]) -> None:
    *bad, good = frames(wire + b"$OK#9a")
    assert [it.reason for it in bad if isinstance(it, Malformed)] == reasons
    assert all(isinstance(it, Malformed) and not it.packet for it in bad)
    assert good == Packet(b"OK")


@given(st.binary(max_size=40), st.binary(max_size=40))
@example(b"$a#", b"")
@example(b"%", b"\x03")
def test_no_garbage_swallows_a_good_packet(garbage: bytes, payload: bytes) -> None:
    """Whatever came before, and however it is cut, a whole packet comes out last."""
    for feed in (frames, byte_by_byte):
        reader = FrameReader()
        assert feed(garbage + frame(payload) + b"+", reader)[-2:] == [Packet(payload), ACK]


@given(st.lists(st.binary(max_size=60)), st.booleans(), st.booleans())
def test_no_bytes_make_the_reader_raise(chunks: list[bytes], verify: bool, run_lengths: bool) -> None:
    reader = FrameReader(32, verify=verify, run_lengths=run_lengths)
    for chunk in chunks:
        for got in frames(chunk, reader):
            assert not isinstance(got, Packet | Notification) or len(got.payload) <= 32


@given(st.lists(st.sampled_from(b"$#*}%+-\x039a0 K"), max_size=60).map(bytes))
def test_how_the_bytes_are_cut_changes_no_packet(data: bytes) -> None:
    whole = [it for it in frames(data) if not isinstance(it, Malformed)]
    assert [it for it in byte_by_byte(data) if not isinstance(it, Malformed)] == whole


PARTS = st.lists(
    st.sampled_from(
        (b"+", b"++", b"$OK#9a", b"$#00", b"$x+#a3", b"$a*!#ac", b"$a#61", b"$b}]#3d", b"$OK#9A", b"-", b"z")
    )
    | st.binary(max_size=90).map(frame),
    max_size=6,
).map(b"".join)


@given(PARTS)
@example(b"+$a#61b#c3")
@example(b"$" + b"f" * 400 + b"#80")
def test_whole_packets_are_what_the_reader_finds(data: bytes) -> None:
    """Where it finds any; and it does where there are only such."""
    whole = whole_packets(data)
    found = frames(data)
    if whole is not None:
        assert [Packet(payload) for payload in whole.payloads] == [it for it in found if it is not ACK]
        assert found.count(ACK) == whole.acks
    elif data[-3:-2] == b"#" and not set(b"*}") & set(data) and b"#9A" not in data:
        assert not all(isinstance(it, Packet) or it is ACK for it in found)


@given(st.binary(max_size=300))
def test_every_payload_comes_back(payload: bytes) -> None:
    for run_lengths in (True, False):
        assert frames(frame(payload), FrameReader(run_lengths=run_lengths)) == [Packet(payload)]
    assert frames(frame_notification(payload)) == [Notification(payload)]


@given(st.binary(max_size=3000))
@example(b"\xff" * 3000)
def test_the_checksum_is_the_sum_of_the_bytes(data: bytes) -> None:
    assert checksum(data) == sum(data) % 256


def test_a_request_may_hold_a_star() -> None:
    assert frames(b"$X0,1:a* #ca", FrameReader(run_lengths=False)) == [Packet(b"X0,1:a* ")]


def test_without_verification_any_two_digits_do() -> None:
    assert frames(b"$OK#00", FrameReader(verify=False)) == [Packet(b"OK")]
    assert frames(b"$OK#..$OK#00", FrameReader(verify=False))[-1] == Packet(b"OK")


class TestSize:
    """A packet above the bound is reported once, as soon as it is known, and passed over."""

    TOO_LONG = "a packet is longer than 8 bytes"

    @pytest.mark.parametrize("tail", [b"#00", b"#", b""])
    def test_whole(self, tail: bytes) -> None:
        got = frames(b"$" + b"a" * 20 + tail + b"$OK#9a", FrameReader(8))
        assert got[-1] == Packet(b"OK")
        assert isinstance(got[0], Malformed)

    def test_whole_and_sound(self) -> None:
        wire = frame(b"a" * 20)
        assert frames(wire + b"+", FrameReader(8)) == [Malformed(self.TOO_LONG, b"a" * 20, True), ACK]

    def test_in_pieces(self) -> None:
        reader = FrameReader(8)
        assert frames(b"$aaaa", reader) == []
        assert frames(b"aaaaaaaaa", reader) == [Malformed(self.TOO_LONG, b"$aaaaaaaaaaaaa", True)]
        assert frames(b"aaaaaaaaaaaaaaaaaaaaaaaaa", reader) == []
        assert frames(b"a#", reader) == []
        assert frames(b"0", reader) == []
        assert frames(b"0$OK#9a", reader) == [Packet(b"OK")]

    def test_without_an_end(self) -> None:
        reader = FrameReader(8)
        assert len(frames(b"$" + b"a" * 20, reader)) == 1
        assert frames(b"aaa$OK#9a", reader) == [Packet(b"OK")]

    def test_without_a_checksum(self) -> None:
        reader = FrameReader(8)
        assert len(frames(b"$" + b"a" * 20, reader)) == 1
        assert frames(b"aaa#+$OK#9a", reader) == [ACK, Packet(b"OK")]

    def test_a_cut_off_packet_does_not_count(self) -> None:
        reader = FrameReader(8)
        assert frames(b"$aaaaaa$bbb", reader) == [
            Malformed("a packet was cut off by the start of the next", b"$aaaaaa", False)
        ]
        assert frames(b"#26", reader) == [Packet(b"bbb")]

    def test_expanded(self) -> None:
        got = frames(b"$0*~#d8", FrameReader(8))
        assert [it.reason for it in got if isinstance(it, Malformed)] == [BROKEN]
        with pytest.raises(RemoteProtocolError):
            expand_runs(b"0*~", 8)

    def test_an_escaped_packet_at_the_bound_is_read(self) -> None:
        assert frames(frame(b"a" * 8), FrameReader(8)) == [Packet(b"a" * 8)]
        assert frames(frame(b"}" * 4), FrameReader(8)) == [Packet(b"}" * 4)]

    def test_bytes_outside_of_packets_are_kept_up_to_a_bound(self) -> None:
        (got,) = frames(b"a" * 1000)
        assert isinstance(got, Malformed)
        assert got.raw == b"a" * 256


def test_a_cleared_reader_has_forgotten_what_it_was_fed() -> None:
    reader = FrameReader()
    reader.feed(b"$OK#9a$O")
    reader.clear()
    assert reader.next_frame() is None
    assert frames(b"+", reader) == [ACK]
