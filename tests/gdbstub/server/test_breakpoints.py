"""``Z`` and ``z``: what a client puts in, what reaches the stub, what gdb is told of a hit, what is evaluated here."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gdbstub.protocol.agent import LONGEST_CODE
from gdbstub.server import client_breakpoints
from tests.fakes.served import STEP, Peer, serving
from tests.fakes.stub import CODE, DATA, FakeStub
from tests.gdbstub.protocol.agent import assemble

REASONS = [
    (b"Z0,1002,1", b"swbreak:;", CODE + 2),
    (b"Z1,1002,1", b"hwbreak:;", CODE + 2),
    (b"Z2,4000,8", b"watch:4000;", CODE + 5),
    (b"Z4,4000,8", b"awatch:4000;", CODE + 5),
]
RIP = 16
"""Its number in the description."""


def rip(stop: bytes) -> int:
    """RIP in a stop reply."""
    return int.from_bytes(bytes.fromhex(stop.partition(b"10:")[2][:16].decode()), "little")


def options(*codes: str, commands: bool = False) -> bytes:
    """What stands behind ``Z0,…`` for these programs."""
    programs = b"".join(b"X%x,%b" % (len(code), code.hex().encode()) for code in map(assemble, codes))
    return b";cmds:0," + programs if commands else b";" + programs


def remove(packet: bytes) -> bytes:
    return b"z" + packet[1:].partition(b";")[0]


@pytest.mark.parametrize(("packet", "reason", "at"), REASONS)
async def test_a_hit_is_told_with_its_reason(autojump_clock: MockClock, packet: bytes, reason: bytes, at: int) -> None:
    async with serving() as served:
        peer = await served.gdb()
        assert await peer.ask(packet) == b"OK"
        stop = await peer.run()
        assert stop.startswith(b"T05")
        assert reason in stop
        assert rip(stop) == at


async def test_who_knows_no_reasons_is_told_none(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb(says=b"qSupported")
        await peer.ask(b"Z0,1002,1")
        stop = await peer.run(b"c")
        assert stop.startswith(b"T05")
        assert b"break" not in stop


async def test_read_watchpoints_are_passed_on(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        assert await peer.ask(b"Z3,4000,8") == b"OK"
        assert served.stub.points == [(3, DATA, 8)]


async def test_what_is_taken_out_and_put_back_while_the_guest_stands_costs_no_packet(
    autojump_clock: MockClock,
) -> None:
    async with serving() as served:
        peer = await served.gdb()
        await peer.ask(b"Z0,1002,1")
        await peer.run()
        served.stub.log.clear()
        for _ in range(3):
            assert await peer.ask(b"z0,1002,1") == b"OK"
            assert await peer.ask(b"Z0,1002,1") == b"OK"
        assert served.points() == []
        assert b"swbreak:;" in await peer.run()
        assert served.points() == []


async def test_what_is_taken_out_is_out_when_the_guest_runs(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        await peer.ask(b"Z0,1002,1")
        await peer.ask(b"Z2,4800,8")
        await peer.ask(b"z0,1002,1")
        assert served.stub.points == [(0, CODE + 2, 1), (2, 0x4800, 8)]
        await peer.go()
        await wait_all_tasks_blocked()
        await peer.interrupt()
        assert (await peer.stop()).startswith(b"T02")
        assert served.stub.points == [(2, 0x4800, 8)]
        await peer.ask(b"z2,4800,8")
        assert await peer.ask(b"z2,4800,8") == b"OK"  # gdb's are idempotent
        await peer.run(STEP)
        assert served.stub.points == []


async def test_a_step_over_a_breakpoint_that_is_marked_leaves_it_in(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        await peer.ask(b"Z0,1001,1")
        await peer.ask(b"z0,1001,1")
        stop = await peer.run(STEP)
        assert rip(stop) == CODE + 1
        assert b"break" not in stop  # it is out, as far as gdb knows
        assert served.stub.points == [(0, CODE + 1, 1)]
        await peer.run(b"vCont;r1000,1003:p1.1")
        assert served.stub.points == []


async def test_a_place_that_only_a_marked_one_holds_is_given_to_the_new_one(autojump_clock: MockClock) -> None:
    async with serving(FakeStub(patches=True, slots=4), backend="qemu-kvm") as served:
        peer = await served.gdb()
        for at in range(4):
            assert await peer.ask(b"Z1,%x,1" % (CODE + at)) == b"OK"
        assert (await peer.ask(b"Z2,4000,8")).startswith(b"E.All 4 debug registers are in use")
        await peer.ask(b"z1,1002,1")
        assert await peer.ask(b"Z2,4000,8") == b"OK"
        assert sorted(served.stub.points) == [(1, CODE, 1), (1, CODE + 1, 1), (1, CODE + 3, 1), (2, DATA, 8)]


async def test_what_the_stub_does_not_have_is_answered_as_not_known(autojump_clock: MockClock) -> None:
    """gdb makes a read watchpoint of one for any access then; of an error it makes "Command aborted"."""
    async with serving(FakeStub(patches=True, slots=4), backend="qemu-kvm") as served:
        peer = await served.gdb()
        assert await peer.ask(b"Z3,4000,8") == b""
        assert await peer.ask(b"Z4,4000,8") == b"OK"


async def test_a_client_that_is_cut_off_leaves_no_breakpoint(autojump_clock: MockClock) -> None:
    async with serving(FakeStub(patches=True), backend="qemu-kvm") as served:
        before = served.stub.peek(CODE, 8)
        peer = await served.gdb()
        for packet in (b"Z0,1002,1", b"Z1,1000,1", b"Z2,4000,8", b"Z0,1001,1", b"z0,1001,1"):
            assert await peer.ask(packet) == b"OK"
        assert len(served.stub.points) == 4
        await peer.close()
        assert served.stub.points == []
        assert served.stub.peek(CODE, 8) == before


async def test_a_client_has_a_bound(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_breakpoints, "MOST", 3)
    async with serving() as served:
        peer = await served.gdb()
        for at in range(3):
            assert await peer.ask(b"Z0,%x,1" % (CODE + at)) == b"OK"
        assert await peer.ask(b"Z0,1005,1") == b"E.A client may have 3 breakpoints."
        assert await peer.ask(b"Z0,1001,1") == b"OK"  # it is there
        await peer.ask(b"z0,1001,1")
        await peer.run(b"vCont;r1000,1001:p1.1")
        assert await peer.ask(b"Z0,1005,1") == b"OK"


MALFORMED = (
    *(b"Z0,", b"Z0,1000", b"Z0,zz,1", b"Z0,1000,", b"Z0,1000,1,1", b"z1,,1", b"Z2,4000,8;X1", b"Z0,1000,1;X3,26"),
    *(b"Z4,1", b"Z0,1000,1;X1,00", b"Z0,1000,1;X2,2200;cmds:2,X1,27", b"Z0,1000,1;cmds:0,X1", b"Z0,1000,1;X0,"),
)


@pytest.mark.parametrize("packet", MALFORMED)
async def test_a_malformed_breakpoint_is_refused_here(autojump_clock: MockClock, packet: bytes) -> None:
    async with serving() as served:
        peer = await served.gdb()
        assert (await peer.ask(packet)).startswith(b"E.")
        assert served.points() == []


async def test_what_the_stub_refuses_is_refused(autojump_clock: MockClock) -> None:
    async with serving() as served:
        served.stub.answers |= {b"Z2,9000,8": b"E22"}
        peer = await served.gdb()
        assert (await peer.ask(b"Z2,9000,8")).startswith(b"E.The stub refused")
        assert await peer.ask(b"z2,9000,8") == b"OK"
        assert served.debugger.owned_by(peer.session.participant.number) == ()


# -- conditions and commands --------------------------------------------------------------------------------------


async def counter(peer: Peer) -> int:
    return int(await peer.ask(b"m4000,1"), 16)


async def test_a_condition_is_evaluated_here_and_stops_where_it_holds(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        met = options("const16 0x4000; ref8; const8 5; equal; end")
        assert await peer.ask(b"Z0,1000,1" + met) == b"OK"
        assert served.stub.points == [(0, CODE, 1)]
        stop = await peer.run()
        assert b"swbreak:;" in stop
        assert await counter(peer) == 5


async def test_any_of_several_conditions_will_do_and_a_new_one_replaces_the_old(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        two = options("const8 0; end", "const16 0x4000; ref8; const8 3; equal; end")
        await peer.ask(b"Z0,1000,1" + two)
        await peer.run()
        assert await counter(peer) == 3
        await peer.ask(b"Z0,1000,1" + options("const16 0x4000; ref8; const8 7; equal; end"))
        await peer.run()
        assert await counter(peer) == 7
        await peer.ask(b"Z0,1000,1")
        await peer.run()
        assert await counter(peer) == 8
        assert served.points() == [b"Z0,1000,1"]


async def test_a_condition_reads_registers(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        await peer.ask(b"Z0,1002,1" + options(f"reg {RIP}; const16 0x1002; equal; end"))
        assert b"swbreak:;" in await peer.run()


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("const8 1; const8 0; div_signed; end", "divides by zero"),
        ("const16 0x9000; ref64; end", "can't be read now"),
        ("reg 4095; end", "no register number 4095"),
        ("reg DR6; end", "dr6 can't be read in a condition"),
        ("goto 0", "instructions"),
    ],
)
async def test_a_condition_that_fails_stops_and_says_why(autojump_clock: MockClock, code: str, why: str) -> None:
    async with serving() as served:
        peer = await served.gdb()
        code = code.replace("DR6", str(served.registers.layout.by_name["dr6"].number))
        assert await peer.ask(b"Z0,1002,1" + options(code)) == b"OK"
        assert b"swbreak:;" in await peer.run()
        assert "a condition or command of a breakpoint failed" in peer.console
        assert why in peer.console


async def test_conditions_are_bounded_in_code_steps_reads_and_prints(autojump_clock: MockClock) -> None:
    """A packet of 128 KiB must not cost the others a second, nor dr6 its memory."""
    async with serving() as served:
        peer = await served.gdb()
        long = b"\x22\x00" + b"\x0e" * (LONGEST_CODE - 3) + b"\x27"
        assert await peer.ask(b"Z0,1002,1;X%x,%b" % (len(long), long.hex().encode())) == b"OK"
        longer = b"\x0e" + long
        refused = await peer.ask(b"Z0,1002,1;X%x,%b" % (len(longer), longer.hex().encode()))
        assert refused == b"E.The conditions and commands of a breakpoint may have 4096 bytes of code."
        many = b"".join(b"X%x,%b" % (len(code), code.hex().encode()) for code in [b"\x22\x00\x27"] * 2000)
        assert (await peer.ask(b"Z0,1002,1;" + many)).startswith(b"E.The conditions and commands")
        for endless, why in (
            ("goto 0", "did not end within"),
            ("const16 0x4000; ref64; pop; goto 0", "reads memory more than 512 times"),
            ("const8 0; const8 0; printf 0 " + "-" * 900 + "; goto 0", "prints more than 65536 bytes"),
        ):
            await peer.ask(b"Z0,1002,1" + options(endless + "; end", commands=True))
            peer.console = ""
            await peer.run()
            assert why in peer.console


async def test_commands_print_and_the_guest_goes_on(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        counts = options("const16 0x4000; ref8; const8 0; const8 0; printf 1 count %d; end", commands=True)
        when = options("const16 0x4000; ref8; const8 3; less_unsigned; end")
        served.stub.place(DATA, bytes(8))
        assert await peer.ask(b"Z0,1000,1" + when + counts) == b"OK"
        await peer.ask(b"Z0,1001,1" + options("const16 0x4000; ref8; const8 4; equal; end"))
        await peer.run()
        assert [word for word in peer.console.split("count ") if word] == ["1", "2"]


async def test_a_marked_breakpoint_has_no_condition_evaluated(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        await peer.ask(b"Z0,1001,1" + options("const8 1; const8 0; div_signed; end"))
        await peer.ask(b"z0,1001,1")
        await peer.run(STEP)
        assert peer.console == ""


async def test_a_guest_that_only_passes_conditions_by_is_stopped_by_a_break(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        await peer.ask(b"Z0,1000,1" + options("const8 0; end"))
        await peer.go()
        while (served.stub.peek(DATA, 1) or b"")[0] < 20:
            await trio.lowlevel.checkpoint()
        await peer.interrupt()
        await peer.stop()
        await wait_all_tasks_blocked()
        assert not served.debugger.running
        assert not served.shared.guest.busy


async def test_what_a_command_prints_is_there_while_the_guest_runs(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        once = options("const16 0x4000; ref8; const8 3; equal; end")
        says = options("const8 0; const8 0; printf 0 here; end", commands=True)
        await peer.ask(b"Z0,1000,1" + once + says)
        await peer.go()
        while not peer.console:
            await peer.read()
        assert peer.console == "here"
        assert served.debugger.running
        await peer.interrupt()
        await peer.stop()


async def test_what_a_command_prints_for_who_does_not_wait_is_kept(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer, driver = await served.gdb(), await served.gdb()
        says = options("const8 0; const8 0; printf 0 here; end", commands=True)
        await peer.ask(b"Z0,1000,1" + says)
        await driver.ask(b"Z0,1002,1" + options("const16 0x4000; ref8; const8 1; equal; end"))
        assert b"swbreak:;" in await driver.run()
        assert await peer.ask(b"m4000,1") == b"01"
        assert peer.console == ""
        await peer.run()
        assert peer.console.endswith("here")
