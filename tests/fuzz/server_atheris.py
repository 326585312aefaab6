"""Targets for atheris (libFuzzer): bytes from a client → the parts of the server that read them. Anything but their own
error is a find; libFuzzer stops there and writes the input to a file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any, TypeVar

import trio
from trio.testing import MockClock

from gdbstub.errors import RemoteProtocolError
from gdbstub.protocol import Break, Link, Lost, Role, format_stop, frame, server_messages
from gdbstub.protocol import Request as Asked
from gdbstub.protocol.agent import (
    ReadMemory,
    ReadRegister,
    Request,
    commands,
    conditions,
    evaluate,
    execute,
    read_program,
)
from gdbstub.protocol.framing import FrameReader
from gdbstub.protocol.packets import find_packet
from gdbstub.protocol.stops import Stopped
from gdbstub.server.client_features import PACKET_SIZE, ClientFeatures, cpu_of
from gdbstub.server.handlers.resume import resume_request_of, thread_of

T = TypeVar("T")
MOST_ASKED = 20_000


def frames(data: bytes) -> None:
    """A reader gives the same frames however its input is cut, and keeps no more than one packet of it."""
    whole, cut = FrameReader(PACKET_SIZE, run_lengths=False), FrameReader(PACKET_SIZE, run_lengths=False)
    whole.feed(data)
    expected = list(iter(whole.next_frame, None))
    got = []
    at = data[0] % 7 + 1 if data else 1
    for start in range(0, len(data), at):
        cut.feed(data[start : start + at])
        got += list(iter(cut.next_frame, None))
    packets = [one for one in expected if type(one).__name__ != "Malformed"]
    assert [one for one in got if type(one).__name__ != "Malformed"] == packets
    assert len(whole._buffer) <= 2 * PACKET_SIZE + len(data)


def link(data: bytes) -> None:
    """A server's link answers each request once, in any state, and its queues don't grow."""
    server = Link(Role.SERVER, max_size=PACKET_SIZE + 64)
    cuts = sorted({0, len(data), *(byte % (len(data) + 1) for byte in data[:4])})
    for start, end in pairwise(cuts):
        events = server.receive(data[start:end])
        if any(isinstance(event, Lost) for event in events):
            assert isinstance(events[-1], Lost)
            return
        for event in events:
            if isinstance(event, Asked):
                row = find_packet(event.payload)
                if row is not None and row.resumes:
                    server.console(b"text")
                    server.stop(Stopped(5))
                elif row is None or row.shape.value != "nothing":
                    server.reply(b"OK" if event.payload == b"QStartNoAckMode" else b"")
            assert isinstance(event, tuple)
        assert not server.outstanding or server.running
        server.data_to_send()
        assert not server.data_to_send()
    assert Break() == Break()


def parsers(data: bytes) -> None:
    """Each parser of a client's packet raises its own error and nothing else; in time."""
    for parse in (
        server_messages.parse_breakpoint,
        server_messages.parse_search,
        server_messages.parse_object_part,
        server_messages.parse_range,
        thread_of,
        conditions,
        commands,
        lambda data: ClientFeatures().take(data, {}),
    ):
        with suppress(RemoteProtocolError):
            parse(data)
    with suppress(RemoteProtocolError):
        actions = server_messages.parse_thread_actions(b"vCont;" + data)
        resume_request_of(actions, {action: cpu_of(action.thread, 2) for action in actions})
    with suppress(RemoteProtocolError):
        client = ClientFeatures()
        assert client.take(b"qSupported:" + data, {})
        format_stop(Stopped(5, client.thread(0)))
    row = find_packet(data)
    assert row is None or data.startswith(row.prefix)
    assert frame(data)[:1] == b"$"


def agent(data: bytes) -> None:
    """A program that was accepted ends, with a value or an error, and asks for what a guest could have."""
    try:
        read_program(data)
    except RemoteProtocolError:
        return
    for start in (evaluate, execute):
        with suppress(RemoteProtocolError):
            _answered(start(data), data)


def _answered(asking: Any, data: bytes) -> None:
    reply: int | None = None
    for turn in range(MOST_ASKED):
        try:
            request: Request = asking.send(reply)
        except StopIteration:
            return
        reply = 0
        if isinstance(request, ReadMemory):
            assert request.size in (1, 2, 4, 8) or 0 < request.size <= 4096
            assert 0 <= request.address < 1 << 64
            reply = turn * 0x9E37_79B9_7F4A_7C15 % (1 << 8 * request.size)
        elif isinstance(request, ReadRegister):
            reply = request.number
    raise AssertionError("a program asks for ever")


def client_features(data: bytes) -> None:
    """A list of features is taken or refused; errors are one packet of ASCII in every form."""
    one = ClientFeatures()
    with suppress(RemoteProtocolError):
        one.take(data, {})
    one.hex_errors = bool(data[:1] > b"\x80")
    error = RemoteProtocolError(data.decode("latin-1"))
    for asks in (False, True):
        text = one.error(error, data=asks)
        assert text.isascii()
        assert b"\n" not in text
        assert text[:1] == b"E"


def clients(data: bytes) -> None:
    """A whole server: `hostile.spoken`. The input is cut at 0xFE; behind 0xFD comes a packet, which is framed here."""
    from tests.fuzz.hostile import spoken

    said = []
    for part in data.split(b"\xfe"):
        head, *packets = part.split(b"\xfd")
        said.append(head + b"".join(map(frame, packets)))
    trio.run(spoken, [one for one in said if one], clock=MockClock(autojump_threshold=0))


TARGETS: dict[str, Callable[[bytes], None]] = {
    "frames": frames,
    "link": link,
    "parsers": parsers,
    "agent": agent,
    "client_features": client_features,
    "clients": clients,
}


def fuzz(name: str, seconds: int, corpus: Sequence[str]) -> None:
    """Let libFuzzer try ``TARGETS[name]``; it says at the end how many inputs there were."""
    import atheris

    options = [
        f"-max_total_time={seconds}",
        "-max_len=512",
        "-timeout=20",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, *corpus], TARGETS[name])
    atheris.Fuzz()
