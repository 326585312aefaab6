"""A session on gdbsx, on the fake one; tests/labs/xen_check.py does the same on Xen."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import memory_stream_pair

from gdbstub.backends import BACKENDS
from gdbstub.backends.interface import yes
from gdbstub.backends.xen.int3 import Int3Breakpoints
from gdbstub.backends.xen.left_behind import left_behind
from gdbstub.debugger.debugger import Debugger, DebuggerOptions
from gdbstub.debugger.events import Output
from gdbstub.debugger.record import StopRecord
from gdbstub.errors import GdbError, Refused, TransportError, Unsupported
from gdbstub.remote.target import RemoteTarget
from gdbstub.x86.breakpoints import BreakpointKind
from tests.fakes.gdbsx import CODE, DATA, TF, Domain, FakeGdbsx, attached


def said(record: StopRecord) -> list[tuple[str, str, str]]:
    return [(cause.cause, cause.owner, cause.confidence) for cause in record.explanation.causes]


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@asynccontextmanager
async def session(
    domain: Domain,
    folder: Path | None = None,
    *,
    helpers: bool = True,
    backend: str | None = None,
    may_restore: Callable[[str], Awaitable[bool]] = yes,
) -> AsyncIterator[tuple[Debugger, FakeGdbsx, list[str]]]:
    """An attached debugger, and what it says."""
    gdbsx = FakeGdbsx(domain)
    messages: list[str] = []

    async def pause() -> None:
        domain.pause()

    async with attached(gdbsx) as stream:
        options = DebuggerOptions(
            backend=backend,
            helpers=domain if helpers else None,
            journals=folder,
            break_in=pause if helpers else None,
            may_restore=may_restore,
        )
        debugger = Debugger(stream, "fake", options)
        await debugger.attach()
        debugger.listen(lambda notice: messages.append(notice.text) if isinstance(notice, Output) else None)
        yield debugger, gdbsx, messages


async def test_it_is_known_by_its_answers_and_never_sent_what_hurts_it() -> None:
    async with session(Domain(), helpers=False) as (debugger, gdbsx, _):
        assert (debugger.backend.name, debugger.backend.guest) == ("xen-gdbsx", "pv")
        await debugger.step()
        await debugger.read_memory(DATA, 0x1000)
        lengths = [int(request.rpartition(b",")[2], 16) for request in gdbsx.log if request.startswith(b"m")]
        assert max(lengths) <= 0x400
        assert not any(request[:1] in b"PpXxZz" for request in gdbsx.log)


@pytest.mark.parametrize("pv", [True, False])
async def test_a_breakpoint_is_hit_where_it_stands_and_is_nowhere_in_memory(pv: bool, tmp_path: Path) -> None:
    domain = Domain(pv=pv, paused=1)  # the first resume is a phantom
    async with session(domain, tmp_path) as (debugger, _, _):
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, CODE + 2)
        record = await debugger.resume()
        assert (record.state.pc, domain.cpus[0].values["rip"]) == (CODE + 2, CODE + 2), "RIP is put back at once"
        assert said(record) == [("software-breakpoint", "debugger", "certain")]
        assert domain.peek(CODE + 2, 1) == b"\xcc"
        assert await debugger.read_memory(CODE, 3) == bytes.fromhex("909048")
        record = await debugger.step()
        assert (record.state.pc, said(record)) == (CODE + 5, [("single-step", "debugger", "certain")])
        assert domain.peek(CODE + 2, 1) == b"\xcc", "the breakpoint is in again behind the step"
        assert len(files(tmp_path)) == 1
        await debugger.detach()
        assert domain.peek(CODE, 3) == bytes.fromhex("909048")
        assert (domain.attached, domain.paused, files(tmp_path)) == (False, 0, [])


async def test_a_plain_step_asks_for_neither_code_nor_debug_registers() -> None:
    domain = Domain()
    async with session(domain) as (debugger, gdbsx, _):
        await debugger.run_steps(4)
        gdbsx.log.clear()
        domain.asked.clear()
        record = await debugger.run_steps(10)
        assert gdbsx.log == [b"s", b"g"] * 10
        assert domain.asked == []
        assert (record.state.debug.source, record.state.debug.dr6, record.state.debug.dr7) == ("xenctx", None, 0x400)


async def test_the_ack_of_an_answer_leaves_with_the_next_request() -> None:
    """Two writes wake an emulated or busy dom0 twice."""
    client, server = memory_stream_pair()
    remote = RemoteTarget(client)
    remote.learn(BACKENDS["xen-gdbsx"].dialect)
    for before in (b"", b"+"):
        token = remote.ask(b"g")
        await remote.flush()
        assert await server.receive_some() == before + b"$g#67"
        await server.send_all(b"+$00#60")
        assert await remote.data(token, "g") == b"00"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(remote.watch_idle)
        assert await server.receive_some() == b"+", "who waits without a request owes none"
        nursery.cancel_scope.cancel()


async def test_code_that_the_guest_writes_is_read_again() -> None:
    domain = Domain()
    domain.cpus[0].values["rdi"] = CODE + 0x20  # `inc qword [rdi]` writes near the code
    async with session(domain) as (debugger, gdbsx, _):
        await debugger.run_steps(2)
        gdbsx.log.clear()
        await debugger.step()
        assert gdbsx.log[2:3] == [b"m1000,40"]


EVENTS = {
    "int3": (b"\xcc", "software-breakpoint", 0, 0),
    "int1": (b"\xf1", "icebp", 0, 0),
    "execute": (b"\x90", "instruction-breakpoint", 0x401, CODE + 1),
}


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("pv", [True, False])
async def test_the_guests_own_event_is_the_guests_and_the_domain_gets_past_it(pv: bool, name: str) -> None:
    code, cause, dr7, dr0 = EVENTS[name]
    domain = Domain(pv=pv)
    domain.place(CODE + 1, code)
    domain.cpus[0].dr7, domain.cpus[0].dr[0] = dr7 or 0x400, dr0
    async with session(domain) as (debugger, _, _):
        for before in range(2):
            record = await debugger.resume()
            assert [row[:2] for row in said(record)] == [(cause, "guest")], record.explanation
            count = int.from_bytes(domain.peek(DATA, 8) or b"", "little")
            assert count == before, "it went round once"


async def test_a_data_breakpoint_of_the_guest_is_seen_in_a_step_too() -> None:
    domain = Domain()
    async with session(domain) as (debugger, _, _):
        await debugger.run_steps(2)
        domain.cpus[0].dr7, domain.cpus[0].dr[1] = 0x400 | 1 << 2 | 1 << 20, DATA
        await debugger.state(complete=True)
        record = await debugger.step()
        assert record.state.debug.dr6 is not None, "DR6 is read where the guest's own breakpoints are armed"


async def test_the_guests_own_step_on_amd_is_told_by_tf_where_dr6_is_late() -> None:
    domain = Domain(pv=False)
    domain.cpus[0].values["eflags"] |= TF
    async with session(domain) as (debugger, _, _):
        domain.cpus[0].dr6 = 0xFFFF0FF0
        record = await debugger.resume()
        assert [row[:2] for row in said(record)] == [("single-step", "guest")]


async def test_of_two_vcpus_the_one_that_was_hit_is_named() -> None:
    domain = Domain(cpus=2)
    domain.cpus[0].values["rip"], domain.cpus[1].values["rip"] = CODE + 1, CODE + 0x100
    domain.place(CODE + 0x100, b"\x90\xf1\xeb\xfc")
    async with session(domain) as (debugger, _, _):
        record = await debugger.resume()
        assert (record.stop.raw, record.cpu) == ("T02thread:0;", 1)
        assert said(record)[0][:2] == ("icebp", "guest")


async def test_the_vcpu_that_left_its_guest_for_it_is_named_and_its_dr6_is_the_exits() -> None:
    """A POPF has cleared TF, and DR6 is not saved: nothing in the registers of either vCPU tells of the step."""
    domain = Domain(pv=False, cpus=2)
    domain.sets_debug_registers = True
    golden = Path(__file__).with_name("golden") / "exit-4.17-two-vcpus.txt"
    domain.exits = golden.read_text(encoding="utf-8").replace(f"{0x100271:016x}", f"{CODE + 0x101:016x}")
    domain.cpus[0].values["rip"], domain.cpus[1].values["rip"] = CODE + 1, CODE + 0x100
    domain.place(CODE + 1, b"\x90\xeb\xfd")
    domain.place(CODE + 0x100, b"\x9d\x90\xeb\xfd")
    async with session(domain) as (debugger, _, _):
        record = await debugger.resume()
        assert (record.stop.raw, record.cpu, record.state.pc) == ("T02thread:0;", 1, CODE + 0x101)
        assert said(record) == [("single-step", "guest", "certain")]
        assert record.explanation.exit_dr6 == (0xFFFF4FF0, "reported")
        assert record.exit_source == "vmcb"
        asked = domain.asked.count("vcpu 3 exit")
        await debugger.step()
        assert domain.asked.count("vcpu 3 exit") == asked, "never at a step"


async def test_an_interrupt_is_a_pause_and_the_domain_goes_on_from_it() -> None:
    domain = Domain()
    async with session(domain) as (debugger, gdbsx, _), trio.open_nursery() as nursery:

        async def interrupt() -> None:
            while not debugger.running:
                await trio.lowlevel.checkpoint()
            await debugger.interrupt()

        nursery.start_soon(interrupt)
        record = await debugger.resume()
        assert said(record) == [("interrupt-request", "debugger", "likely")]
        assert b"\x03" not in b"".join(gdbsx.log)
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, CODE + 2)
        assert (await debugger.resume()).state.pc == CODE + 2


async def test_without_a_helper_nothing_else_breaks_and_it_is_said_what_is_missing() -> None:
    domain = Domain()
    domain.place(CODE + 1, b"\xf1")
    async with session(domain, helpers=False) as (debugger, _, _):
        record = await debugger.resume()
        assert record.state.debug.source == "unknown"
        assert "no helper in dom0 was given (--dom0, --domain)" in record.state.debug.unread
        assert any("xenctx -a DOMID VCPU" in text for text in record.explanation.advice)
        assert all(row[2] != "certain" for row in said(record))
        with pytest.raises(Unsupported, match="xl destroy"):
            await debugger.kill()


async def test_a_helper_that_fails_is_said_once() -> None:
    domain = Domain()
    domain.broken.add("xenctx")
    async with session(domain) as (debugger, _, messages):
        await debugger.step()
        await debugger.step()
        assert [text for text in messages if "xenctx" in text] == [
            "The debug registers are unknown: xenctx was not found on this machine."
        ]


async def test_hardware_breakpoints_are_refused_with_the_reason_and_the_way_out() -> None:
    async with session(Domain()) as (debugger, gdbsx, _):
        gdbsx.log.clear()
        for kind in (BreakpointKind.WRITE, BreakpointKind.READ, BreakpointKind.ACCESS):
            with pytest.raises(Refused, match="gdbsx has no hardware breakpoints and no watchpoints"):
                await debugger.add_breakpoint(kind, DATA, 8)
        with pytest.raises(Refused, match=r"dr6 xen-helper.*use a software breakpoint"):
            await debugger.add_breakpoint(BreakpointKind.EXECUTE, CODE, means="hw")
        assert gdbsx.log == []
        assert debugger.breakpoints == {}


async def test_a_domain_that_is_destroyed_is_one_sentence() -> None:
    domain = Domain()
    async with session(domain) as (debugger, _, _):
        domain.gone = True
        with pytest.raises(TransportError, match="its domain is gone"):
            await debugger.step()


async def test_what_was_planted_goes_with_a_domain_that_is_destroyed(tmp_path: Path) -> None:
    domain = Domain()
    async with session(domain, tmp_path) as (debugger, _, _):
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, CODE)
        domain.gone = True
        with pytest.raises(TransportError, match="its domain is gone"):
            await debugger.step()  # the breakpoint at RIP is to be lifted first
        await debugger.detach()
        assert files(tmp_path) == []


async def test_a_domain_that_is_destroyed_while_it_runs_is_no_stop(tmp_path: Path) -> None:
    """libxl pauses it first, and gdbsx tells of that."""
    domain = Domain()
    async with session(domain, tmp_path) as (debugger, _, _), trio.open_nursery() as nursery:
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, CODE + 0x100)

        async def destroy() -> None:
            while domain.peek(DATA, 1) == b"\0":
                await trio.lowlevel.checkpoint()
            domain.dying = True
            domain.pause()

        nursery.start_soon(destroy)
        with pytest.raises(TransportError, match="its domain is gone"):
            await debugger.resume()
        assert files(tmp_path) != []
        await debugger.detach()
        assert files(tmp_path) == [], "what was planted went with it"


async def test_a_domain_that_somebody_pauses_is_a_stop() -> None:
    domain = Domain()
    async with session(domain) as (debugger, _, _), trio.open_nursery() as nursery:

        async def pause() -> None:
            while domain.peek(DATA, 1) == b"\0":
                await trio.lowlevel.checkpoint()
            domain.pause()

        nursery.start_soon(pause)
        record = await debugger.resume()
        assert record.stop.raw == "T02thread:0;"
        assert not debugger.ended


async def test_a_stub_of_another_kind_is_not_taken_for_one() -> None:
    from tests.fakes.stub import FakeStub, connected

    async with connected(FakeStub()) as stream:
        with pytest.raises(TransportError, match="is no gdbsx"):
            await Debugger(stream, "gdbsx:host:1", DebuggerOptions("xen-gdbsx")).attach()


async def test_a_guest_of_another_width_is_named() -> None:
    domain = Domain()
    domain.cpus[0].values["cs"] = 0xE019
    with pytest.raises(TransportError, match="runs 32-bit code"):
        async with session(domain):
            pass


# -- what a dr6 that died leaves ----------------------------------------------------------------------------------


async def crash(domain: Domain, folder: Path, *places: int) -> None:
    """Plant, and go without a word; the file stays, and nobody holds it."""
    async with session(domain, folder) as (debugger, _, _):
        for at in places:
            await debugger.add_breakpoint(BreakpointKind.EXECUTE, at)
        die(debugger)


def die(debugger: Debugger) -> None:
    """The journal is closed, as the kernel does, and nothing is taken out."""
    int3s = debugger._parts.points
    assert isinstance(int3s, Int3Breakpoints)
    os.close(int3s._journal._fd or -1)
    int3s._journal._fd = None


async def test_what_a_dead_dr6_planted_is_taken_out_verified_and_said_in_one_line(tmp_path: Path) -> None:
    domain = Domain()
    before = domain.peek(CODE, 9)
    places = [CODE + n for n in (0, 1, 2, 5, 6)]
    await crash(domain, tmp_path, *places)
    assert (domain.peek(CODE, 9) or b"").count(b"\xcc") == 5
    async with session(domain, tmp_path) as (_, _, messages):
        assert domain.peek(CODE, 9) == before
        (line,) = [text for text in messages if "int3" in text]
        assert line.startswith("Restored and verified: 5 int3s that an earlier dr6 (process ")
        assert files(tmp_path) == []


async def test_who_says_no_keeps_them_and_is_asked_again(tmp_path: Path) -> None:
    domain = Domain()
    await crash(domain, tmp_path, CODE, CODE + 2)
    asked: list[str] = []

    async def no(question: str) -> bool:
        asked.append(question)
        return False

    for _ in range(2):
        before = domain.peek(CODE, 9)
        async with session(domain, tmp_path, may_restore=no) as (debugger, _, messages):
            assert domain.peek(CODE, 9) == before
            assert await debugger.read_memory(CODE, 1) == b"\xcc", "it is shown as what it is"
            assert messages[0].startswith("Left in the guest's memory: 2 int3s of an earlier dr6 (process ")
            record = await debugger.resume()
            assert [row[:2] for row in said(record)] == [("software-breakpoint", "guest")]
        assert len(files(tmp_path)) == 1
    assert asked[0] == asked[1]
    assert re.fullmatch(
        r"Take out what an earlier dr6 \(process \d+\) left: 2 int3s in the guest's memory, at 0x1000, 0x1002\?",
        asked[0],
    )
    async with session(domain, tmp_path) as (_, _, messages):
        assert messages[0].startswith("Restored and verified: 2 int3s")
        assert files(tmp_path) == []


async def test_nobody_is_asked_where_nothing_stands_any_more(tmp_path: Path) -> None:
    domain = Domain()
    before = domain.peek(CODE, 9) or b""
    await crash(domain, tmp_path, CODE)
    domain.place(CODE, before)

    async def may(question: str) -> bool:
        raise AssertionError(question)

    async with session(domain, tmp_path, may_restore=may) as (_, _, messages):
        assert messages[0].startswith("Verified: nothing that an earlier dr6")
        assert files(tmp_path) == []


async def test_a_process_number_that_comes_again_overwrites_nothing(tmp_path: Path) -> None:
    domain = Domain()
    await crash(domain, tmp_path, CODE)

    async def no(question: str) -> bool:
        return False

    async with session(domain, tmp_path, may_restore=no) as (debugger, _, _):
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, CODE + 2)
        assert len(files(tmp_path)) == 2
        await debugger.detach()
    assert len(files(tmp_path)) == 1


async def test_a_vcpu_that_had_hit_one_stands_on_it_again(tmp_path: Path) -> None:
    domain = Domain()
    await crash(domain, tmp_path, CODE + 2)
    domain.cpus[0].values["rip"] = CODE + 3
    async with session(domain, tmp_path) as (debugger, _, messages):
        assert domain.cpus[0].values["rip"] == CODE + 2
        assert "RIP was put back to 0x1002" in messages[0]
        assert (await debugger.step()).state.pc == CODE + 5


async def test_other_code_at_the_place_is_left_alone(tmp_path: Path) -> None:
    domain = Domain()
    await crash(domain, tmp_path, CODE + 2)
    domain.place(CODE + 2, b"\xcc\xcc\xcc\xcc")
    async with session(domain, tmp_path) as (_, _, messages):
        assert domain.peek(CODE + 2, 4) == b"\xcc" * 4
        assert "was left alone" in messages[0]


async def test_the_journal_of_a_living_dr6_is_not_touched(tmp_path: Path) -> None:
    domain = Domain()
    async with session(domain, tmp_path) as (debugger, _, _):
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, CODE)
        assert list(left_behind(tmp_path, "fake", domain.identity)) == []


async def test_a_line_that_was_cut_off_and_another_target_count_for_nothing(tmp_path: Path) -> None:
    domain = Domain()
    await crash(domain, tmp_path, CODE)
    (file,) = files(tmp_path)
    file.write_bytes(file.read_bytes() + b'{"kind":"planted","addr')
    (left,) = left_behind(tmp_path, "fake", domain.identity)
    assert [int3.address for int3 in left.int3s] == [CODE]
    assert list(left_behind(tmp_path, "fake", "another")) == []


async def test_nothing_is_planted_where_no_journal_can_be_written(tmp_path: Path) -> None:
    domain = Domain()
    (tmp_path / "file").touch()
    async with session(domain, tmp_path / "file") as (debugger, _, _):
        with pytest.raises(GdbError, match="No breakpoint was set"):
            await debugger.add_breakpoint(BreakpointKind.EXECUTE, CODE)
        assert domain.peek(CODE, 1) == b"\x90"
        assert debugger.breakpoints == {}


async def test_what_the_user_writes_goes_around_the_int3_and_stays(tmp_path: Path) -> None:
    domain = Domain()
    async with session(domain, tmp_path) as (debugger, _, _):
        row = await debugger.add_breakpoint(BreakpointKind.EXECUTE, CODE)
        await debugger.write_memory(CODE, b"\x50\x58")
        assert domain.peek(CODE, 2) == b"\xcc\x58"
        assert await debugger.read_memory(CODE, 2) == b"\x50\x58"
        await debugger.delete_breakpoint(row.number)
        assert domain.peek(CODE, 2) == b"\x50\x58"
