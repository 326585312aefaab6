"""A serial line, over a real pty: raw both ways, at the rate asked for, left as it was found."""

from __future__ import annotations

import os
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from transports import CannotOpen, Serial, open_endpoint
from transports.address import BAUD_RATES
from transports.serial import _SPEEDS, open_serial

EVERY_BYTE = bytes(range(256))


@pytest.fixture
def pty() -> Iterator[tuple[int, str]]:
    """The master's descriptor, and the path of the slave."""
    master, slave = os.openpty()
    yield master, os.ttyname(slave)
    os.close(slave)
    os.close(master)


async def receive_exactly(stream: trio.abc.ReceiveStream, count: int) -> bytes:
    received = b""
    while len(received) < count:
        data = await stream.receive_some(count - len(received))
        assert data
        received += data
    return received


async def test_every_byte_passes_as_it_is_both_ways(pty: tuple[int, str]) -> None:
    master = trio.lowlevel.FdStream(os.dup(pty[0]))
    async with master, open_endpoint(Serial(pty[1], 9600)) as endpoint:
        assert endpoint.name == f"serial:{pty[1]}?baud=9600"
        assert endpoint.interrupt is None
        await master.send_all(EVERY_BYTE)
        assert await receive_exactly(endpoint.stream, 256) == EVERY_BYTE
        await endpoint.stream.send_all(EVERY_BYTE)
        assert await receive_exactly(master, 256) == EVERY_BYTE


async def test_more_than_the_line_can_hold_passes_both_ways_at_once(pty: tuple[int, str]) -> None:
    master, line = trio.lowlevel.FdStream(os.dup(pty[0])), open_serial(pty[1], 115200)
    data = EVERY_BYTE * 1000
    got: dict[str, bytes] = {}

    async def receive(name: str, stream: trio.abc.ReceiveStream) -> None:
        got[name] = await receive_exactly(stream, len(data))

    async with master, line, trio.open_nursery() as nursery:
        nursery.start_soon(receive, "master", master)
        nursery.start_soon(receive, "line", line)
        nursery.start_soon(line.send_all, data)
        nursery.start_soon(master.send_all, data)
    assert got == {"master": data, "line": data}


async def test_the_rate_is_set_and_the_old_settings_come_back(pty: tuple[int, str]) -> None:
    before = termios.tcgetattr(pty[0])
    line = open_serial(pty[1], 57600)
    during = termios.tcgetattr(pty[0])
    assert during[4] == during[5] == termios.B57600
    assert not during[3] & (termios.ECHO | termios.ICANON | termios.ISIG)
    await line.aclose()
    await line.aclose()
    assert termios.tcgetattr(pty[0]) == before
    with pytest.raises(trio.ClosedResourceError):
        await line.receive_some()


async def test_bytes_of_an_earlier_session_are_not_taken_for_a_reply(pty: tuple[int, str]) -> None:
    os.write(pty[0], b"$T05#b9\n")
    master = trio.lowlevel.FdStream(os.dup(pty[0]))
    async with master, open_serial(pty[1], 9600) as line:
        await master.send_all(b"new")
        assert await receive_exactly(line, 3) == b"new"


async def test_a_line_that_hangs_up_ends_the_stream() -> None:
    master, slave = os.openpty()
    line = open_serial(os.ttyname(slave), 9600)
    os.close(slave)
    os.write(master, b"$T0")
    assert await receive_exactly(line, 3) == b"$T0"
    os.close(master)
    assert await line.receive_some() == b""
    await line.aclose()


async def test_what_is_no_serial_line_is_refused_in_one_sentence(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    for path, words in (
        ("/dev/null", "'/dev/null' is not a serial line."),
        (str(plain), "is not a serial line."),
        ("/dev/ttyNOSUCH", "There is no serial device '/dev/ttyNOSUCH'"),
    ):
        with pytest.raises(CannotOpen) as caught:
            open_serial(path, 9600)
        assert words in str(caught.value)


def test_every_rate_that_an_address_may_name_can_be_set() -> None:
    assert set(_SPEEDS) == set(BAUD_RATES)
