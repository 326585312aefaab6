"""A guest for stock gdb: the listener, the clients, and dr6's words for them. Beside a screen, or alone."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from copy import copy
from dataclasses import dataclass, field

import trio

from frontend.clean import clean
from frontend.cli.spoken_events import SpokenEvents
from frontend.commands import parse_vectors
from frontend.commands.dispatch import parse_line
from frontend.commands.session import PIECEWISE, Session
from frontend.commands.stop_text import one_line
from frontend.commands.table import Quit
from frontend.symbols import SymbolError, file_and_offset, is_i386
from frontend.version import tool
from gdbstub.debugger.events import DebuggerEvent, Output
from gdbstub.debugger.record import StopRecord
from gdbstub.errors import GdbError
from gdbstub.remote.nonblocking_io import NonblockingIO
from gdbstub.server import ClientConnection, Policy, RegisterFile, turn_away
from gdbstub.sessions.guest_lock import Reach
from gdbstub.sessions.shared_guest import SharedGuest
from transports import open_listener, parse_listen, shortcut

LOOKING = frozenset(
    ("why", "events", "dr", "info", "x", "print", "disassemble", "backtrace", "translate", "find", "help", "output")
)
"""Commands of dr6 that a client may use: they change neither the guest nor what dr6 does."""


@dataclass(frozen=True, slots=True)
class Serving:
    """Where clients connect, and what they may."""

    listen: str
    policy: Policy = field(default_factory=Policy)
    anybody: bool = False
    most: int = 16


class SessionWords:
    """`gdbstub.server.Words`, out of a session's commands and symbols."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.version = tool()

    def summary(self, record: StopRecord) -> str:
        return one_line(record, self._session.symbols)

    def vectors(self, text: str) -> list[int]:
        return parse_vectors(text)

    async def command(self, line: str, reach: Reach) -> str:
        command, arguments = parse_line(line.strip())
        if command.name not in LOOKING:
            raise GdbError(f"{command.name} is not for clients; dr6's commands that only look are: {_names()}.")
        lines: list[str] = []
        session = copy(self._session)  # the screen may print at the same time
        session.out = session.say = lines.append
        session.reach = reach
        session.interrupted = False

        async def work() -> None:
            with suppress(Quit):
                await command.handler(session, arguments)

        await (work() if command.name in PIECEWISE else reach(work))
        return "\n".join(lines)


def _names() -> str:
    return ", ".join(sorted(LOOKING))


class Door:
    """Lets clients in. ``say`` takes lines about them."""

    def __init__(self, session: Session, shared: SharedGuest, serving: Serving, say: Callable[[str], None]) -> None:
        self._shared = shared
        self._serving = serving
        self._say = say
        debugger = session.debugger
        self._registers = RegisterFile(
            debugger.layout, outside_g=debugger.capabilities.debug_outside_g, alone=bool(debugger.process)
        )
        self._words = SessionWords(session)
        self._clients: set[ClientConnection] = set()
        session.debugger.listen(SpokenEvents(self._words.summary, self._tell, "monitor events"))
        session.debugger.listen(self._hear)
        self._turned_away = 0
        """How many are being told so."""

    def _hear(self, notice: DebuggerEvent) -> None:
        """What dr6 itself has to say: where events may be missing, say."""
        if isinstance(notice, Output) and notice.origin == "dr6":
            self._tell(notice.text)

    def _tell(self, text: str) -> None:
        """A line for all clients."""
        for client in self._clients:
            client.session.said(text)

    async def take(self, stream: trio.SocketStream) -> None:
        """One client, from its connection to its end."""
        if len(self._clients) >= self._serving.most or self._shared.lost is not None:
            await self._turn_away(stream)
            return
        client = ClientConnection(
            stream,
            self._shared,
            self._registers,
            self._serving.policy,
            self._words,
            shortcut=NonblockingIO(*shortcut(stream)),
        )
        self._clients.add(client)
        self._say(f"{client} is here")
        ending = ""
        try:
            await client.serve()
        except Exception as error:  # a fault of dr6's own in one client's affairs is not the others' end
            ending = f"an error of dr6's own, please report it: {type(error).__name__} {error}"
        finally:
            self._clients.discard(client)
            ending = client.ending or ending
            self._say(f"{client} is gone" + (f": {ending}" if ending else ""))

    async def _turn_away(self, stream: trio.SocketStream) -> None:
        there = f"there are {len(self._clients)} already"
        if self._shared.lost is None:
            self._say(f"a client was turned away: {there}")
            self._shared.participants.tell_others(None, f"a client was turned away: {there}")
        if self._turned_away >= self._serving.most:  # whoever opens so many at once does not read
            await trio.aclose_forcefully(stream)
            return
        self._turned_away += 1
        try:
            full = f"dr6 has no place for another client: {there}, and --clients allows no more."
            await turn_away(stream, self._shared.lost or full)
        finally:
            self._turned_away -= 1


@asynccontextmanager
async def serve_session(
    session: Session, serving: Serving, say: Callable[[str], None]
) -> AsyncIterator[tuple[SharedGuest, str]]:
    """Serve the session's guest while the block runs; the guest as it is shared, and the address for clients."""
    failure: Exception | None = None
    gc.freeze()  # what is loaded by now stays: collections need not look at it, which is some 4 % of a step
    async with (
        open_listener(parse_listen(serving.listen), anybody=serving.anybody) as (listener, address),
        trio.open_nursery() as nursery,
    ):
        shared = SharedGuest(session.debugger, nursery)
        session.debugger.listen(shared.hear)
        nursery.start_soon(_accept, listener, Door(session, shared, serving, say), nursery)
        nursery.start_soon(shared.watch)
        try:
            yield shared, address
        except Exception as error:  # carried out of the nursery as it is, not in a group
            failure = error
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def _accept(listener: trio.SocketListener, door: Door, nursery: trio.Nursery) -> None:
    while True:
        try:
            stream = await listener.accept()
        except trio.ClosedResourceError:
            return
        except OSError:  # a connection that broke off while it waited, or no file descriptor left
            await trio.sleep(0.1)
            continue
        nursery.start_soon(door.take, stream)


def gdb_command(address: str) -> str:
    """What to type in gdb for a TARGET that `serve_session` gave."""
    return f"target remote {clean(address.partition(':')[2])}"


def architecture_hint(files: Iterable[str], architecture: str | None, address: str) -> str | None:
    """What gdb needs for a symbol file of 32-bit x86 where clients see 64-bit registers: with the file's architecture
    it refuses their description ("Remote 'g' packet reply is too long", gdb 13)."""
    if architecture == "i386":
        return None
    try:
        path = next((path for path, _ in map(file_and_offset, files) if is_i386(path)), None)
    except SymbolError:  # said where the file is read
        return None
    if path is None:
        return None
    return (
        f"{clean(path)} is a 32-bit ELF and the guest's registers are 64-bit; in gdb: set architecture i386:x86-64, "
        f"then {gdb_command(address)}"
    )
