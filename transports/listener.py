"""Where clients connect: a TCP port of this machine alone, or a socket that only its owner may open.

The remote protocol has no password: who reaches the port controls the guest, so an address that others can reach is
taken only when the user says that they may.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address

import trio

from transports.address import BadTarget, Tcp, Unix, host_port, parse_target
from transports.errors import CannotListen

BACKLOG = 16
LOCK_SECONDS = 2.0
"""How long another dr6 that is about to listen in the same folder is waited for."""
LISTEN_FORMS = "HOST:PORT, :PORT (this machine only; port 0 for any that is free), or unix:PATH"


def parse_listen(text: str) -> Tcp | Unix:
    """The address of ``--listen``. Raises `BadTarget`."""
    host, colon, port = text.strip().rpartition(":")
    if colon and port == "0" and not host.startswith("unix"):
        return Tcp(host.removeprefix("tcp:").strip("[]") or "localhost", 0)
    try:
        address = parse_target(text, kind_of=lambda path: "socket" if "/" in path else "nothing")
    except BadTarget as error:
        raise BadTarget(f"dr6 can't listen at {text!r}; give {LISTEN_FORMS}.") from error
    if not isinstance(address, Tcp | Unix):
        raise BadTarget(f"dr6 can't listen at {text!r}; give {LISTEN_FORMS}.")
    return address


@asynccontextmanager
async def open_listener(
    address: Tcp | Unix, *, anybody: bool = False
) -> AsyncIterator[tuple[trio.SocketListener, str]]:
    """A listener and the TARGET that reaches it. ``anybody``: also at addresses that other machines can reach. Raises
    `CannotListen`."""
    if isinstance(address, Unix):
        async with _unix(address.path) as listener:
            yield listener, str(address)
        return
    listener = await _tcp(address, anybody)
    host, port = listener.socket.getsockname()[:2]
    try:
        yield listener, f"tcp:{host_port(host, port)}"
    finally:
        await listener.aclose()


async def _tcp(address: Tcp, anybody: bool) -> trio.SocketListener:
    where = host_port(address.host, address.port)
    try:
        found = await trio.socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, family=socket.AF_INET6 if address.ip == "6" else 0
        )
    except socket.gaierror as error:
        raise CannotListen(f"The name {address.host!r} is unknown to this machine's resolver.") from error
    family, kind, protocol, _, place = sorted(found, key=lambda row: row[0] != socket.AF_INET)[0]
    if not anybody and not ip_address(place[0]).is_loopback:
        raise CannotListen(
            f"{where} can be reached from other machines, and who reaches it controls the guest: the remote "
            "protocol has no password. Listen at localhost, or say --allow-remote."
        )
    sock = trio.socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        await sock.bind(place)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        taken = f"{where} is taken already; choose another port, or 0 for any that is free."
        other = f"dr6 can't listen at {where}: {error.strerror}."
        raise CannotListen(taken if error.errno == errno.EADDRINUSE else other) from error
    return trio.SocketListener(sock)


@asynccontextmanager
async def _unix(path: str) -> AsyncIterator[trio.SocketListener]:
    async with _folder_locked(path):
        await _clear(path)
        sock = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            before = os.umask(0o177)  # the socket is its owner's from the moment it is there
            try:
                await sock.bind(path)
            finally:
                os.umask(before)
            sock.listen(BACKLOG)
            made = os.stat(path).st_ino
        except OSError as error:
            sock.close()
            why = error.strerror or "the path is too long for a socket; the limit is 107 bytes"
            raise CannotListen(f"dr6 can't listen at {path!r}: {why}.") from error
    listener = trio.SocketListener(sock)
    try:
        yield listener
    finally:
        with trio.CancelScope(shield=True):
            async with _folder_locked(path):
                with suppress(OSError):
                    if os.stat(path).st_ino == made:
                        os.unlink(path)
                await listener.aclose()


@asynccontextmanager
async def _folder_locked(path: str) -> AsyncIterator[None]:
    """Between looking whether anybody listens at ``path`` and listening there oneself, no other dr6 does either: each
    would take the other's socket away. Who may not read the folder, or finds it locked for long, goes on without."""
    try:
        folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        yield
        return
    try:
        with trio.move_on_after(LOCK_SECONDS):
            while True:
                try:
                    fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await trio.sleep(0.01)
                except OSError:  # a file system without locks
                    break
        yield
    finally:
        os.close(folder)


async def _clear(path: str) -> None:
    """Take away a socket that nobody listens at any more; anything else stays."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return
    if not stat.S_ISSOCK(mode):
        raise CannotListen(f"{path!r} is there already and is no socket; choose another path.")
    probe = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        await probe.connect(path)
    except ConnectionRefusedError:
        with suppress(OSError):
            os.unlink(path)
        return
    except OSError as error:
        raise CannotListen(f"dr6 can't listen at {path!r}: {error.strerror}.") from error
    finally:
        probe.close()
    raise CannotListen(f"Somebody listens at {path!r} already; choose another path.")
