"""``g G p P``: the stub's registers, and behind them those that only dr6 knows."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from gdbstub.backends.interface import state_of_g
from gdbstub.protocol import encode_register
from gdbstub.protocol.layout import Feature, Register, make_layout
from gdbstub.server import Policy, RegisterFile
from gdbstub.server.stop_replies import Expedited
from tests.fakes.served import serving, two_cpus
from tests.fakes.stub import CODE, FakeStub, layout


def number(registers: RegisterFile, name: str) -> int:
    return registers.layout.by_name[name].number


def put(registers: RegisterFile, g: bytes, name: str, value: int) -> bytes:
    """The answer to ``g`` with one register changed."""
    row = registers.layout.by_name[name]
    return g[: 2 * row.offset] + encode_register(value, row.size) + g[2 * (row.offset + row.size) :]


async def test_g_is_the_stubs_own_and_then_what_only_dr6_knows(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        g = await peer.ask(b"g")
        state = await served.debugger.state()
        assert len(g) == 2 * served.registers.layout.size
        assert g.startswith(await served.debugger.raw_registers())
        assert await peer.ask(b"p%x" % number(served.registers, "rip")) == encode_register(CODE, 8)
        assert await peer.ask(b"p%x" % number(served.registers, "dr6")) == encode_register(state.debug.dr6 or 0, 8)
        assert state.tables is not None
        assert await peer.ask(b"p%x" % number(served.registers, "idtr_limit")) == encode_register(
            state.tables.idt[1], 4
        )
        assert (await peer.ask(b"pfff")) == b"E.There is no register number 4095."
        assert (await peer.ask(b"p")).startswith(b"E.")


async def test_what_is_not_known_is_x_in_each_digit(autojump_clock: MockClock) -> None:
    async with serving(FakeStub()) as served:  # no monitor: nothing is known of debug registers
        peer = await served.gdb()
        assert await peer.ask(b"p%x" % number(served.registers, "dr6")) == b"x" * 16
        assert (await peer.ask(b"g")).endswith(b"x" * 16)


async def test_reading_the_same_stop_again_asks_the_stub_nothing(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        await peer.ask(b"g")
        served.stub.log.clear()
        await peer.ask(b"g")
        await peer.ask(b"p10")
        assert served.stub.log == []


async def test_a_g_that_is_written_back_unchanged_writes_nothing(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        assert await peer.ask(b"G" + await peer.ask(b"g")) == b"OK"
        assert await peer.ask(b"G" + (await peer.ask(b"g")).upper().replace(b"X", b"x")) == b"OK"
        assert not any(request[:1] in b"PG" for request in served.stub.log)


async def test_a_g_with_changes_is_the_p_of_each_of_them(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        g = put(served.registers, await peer.ask(b"g"), "rax", 0x1234)
        g = put(served.registers, g, "eflags", 0x46)
        assert await peer.ask(b"G" + g) == b"OK"
        assert [request for request in served.stub.log if request[:1] in b"PG"] == [
            b"P0=" + encode_register(0x1234, 8),
            b"P11=" + encode_register(0x46, 4),
        ]
        assert await peer.ask(b"p0") == encode_register(0x1234, 8)
        assert (await peer.ask(b"g"))[:16] == encode_register(0x1234, 8)


async def test_a_g_that_changes_what_can_not_be_written_changes_nothing(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        g = put(served.registers, await peer.ask(b"g"), "rax", 0x1234)
        refused = await peer.ask(b"G" + put(served.registers, g, "dr7", 0x401))
        assert refused == b"E.dr7 can be read only: the stub behind dr6 has no way to write it."
        assert served.stub.registers["rax"] == 0
        for wrong in (g[:-2], g + b"00", b"", b"zz" + g[2:]):
            assert (await peer.ask(b"G" + wrong)).startswith(b"E."), wrong


async def test_an_extra_register_can_not_be_written(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        n = number(served.registers, "dr6")
        answer = await peer.ask(b"P%x=" % n + encode_register(0xFFFF4FF0, 8))
        assert answer == b"E.dr6 can be read only: the stub behind dr6 has no way to write it."


@pytest.mark.parametrize(
    "packet", [b"P0", b"P0=", b"P0=12", b"P0=" + b"0" * 18, b"P0=" + b"x" * 16, b"P0=" + b"z" * 16]
)
async def test_a_value_has_the_registers_size(autojump_clock: MockClock, packet: bytes) -> None:
    async with serving() as served:
        peer = await served.gdb()
        assert (await peer.ask(packet)).startswith(b"E.")
        assert not any(request[:1] == b"P" for request in served.stub.log)


async def test_a_read_only_guest_has_no_register_written(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb(Policy(read_only=True))
        g = await peer.ask(b"g")
        for packet in (b"P0=" + encode_register(1, 8), b"G" + put(served.registers, g, "rax", 1), b"c2000", b"s2000"):
            assert (await peer.ask(packet) if packet[:1] in b"PG" else await peer.run(packet)).startswith(
                b"E.dr6 serves this guest with --read-only"
            )
        assert served.stub.registers["rax"] == 0
        assert served.stub.registers["rip"] == CODE


async def test_registers_are_those_of_the_chosen_vcpu(autojump_clock: MockClock) -> None:
    async with serving(two_cpus()) as served:
        peer = await served.gdb()
        assert await peer.ask(b"Hgp1.2") == b"OK"
        assert await peer.ask(b"P0=" + encode_register(7, 8)) == b"OK"
        at = served.stub.log.index(b"P0=" + encode_register(7, 8))
        assert served.stub.log[at - 1] == b"Hgp1.2"
        await peer.ask(b"m4000,1")
        assert served.stub.log[at + 1] == b"Hgp1.1"
        assert served.debugger.cpu == 0


def test_a_stub_that_has_a_register_itself_keeps_it() -> None:
    plain = RegisterFile(layout())
    assert plain.is_extra(plain.layout.by_name["cs_base"])
    assert not plain.is_extra(plain.layout.by_name["fs_base"])
    names = [row.name for row in plain.layout.registers]
    assert len(set(names)) == len(names)
    assert [row.number for row in plain.layout.registers] == list(range(len(names)))


async def test_the_value_that_is_there_already_may_be_written(autojump_clock: MockClock) -> None:
    """Behind a ``call`` gdb writes every register back that it had saved."""
    async with serving() as served:
        peer = await served.gdb()
        served.stub.answers[b"P0=" + encode_register(0, 8)] = b"E22"  # a stub that has no way to write it, either
        for row in served.registers.layout.registers:
            value = await peer.ask(b"p%x" % row.number)
            if not value.startswith(b"x"):
                assert await peer.ask(b"P%x=%b" % (row.number, value.upper())) == b"OK", row.name
        follower = await served.gdb(Policy(read_only=True))
        assert await follower.ask(b"P%x=" % number(served.registers, "rip") + encode_register(CODE, 8)) == b"OK"
        assert await follower.ask(b"G" + await follower.ask(b"g")) == b"OK"


def test_gdb_is_told_not_to_save_what_nobody_can_write() -> None:
    rows = RegisterFile(layout()).layout.by_name
    assert (rows["dr6"].saved, rows["idtr_base"].saved, rows["rax"].saved) == (False, False, True)


def test_registers_that_the_stub_places_itself_are_where_gdb_reads_them() -> None:
    """gdb knows no ``offset=``: ``g`` has the registers one behind the other, by number."""
    rip = Register("rip", 64, 1, 0, "code_ptr", None, "org.gnu.gdb.i386.core")
    rax = Register("rax", 64, 0, 16, "int64", None, "org.gnu.gdb.i386.core")
    stub = make_layout([rip, rax], (Feature("org.gnu.gdb.i386.core"),), "i386:x86-64", placed=True)
    file, state = RegisterFile(stub), state_of_g(0, {"rip": 0x1000, "rax": 7, "eflags": 2})
    raw = encode_register(0x1000, 8) + b"xx" * 8 + encode_register(7, 8)
    assert file.read_all(raw, state).startswith(encode_register(7, 8) + encode_register(0x1000, 8))
    assert file.read(file.register(0), raw, state) == encode_register(7, 8)
    assert Expedited(stub).values(raw) == [(1, encode_register(0x1000, 8))]


def test_a_processs_registers_stay_as_its_stub_describes_them() -> None:
    rip = Register("rip", 64, 0, 8, "code_ptr", None, "org.gnu.gdb.i386.core")
    file = RegisterFile(make_layout([rip], placed=True), alone=True)
    raw = b"00" * 8 + encode_register(0x1000, 8)
    assert file.read_all(raw, state_of_g(0, {"rip": 0x1000, "eflags": 2})) == raw
    assert not any(file.is_extra(register) for register in file.layout.registers)
