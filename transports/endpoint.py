"""A target's stream with its name and what is special about it: what `open_endpoint` makes of an address."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import assert_never

import trio

from transports.address import Address, Gdbsx, Program, Replay, Serial, Tcp, Unix, Xen
from transports.child import open_command
from transports.dom0 import Dom0Programs, Domain
from transports.errors import CannotOpen
from transports.replay import ReplayStream
from transports.serial import open_serial
from transports.sockets import NonblockingSocket, open_tcp, open_unix, shortcut, silent
from transports.transcript import BadTranscript, read_transcript
from transports.xen import OpenedGdbsx, helpers_for, listening, start


async def _nothing() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``name`` is the canonical TARGET. ``interrupt`` is None where 0x03 on the wire stops a running guest;
    otherwise it is to be awaited instead, and may raise `CannotInterrupt`. ``exit_reason`` tells, after the
    stream ended or broke, how the program behind it died, in one sentence; it is empty where there is
    nothing to tell. ``shortcut`` is a faster way to send and receive, where there is one. ``backend`` is the kind of
    stub that the address says it is; ``domain`` are the helpers for a domain of Xen's.
    """

    stream: trio.abc.Stream
    name: str
    interrupt: Callable[[], Awaitable[None]] | None = None
    exit_reason: Callable[[], Awaitable[str]] = _nothing
    shortcut: NonblockingSocket | None = None
    backend: str | None = None
    domain: Domain | None = None

    async def close(self) -> None:
        await self.stream.aclose()


@contextlib.asynccontextmanager
async def open_endpoint(
    address: Address, *, seconds: float = 30.0, dom0: Dom0Programs | None = None, domain: str | None = None
) -> AsyncIterator[Endpoint]:
    """The open endpoint of ``address``; it is closed at the end of the block. Raises `CannotOpen`.

    ``dom0`` is where the helpers of ``xen:`` and ``gdbsx:`` are; ``domain`` names the one behind a ``gdbsx:``.

    ``seconds`` bounds the time that connecting may take: here alone is known what it was that took so long.
    No cancel scope stays open behind it, so it may be entered under the caller's own deadline as well.
    """
    with trio.move_on_after(seconds) as bound:
        endpoint = await _open(address, dom0 or Dom0Programs(), domain)
    if bound.cancelled_caught:
        raise CannotOpen(silent(str(address)))
    try:
        yield endpoint
    finally:
        await endpoint.close()


async def _open(address: Address, dom0: Dom0Programs, domain: str | None) -> Endpoint:
    name = str(address)
    match address:
        case Tcp(host, port, ip):
            return _socket_endpoint(await open_tcp(host, port, ip), name)
        case Unix(path):
            return _socket_endpoint(await open_unix(path), name)
        case Serial(path, baud):
            return Endpoint(open_serial(path, baud), name)
        case Program(line):
            stream, process = open_command(line)
            return Endpoint(stream, name, exit_reason=process.exit_reason)
        case Gdbsx(host, port):
            helpers = None if domain is None else await helpers_for(dom0, domain)
            return _gdbsx_endpoint(listening(await open_tcp(host, port), helpers), name)
        case Replay(path):
            return Endpoint(_replay(path), name)
        case Xen(wanted):
            return _gdbsx_endpoint(await start(dom0, wanted), name)
        case _:
            assert_never(address)


def _socket_endpoint(stream: trio.SocketStream, name: str) -> Endpoint:
    return Endpoint(stream, name, shortcut=shortcut(stream))


def _gdbsx_endpoint(opened: OpenedGdbsx, name: str) -> Endpoint:
    stream, interrupt, exit_reason, domain = opened.stream, opened.interrupt, opened.exit_reason, opened.domain
    return Endpoint(stream, name, interrupt, exit_reason, backend="xen-gdbsx", domain=domain)


def _replay(path: str) -> ReplayStream:
    try:
        return ReplayStream(read_transcript(path))
    except OSError as error:
        raise CannotOpen(f"The recording {path!r} cannot be read: {error.strerror}.") from error
    except BadTranscript as error:
        raise CannotOpen(str(error)) from error
