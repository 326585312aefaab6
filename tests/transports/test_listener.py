"""Where clients connect: this machine alone unless the user says otherwise, and a socket of its owner's."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest
import trio

from transports import BadTarget, CannotListen, open_listener, parse_listen
from transports.address import Tcp, Unix


@pytest.mark.parametrize(
    ("text", "due"),
    [
        (":1234", Tcp("localhost", 1234)),
        (":0", Tcp("localhost", 0)),
        ("127.0.0.1:0", Tcp("127.0.0.1", 0)),
        ("tcp:127.0.0.1:0", Tcp("127.0.0.1", 0)),
        ("[::1]:0", Tcp("::1", 0)),
        (" 127.0.0.1:1234 ", Tcp("127.0.0.1", 1234)),
        ("unix:/run/dr6", Unix("/run/dr6")),
        ("/run/dr6", Unix("/run/dr6")),
    ],
)
def test_an_address_is_read(text: str, due: Tcp | Unix) -> None:
    read = parse_listen(text)
    assert type(read) is type(due)
    if isinstance(read, Tcp) and isinstance(due, Tcp):
        assert (read.host, read.port) == (due.host, due.port)
    elif isinstance(read, Unix) and isinstance(due, Unix):
        assert read.path == due.path


@pytest.mark.parametrize("text", ["", ":", "nonsense", ":x", ":70000", "serial:/dev/ttyS0", "exec:sh", ":-1", "unix:"])
def test_what_is_no_address_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(BadTarget, match="can't listen at"):
        parse_listen(text)


async def talk(listener: trio.SocketListener, sock: socket.socket, place: object) -> bytes:
    """One byte from a client to who accepts it."""
    sock.setblocking(False)
    client = trio.SocketStream(trio.socket.from_stdlib_socket(sock))
    await client.socket.connect(place)
    accepted = await listener.accept()
    await client.send_all(b"+")
    got = bytes(await accepted.receive_some(1))
    await client.aclose()
    await accepted.aclose()
    return got


async def test_port_0_is_any_that_is_free_and_its_address_reaches_it() -> None:
    async with open_listener(Tcp("127.0.0.1", 0)) as (listener, target):
        host, port = listener.socket.getsockname()[:2]
        assert target == f"tcp:127.0.0.1:{port}"
        assert host == "127.0.0.1"
        assert await talk(listener, socket.socket(), ("127.0.0.1", port)) == b"+"


async def test_a_port_that_is_taken_is_said_so() -> None:
    async with open_listener(Tcp("127.0.0.1", 0)) as (listener, _):
        port = listener.socket.getsockname()[1]
        with pytest.raises(CannotListen, match=rf"^127\.0\.0\.1:{port} is taken already; choose"):
            async with open_listener(Tcp("127.0.0.1", port)):
                pass


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1"])
async def test_what_other_machines_reach_is_taken_only_when_the_user_says_so(host: str) -> None:
    with pytest.raises(CannotListen, match="can be reached from other machines"):
        async with open_listener(Tcp(host, 0)):
            pass
    if host == "0.0.0.0":
        async with open_listener(Tcp(host, 0), anybody=True) as (listener, _):
            assert listener.socket.getsockname()[1]
    else:
        with pytest.raises(CannotListen, match="dr6 can't listen at 192"):
            async with open_listener(Tcp(host, 0), anybody=True):
                pass


async def test_an_unknown_name_is_one_sentence() -> None:
    with pytest.raises(CannotListen, match="unknown to this machine's resolver"):
        async with open_listener(Tcp("no.such.host.invalid", 0)):
            pass


async def test_a_socket_is_its_owners_and_goes_with_its_listener(tmp_path: Path) -> None:
    path = tmp_path / "gdb"
    umask = os.umask(0)
    try:
        async with open_listener(Unix(str(path))) as (listener, target):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert target == f"unix:{path}"
            assert await talk(listener, socket.socket(socket.AF_UNIX), str(path)) == b"+"
            assert os.umask(0) == 0
    finally:
        os.umask(umask)
    assert not path.exists()


async def test_a_socket_that_nobody_listens_at_any_more_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "gdb"
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(path))
    async with open_listener(Unix(str(path))) as (listener, _):
        assert await talk(listener, socket.socket(socket.AF_UNIX), str(path)) == b"+"


async def test_a_socket_that_somebody_listens_at_stays_theirs(tmp_path: Path) -> None:
    path = tmp_path / "gdb"
    async with open_listener(Unix(str(path))) as (listener, _):
        with pytest.raises(CannotListen, match="Somebody listens at"):
            async with open_listener(Unix(str(path))):
                pass
        await (await listener.accept()).aclose()  # the probe
        assert await talk(listener, socket.socket(socket.AF_UNIX), str(path)) == b"+"


async def test_a_file_that_is_no_socket_stays(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text("mine")
    with pytest.raises(CannotListen, match="is no socket; choose another path"):
        async with open_listener(Unix(str(path))):
            pass
    assert path.read_text() == "mine"


async def test_a_path_that_can_not_be_is_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "none" / "gdb", tmp_path / ("x" * 200)):
        with pytest.raises(CannotListen, match="dr6 can't listen at"):
            async with open_listener(Unix(str(path))):
                pass


async def test_another_socket_in_the_place_of_ours_stays(tmp_path: Path) -> None:
    path = tmp_path / "gdb"
    async with open_listener(Unix(str(path))):
        path.rename(tmp_path / "old")
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(path))
    assert path.exists()


async def test_of_many_that_begin_at_one_stale_socket_one_listens(tmp_path: Path) -> None:
    """Each finds that nobody listens there; none may take away the socket of the one that was first."""
    path = str(tmp_path / "clients")
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(path)
    stale.close()
    refused: list[str] = []
    listening: list[trio.SocketListener] = []
    settled, done = trio.Event(), trio.Event()

    def count() -> None:
        if len(refused) + len(listening) == 8:
            settled.set()

    async def begin() -> None:
        try:
            async with open_listener(Unix(path)) as (listener, _):
                listening.append(listener)
                count()
                await done.wait()
        except CannotListen as error:
            refused.append(str(error))
            count()

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(begin)
        with trio.fail_after(20):
            await settled.wait()
        assert len(listening) == 1
        assert all("Somebody listens at" in text for text in refused)
        for _ in refused:  # each has looked whether anybody is there
            await (await listening[0].accept()).aclose()
        assert await talk(listening[0], socket.socket(socket.AF_UNIX), path) == b"+"
        done.set()
    assert not await trio.Path(path).exists()
