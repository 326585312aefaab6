"""A served session: the door for clients, and dr6's words for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.lowlevel

from frontend.cli.serving import LOOKING, Serving, SessionWords, architecture_hint, gdb_command, serve_session
from frontend.commands.session import Session
from frontend.commands.shared import at_once
from frontend.symbols.names import Symbols
from gdbstub.debugger.debugger import Debugger
from gdbstub.errors import GdbError
from gdbstub.protocol import frame
from gdbstub.sessions.shared_guest import SharedGuest
from tests.fakes.served import qemu
from tests.fakes.stub import CODE, connected


class House:
    """A session that is served, and what was said about its clients."""

    def __init__(self, session: Session, shared: SharedGuest, path: str, said: list[str]) -> None:
        self.session, self.shared, self.path, self.said = session, shared, path, said
        self._streams: list[trio.SocketStream] = []

    async def connect(self) -> trio.SocketStream:
        self._streams.append(await trio.open_unix_socket(self.path))
        return self._streams[-1]

    async def close(self) -> None:
        for stream in self._streams:
            await stream.aclose()


@asynccontextmanager
async def house(tmp_path: Path, *, most: int = 16) -> AsyncIterator[House]:
    said: list[str] = []
    path = str(tmp_path / "gdb")
    async with connected(qemu()) as stream:
        debugger = Debugger(stream, "fake")
        await debugger.attach()
        session = Session(debugger, Symbols(), said.append)
        async with serve_session(session, Serving(path, most=most), said.append) as (shared, address):
            assert address == f"unix:{path}"
            yield (home := House(session, shared, path, said))
    await home.close()


async def ask(stream: trio.SocketStream, payload: bytes) -> bytes:
    await stream.send_all(frame(payload))
    got = b""
    while got.count(b"#") < 1:
        data = bytes(await stream.receive_some())
        assert data, "the server left"
        got += data
    return got.partition(b"$")[2].partition(b"#")[0]


async def gone(stream: trio.SocketStream) -> None:
    with trio.fail_after(60):
        try:
            while await stream.receive_some():
                pass
        except trio.BrokenResourceError:
            pass


async def test_a_client_is_answered_and_its_coming_and_going_is_said(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        stream = await home.connect()
        assert await ask(stream, b"qC") == b"QC1"
        assert home.said == ["client 1 is here"]
        assert await ask(stream, b"D") == b"OK"
        await gone(stream)
        with trio.fail_after(60):
            while len(home.said) < 2:
                await trio.lowlevel.checkpoint()
        assert home.said[1] == "client 1 is gone"


async def test_one_too_many_is_turned_away(tmp_path: Path) -> None:
    async with house(tmp_path, most=1) as home:
        first = await home.connect()
        await ask(first, b"qC")
        second = await home.connect()
        why = b"E.dr6 has no place for another client: there are 1 already, and --clients allows no more."
        assert await ask(second, b"qSupported:xmlRegisters=i386") == why
        await gone(second)
        assert home.said[-1] == "a client was turned away: there are 1 already"
        assert await ask(first, b"qC") == b"QC1"


async def test_nobody_is_let_in_once_the_stub_is_gone(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        first = await home.connect()
        await ask(first, b"qC")
        home.shared.lose("The stub is gone.")
        await gone(first)
        late = await home.connect()
        assert await ask(late, b"qSupported") == b"E.The stub is gone."
        await gone(late)


async def test_who_is_turned_away_and_says_nothing_is_not_waited_for_long(tmp_path: Path) -> None:
    async with house(tmp_path, most=1) as home:
        await ask(await home.connect(), b"qC")
        silent, one_more = await home.connect(), await home.connect()
        await gone(one_more)  # at once: one is being told already
        await gone(silent)


async def test_the_end_of_the_session_ends_its_clients_and_takes_their_breakpoints_out(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        stream = await home.connect()
        assert await ask(stream, b"Z0,%x,1" % CODE) == b"OK"
        debugger = home.session.debugger
        assert debugger.owned_by(1)
    assert not debugger.owned_by(1)


async def test_what_goes_wrong_beside_the_server_comes_out_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(GdbError, match=r"^just this$"):
        async with house(tmp_path):
            raise GdbError("just this")


@pytest.fixture
def out() -> list[str]:
    return []


@asynccontextmanager
async def words(out: list[str]) -> AsyncIterator[SessionWords]:
    async with connected(qemu()) as stream:
        debugger = Debugger(stream, "fake")
        await debugger.attach()
        yield SessionWords(Session(debugger, Symbols(), out.append, out.append))


async def test_commands_that_look_print_to_the_client_alone(out: list[str]) -> None:
    async with words(out) as said:
        assert "0x1000" in await said.command("x/2i 0x1000", at_once)
        assert "DR6" in await said.command("dr", at_once)
        assert await said.command("why", at_once)
        assert out == []


@pytest.mark.parametrize("line", ["stepi", "continue", "set $rax = 1", "quit", "delete", "break 0x1000", "source x"])
async def test_commands_that_change_anything_are_not_for_clients(out: list[str], line: str) -> None:
    async with words(out) as said:
        with pytest.raises(GdbError, match=r"is not for clients; dr6's commands that only look are: backtrace,"):
            await said.command(line, at_once)


async def test_a_command_that_fails_leaves_the_sessions_own_output_in_place(out: list[str]) -> None:
    async with words(out) as said:
        with pytest.raises(GdbError):
            await said.command("x/2i nonsense", at_once)
        with pytest.raises(GdbError):
            await said.command("nonsense", at_once)
        said._session.out("still here")
        assert out == ["still here"]


async def test_vectors_and_stops_have_their_words(out: list[str]) -> None:
    async with words(out) as said:
        assert said.vectors("db,gp,14") == [1, 13, 14]
        with pytest.raises(GdbError):
            said.vectors("xy")
        assert "\n" not in said.summary(said._session.record)
        assert "output" in LOOKING


def test_the_address_is_what_gdb_takes() -> None:
    assert gdb_command("tcp:127.0.0.1:1234") == "target remote 127.0.0.1:1234"
    assert gdb_command("unix:/run/dr6") == "target remote /run/dr6"


def test_a_32_bit_symbol_file_has_a_hint_for_gdb_where_registers_are_64_bit(tmp_path: Path) -> None:
    small, wide = tmp_path / "small", tmp_path / "wide"
    small.write_bytes(b"\x7fELF\x01\x01\x01" + bytes(9) + b"\x02\x00\x03\x00")
    wide.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\x3e\x00")
    files = (str(tmp_path / "none"), str(wide), f"{small}@0x1000")
    said = architecture_hint(files, "i386:x86-64", "tcp:127.0.0.1:2345")
    assert said is not None
    assert said.startswith(f"{small} is a 32-bit ELF")
    assert said.endswith("in gdb: set architecture i386:x86-64, then target remote 127.0.0.1:2345")
    assert architecture_hint(files, "i386", "tcp:127.0.0.1:2345") is None
    assert architecture_hint(files[:2], "i386:x86-64", "tcp:127.0.0.1:2345") is None
    assert architecture_hint(("small@x",), None, "tcp:127.0.0.1:2345") is None
