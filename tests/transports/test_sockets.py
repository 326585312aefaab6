"""TCP and unix sockets: good streams, and one sentence for each way to fail."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from trio.testing import check_half_closeable_stream

from transports import CannotOpen, Gdbsx, Tcp, Unix, open_endpoint
from transports.sockets import open_tcp, open_unix

Pair = tuple[trio.SocketStream, trio.SocketStream]


async def tcp_pair() -> Pair:
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        stream = await open_tcp("127.0.0.1", listener.socket.getsockname()[1])
        return stream, await listener.accept()


@pytest.fixture
def bound() -> Iterator[socket.socket]:
    """A TCP socket that has a port and does not listen: connecting to it is refused."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock


async def cannot_open(address: Tcp | Unix | Gdbsx, seconds: float = 30) -> str:
    with pytest.raises(CannotOpen) as caught:
        async with open_endpoint(address, seconds=seconds):
            raise AssertionError(f"{address} was opened")
    sentence = str(caught.value)
    assert sentence.isprintable()
    assert sentence.endswith(".")
    return sentence


@pytest.mark.slow
async def test_a_tcp_stream_is_a_good_stream() -> None:
    await check_half_closeable_stream(tcp_pair, None)


@pytest.mark.slow
async def test_a_unix_stream_is_a_good_stream(tmp_path: Path) -> None:
    numbers = iter(range(1000))

    async def pair() -> Pair:
        path = tmp_path / str(next(numbers))
        with trio.socket.socket(socket.AF_UNIX) as listener:
            await listener.bind(str(path))
            listener.listen()
            stream = await open_unix(str(path))
            accepted, _ = await listener.accept()
            return stream, trio.SocketStream(accepted)

    await check_half_closeable_stream(pair, None)


async def test_tcp_does_not_wait_to_fill_a_segment() -> None:
    ours, theirs = await tcp_pair()
    async with ours, theirs:
        assert ours.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_an_address_family_can_be_asked_for() -> None:
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        port = listener.socket.getsockname()[1]
        async with open_endpoint(Tcp("localhost", port, "4")) as endpoint:
            assert endpoint.name == f"tcp4:localhost:{port}"
            assert endpoint.interrupt is None
        assert "127.0.0.1" in await cannot_open(Tcp("127.0.0.1", port, "6"))


async def test_a_stub_that_closes_in_mid_packet_ends_the_stream_after_what_it_said() -> None:
    ours, theirs = await tcp_pair()
    async with ours:
        await theirs.send_all(b"$T05thr")
        await theirs.aclose()
        assert await ours.receive_some() == b"$T05thr"
        assert await ours.receive_some() == b""


async def test_a_refused_port_asks_for_the_stub(bound: socket.socket) -> None:
    port = bound.getsockname()[1]
    for ip in ("", "4"):
        sentence = await cannot_open(Tcp("127.0.0.1", port, "4" if ip else ""))
        assert f"Nothing listens at 127.0.0.1:{port}" in sentence
        assert f"-gdb tcp::{port}" in sentence
    assert "Nothing listens" in await cannot_open(Gdbsx("127.0.0.1", port))


async def test_a_host_that_cannot_be_looked_up_is_named() -> None:
    assert "'a..b' cannot be a host name" in await cannot_open(Tcp("a..b", 1))
    assert "'127.0.0.1' is unknown" in await cannot_open(Tcp("127.0.0.1", 1, "6"))


async def test_a_silent_host_is_given_up_after_the_time_that_was_allowed() -> None:
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)  # room for one; what comes then is dropped without a word
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        port = listener.getsockname()[1]
        sentence = await cannot_open(Tcp("127.0.0.1", port), seconds=0.05)
        assert f"tcp:127.0.0.1:{port} did not answer in time" in sentence


async def test_a_peer_that_accepts_and_says_nothing_leaves_the_time_to_the_caller() -> None:
    ours, theirs = await tcp_pair()
    async with ours, theirs:
        with pytest.raises(trio.TooSlowError), trio.fail_after(0.02):
            await ours.receive_some()


async def test_an_endpoint_may_be_opened_under_a_deadline_that_ends_before_it_is_closed() -> None:
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        opening = open_endpoint(Tcp("127.0.0.1", listener.socket.getsockname()[1]))
        with trio.fail_after(60):
            endpoint = await opening.__aenter__()
        async with await listener.accept() as peer:
            await peer.send_all(b"+")
            assert await endpoint.stream.receive_some() == b"+"
        await opening.__aexit__(None, None, None)
        with pytest.raises(trio.ClosedResourceError):
            await endpoint.stream.send_all(b"x")


async def test_gdbsx_is_not_sent_a_ctrl_c_that_it_would_misread() -> None:
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener, open_endpoint(Gdbsx("127.0.0.1", listener.socket.getsockname()[1])) as endpoint:
        assert (endpoint.interrupt, endpoint.backend) == (None, "xen-gdbsx")  # whose dialect has no 0x03


async def test_each_way_in_which_a_unix_socket_is_not_there_has_its_sentence(tmp_path: Path) -> None:
    missing, plain, stale, datagrams = (tmp_path / name for name in ("missing", "plain", "stale", "datagrams"))
    plain.touch()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(stale))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(datagrams))
        assert "datagrams" in await cannot_open(Unix(str(datagrams)))
    assert f"-gdb unix:{missing},server=on" in await cannot_open(Unix(str(missing)))
    assert "There is no socket" in await cannot_open(Unix(str(plain / "under")))
    assert "is not a socket" in await cannot_open(Unix(str(plain)))
    assert "is not a socket" in await cannot_open(Unix(str(tmp_path)))
    assert "Nobody listens" in await cannot_open(Unix(str(stale)))
    assert "too long" in await cannot_open(Unix("/" + "x" * 200))


async def test_a_stub_whose_queue_is_full_is_called_busy(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.bind(path)
        listener.listen(0)
        client.connect(path)
        assert "busy with other clients" in await cannot_open(Unix(path))
