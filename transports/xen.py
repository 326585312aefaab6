"""``xen:DOMAIN`` and ``gdbsx:HOST:PORT``: a gdbsx started for a domain, or one that listens already.

gdbsx takes one client and ends with it, so closing the stream ends it, also where it runs behind ``--dom0``. It listens
on every address of dom0 until that client comes: it has no option for another one.
"""

from __future__ import annotations

import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from transports.child import open_program
from transports.dom0 import Dom0Programs, Domain, find_domain
from transports.errors import CannotInterrupt, CannotOpen, HelperFailed
from transports.process import Process, first_complaint, spawn
from transports.watched import WatchedStream

PORTS = range(20_000, 32_000)
TRIES = 4
"""Ports that are tried before it is said that none is free."""
LISTEN_SECONDS = 15.0
LOOK_SECONDS = 0.05
LEAVING_SECONDS = 2.0
"""How long gdbsx may take to let the domain go, once its client has left."""
NOT_ENABLED = (
    "This Xen was built without gdbsx (errno 38): it needs a hypervisor with CONFIG_GDBSX=y, which distributions' "
    "packages don't have; docs/xen.md says how to build one."
)
ENDED = (
    "gdbsx closed the connection: it was ended or killed. Start it again for the domain and attach; 'xl unpause' in "
    "dom0 lets a domain run that it left paused."
)


@dataclass(frozen=True, slots=True)
class OpenedGdbsx:
    """A gdbsx's stream, how to stop the domain, how it ended, and the domain's helpers, where there are some."""

    stream: trio.abc.Stream
    interrupt: Callable[[], Awaitable[None]] | None
    exit_reason: Callable[[], Awaitable[str]]
    domain: Domain | None


async def helpers_for(dom0: Dom0Programs, domain: str) -> Domain:
    """The helpers of a domain whose gdbsx listens already. Raises `CannotOpen`."""
    try:
        return await find_domain(dom0, domain)
    except HelperFailed as failure:
        raise CannotOpen(str(failure)) from failure


def listening(stream: trio.abc.Stream, domain: Domain | None) -> OpenedGdbsx:
    """A gdbsx that somebody else started."""
    if domain is None:
        return OpenedGdbsx(stream, None, _ended, None)
    return OpenedGdbsx(WatchedStream(stream, domain.fate), _breaker(domain), _words(domain, None), domain)


async def start(dom0: Dom0Programs, name: str) -> OpenedGdbsx:
    """Start gdbsx for a domain, and connect to it. Raises `CannotOpen` with one sentence."""
    try:
        domain = await find_domain(dom0, name)
        width = await domain.width()
        for port in random.sample(PORTS, TRIES):
            process = _spawn(domain, width, port)
            try:
                stream = await _connect(domain, process, port)
            except BaseException:
                with trio.CancelScope(shield=True):
                    await process.stop()
                raise
            if stream is not None:
                watched = WatchedStream(GdbsxStream(process, stream), domain.fate)
                return OpenedGdbsx(watched, _breaker(domain), _words(domain, process), domain)
            await process.stop()
    except HelperFailed as failure:
        raise CannotOpen(str(failure)) from failure
    raise CannotOpen(f"gdbsx found no free port in dom0 for {name}; tried {TRIES}.")


def _spawn(domain: Domain, width: int, port: int) -> Process:
    words = (domain.tools.get("gdbsx", "gdbsx"), "-a", str(domain.domain), str(width), str(port))
    return spawn("gdbsx", domain.dom0.command(words))


class GdbsxStream(trio.abc.Stream):
    """A stream to a gdbsx of ours: closing it ends gdbsx, which lets the domain run."""

    def __init__(self, process: Process, inner: trio.abc.Stream) -> None:
        self._process = process
        self._inner = inner

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._inner.receive_some(max_bytes)

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            await self._process.stop(patience=LEAVING_SECONDS)


async def _connect(domain: Domain, process: Process, port: int) -> trio.abc.Stream | None:
    """The stream once gdbsx listens; None where the port was taken. Raises `CannotOpen` where gdbsx ended."""
    with trio.move_on_after(LISTEN_SECONDS):
        while not process.ended.is_set():
            if await _listens(domain.dom0, port):
                if domain.dom0.prefix:
                    return open_program("The way to gdbsx", domain.dom0.command(("nc", "127.0.0.1", str(port))))[0]
                stream = await trio.open_tcp_stream("127.0.0.1", port)
                stream.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, 1)
                return stream
            await trio.sleep(LOOK_SECONDS)
        await process.messages.ended.wait()
        _check(domain, process.messages.head)
        return None
    raise CannotOpen(f"gdbsx did not begin to listen within {LISTEN_SECONDS:g} seconds.")


async def _listens(dom0: Dom0Programs, port: int) -> bool:
    """Asked of the kernel: a connection for trial would be the one client that gdbsx takes."""
    row = re.compile(rf"^\s*\d+: [0-9A-F]+:{port:04X} [0-9A-F]+:0000 0A ", re.MULTILINE)
    return row.search(await dom0.run("cat", "/proc/net/tcp")) is not None


def _check(domain: Domain, output: bytes) -> None:
    """Why gdbsx ended before it listened. Returns where another port may do."""
    said = output.decode("utf-8", "replace")
    if "already in use" in said or "bind" in said.lower():
        return
    if "NOT enabled" in said or "errno:38" in said or "errno 38" in said:
        raise CannotOpen(NOT_ENABLED)
    if re.search(r"permission denied|not permitted|errno:1\b|errno:13\b", said, re.IGNORECASE):
        raise CannotOpen(f"gdbsx has no permission {domain.dom0.place}: it needs root in dom0.")
    if re.search(r"not found|no such file", said, re.IGNORECASE):
        raise CannotOpen(f"gdbsx was not found {domain.dom0.place}: install the Xen tools (xen-utils) there.")
    raise CannotOpen(f"gdbsx did not take {domain.name} ({domain.domain}): {first_complaint(output) or 'it ended'}.")


def _breaker(domain: Domain) -> Callable[[], Awaitable[None]]:
    """The interrupt of a domain: from outside, since gdbsx does not read while it runs."""

    async def pause() -> None:
        try:
            await domain.pause()
        except HelperFailed as failure:
            try:
                fate = await domain.fate()
            except HelperFailed:
                fate = ""
            raise CannotInterrupt(fate or f"The domain can't be stopped: {failure}") from failure

    return pause


def _words(domain: Domain, process: Process | None) -> Callable[[], Awaitable[str]]:
    async def exit_reason() -> str:
        try:
            fate = await domain.fate()
        except HelperFailed:
            fate = ""
        if fate:
            return fate
        said = "" if process is None else await process.exit_reason()
        return f"{said} {ENDED}" if said else ENDED

    return exit_reason


async def _ended() -> str:
    return ENDED
