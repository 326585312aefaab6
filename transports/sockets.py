"""TCP and unix sockets. `trio.SocketStream` sets TCP_NODELAY, without which a step takes 40 ms (Nagle)."""

from __future__ import annotations

import errno
import os
import select
import socket
import stat
from collections.abc import Callable
from typing import NamedTuple

import trio

from transports.address import IpVersion, host_port
from transports.errors import CannotOpen

_FAMILIES: dict[IpVersion, socket.AddressFamily] = {"4": socket.AF_INET, "6": socket.AF_INET6}

READ_SIZE = 65536


async def open_tcp(host: str, port: int, ip: IpVersion = "") -> trio.SocketStream:
    """Connect, or `CannotOpen`. How long to try is the caller's affair."""
    where = host_port(host, port)
    try:
        stream = await _connect(host, port, ip)
    except UnicodeError as error:  # what the IDNA codec says to "a..b"
        raise CannotOpen(f"{host!r} cannot be a host name; check its spelling.") from error
    except OSError as error:
        raise CannotOpen(_tcp_sentence(error, host, where, port)) from error
    if stream.socket.getsockname() == stream.socket.getpeername():
        # A free port in the ephemeral range can be given to its own caller (RFC 9293, simultaneous open).
        await trio.aclose_forcefully(stream)
        raise CannotOpen(_refused(where, port))
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return stream


async def _connect(host: str, port: int, ip: IpVersion) -> trio.SocketStream:
    if not ip:
        return await trio.open_tcp_stream(host, port)
    found = await trio.socket.getaddrinfo(host, port, family=_FAMILIES[ip], type=socket.SOCK_STREAM)
    failure: OSError | None = None
    for family, kind, protocol, _, address in found:
        sock = trio.socket.socket(family, kind, protocol)
        try:
            await sock.connect(address)
        except OSError as error:
            failure = error
            sock.close()
        except BaseException:
            sock.close()
            raise
        else:
            return trio.SocketStream(sock)
    raise failure or OSError(errno.EADDRNOTAVAIL, "no address")


def _tcp_sentence(error: OSError, host: str, where: str, port: int) -> str:
    if isinstance(error, socket.gaierror):
        return f"The name {host!r} is unknown to this machine's resolver ({error.strerror}); check its spelling."
    numbers = _numbers(error)
    if errno.ECONNREFUSED in numbers:
        return _refused(where, port)
    if errno.ETIMEDOUT in numbers:
        return silent(f"tcp:{where}")
    if numbers & {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
        return f"This machine has no route to {where}; check the address and the network."
    reason = "; ".join(sorted(os.strerror(number) for number in numbers)) or str(error)
    return f"The connection to {where} failed on this side: {reason}."


def _refused(where: str, port: int) -> str:
    return f"Nothing listens at {where}: is the stub there? QEMU opens it with -s or -gdb tcp::{port}."


def silent(name: str) -> str:
    return f"{name} did not answer in time: check the address, and that no firewall drops the packets."


def _numbers(error: BaseException) -> set[int]:
    """The errno of ``error``, or of the attempts that trio gathered as its cause."""
    if isinstance(error.__cause__, BaseExceptionGroup):
        return {number for part in error.__cause__.exceptions for number in _numbers(part)}
    return {error.errno} if isinstance(error, OSError) and error.errno is not None else set()


async def open_unix(path: str) -> trio.SocketStream:
    """Connect, or `CannotOpen`."""
    sock = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        await sock.connect(os.fsencode(path))
        sock.getpeername()  # a full backlog is EAGAIN, which looks like a connect that succeeds later
    except OSError as error:
        sock.close()
        raise CannotOpen(_unix_sentence(error, path)) from error
    except BaseException:
        sock.close()
        raise
    return trio.SocketStream(sock)


def _unix_sentence(error: OSError, path: str) -> str:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return f"There is no socket {path!r}: start the stub first (QEMU: -gdb unix:{path},server=on,wait=off)."
        case errno.ECONNREFUSED if not _is_socket(path):
            return f"{path!r} is not a socket; a recording is opened with replay:{path}."
        case errno.ECONNREFUSED:
            return f"Nobody listens at the socket {path!r} any more: start the stub again."
        case errno.EACCES | errno.EPERM:
            return f"You may not connect to the socket {path!r}: it, or its directory, is another user's."
        case errno.ENOTCONN | errno.EAGAIN:
            return f"The stub at {path!r} is busy with other clients; end them first."
        case errno.EPROTOTYPE:
            return f"{path!r} is a socket of another kind (datagrams); a stub listens on a stream socket."
        case None:  # Python's own check, without a number
            return f"The path {path!r} is too long for a socket: the limit is 107 bytes, so use a shorter one."
    return f"The connection to {path!r} failed on this side: {error.strerror}."


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False


class NonblockingSocket(NamedTuple):
    """A socket's bytes without a turn through trio's scheduler. ``send`` writes what the kernel takes at once and says
    how much that was; ``receive`` returns what is there, None for nothing; ``wait`` holds everything up until there is
    something, at most so many milliseconds, and says whether there is. All leave errors to the stream."""

    send: Callable[[bytes], int]
    receive: Callable[[], bytes | None]
    wait: Callable[[float], bool]


def shortcut(stream: trio.SocketStream) -> NonblockingSocket:
    """The shortcut past ``stream``. Not to be used while another task waits in the stream."""
    fileno = stream.socket.fileno

    def send(data: bytes) -> int:
        try:
            return os.write(fileno(), data)
        except OSError:
            return 0

    def receive() -> bytes | None:
        try:
            return os.read(fileno(), READ_SIZE)
        except OSError:
            return None

    def wait(milliseconds: float) -> bool:
        if not poller:
            poller.append(select.poll())
            poller[0].register(fileno(), select.POLLIN)
        return bool(poller[0].poll(milliseconds))

    poller: list[select.poll] = []
    return NonblockingSocket(send, receive, wait)
