"""Hardware breakpoints on gdbsx, on the fake one with the helper in its dom0; tests/labs/xen_hardware.py has them on
Xen."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from gdbstub.debugger.debugger import Debugger
from gdbstub.errors import GdbError, Refused
from gdbstub.x86.breakpoints import BreakpointKind
from tests.fakes.gdbsx import CODE, DATA, Domain
from tests.gdbstub.backends.xen.test_gdbsx import die, files, said, session

STORE = CODE + 2
"""``inc qword [rdi]``; behind it is CODE + 5."""
pytestmark = pytest.mark.parametrize("pv", [True, False], ids=["pv", "hvm"])


def made(pv: bool, cpus: int = 1) -> Domain:
    domain = Domain(pv=pv, cpus=cpus)
    domain.sets_debug_registers = True
    for cpu in domain.cpus[1:]:
        cpu.values["rip"] = CODE + 0x100
    domain.place(CODE + 0x100, b"\x90\x90\xeb\xfc")
    return domain


@asynccontextmanager
async def attached(domain: Domain, folder: Path | None = None) -> AsyncIterator[tuple[Debugger, list[str]]]:
    async with session(domain, folder) as (debugger, _, messages):
        yield debugger, messages


def own(domain: Domain, cpu: int = 0) -> tuple[list[int], int, int]:
    vcpu = domain.cpus[cpu]
    return list(vcpu.dr), vcpu.dr6, vcpu.dr7


async def test_a_hardware_breakpoint_is_hit_where_it_stands_and_passed_by_rf(pv: bool) -> None:
    domain = made(pv)
    async with attached(domain) as (debugger, _):
        row = await debugger.add_breakpoint(BreakpointKind.EXECUTE, STORE, means="hw")
        for round_ in range(3):
            record = await debugger.resume()
            assert (record.stop.raw, record.state.pc) == ("T02thread:0;", STORE)
            assert said(record) == [("instruction-breakpoint", "debugger", "certain")]
            assert record.explanation.causes[0].slot == 3
            assert (record.explanation.exit_dr6.value, record.explanation.exit_dr6.provenance) == (
                0xFFFF0FF8,
                "reported",
            )
            assert int.from_bytes(domain.peek(DATA, 8) or b"", "little") == round_
        assert row.hits == 3
        debug = record.state.debug
        assert (debug.dr3, debug.dr6, debug.dr7, debug.source) == (0, 0xFFFF0FF0, 0x400, "dr6-vcpu"), "the guest's own"
        assert [(armed.slot, armed.address) for armed in debug.shared] == [(3, STORE)]
        assert domain.peek(CODE, 9) == bytes.fromhex("909048ff075058ebf8"), "nothing is in memory"


async def test_a_watchpoint_names_the_address_and_the_instruction(pv: bool) -> None:
    domain = made(pv)
    async with attached(domain) as (debugger, _):
        await debugger.add_breakpoint(BreakpointKind.WRITE, DATA, 8)
        record = await debugger.resume()
        assert record.state.pc == STORE + 3
        assert said(record) == [("data-write", "debugger", "certain")]
        assert record.explanation.instruction is not None
        assert record.explanation.instruction.address == STORE
        with pytest.raises(Refused, match="use awatch"):
            await debugger.add_breakpoint(BreakpointKind.READ, DATA, 8)
        with pytest.raises(Refused, match="aligned to that length"):
            await debugger.add_breakpoint(BreakpointKind.WRITE, DATA + 1, 8)


async def test_a_step_over_a_watched_store_says_both(pv: bool) -> None:
    domain = made(pv)
    async with attached(domain) as (debugger, _):
        await debugger.run_steps(2)
        row = await debugger.add_breakpoint(BreakpointKind.ACCESS, DATA, 8)
        record = await debugger.step()
        assert {line[:2] for line in said(record)} == {("single-step", "debugger"), ("data-access", "debugger")}
        assert row.hits == 1
        record = await debugger.step()
        assert said(record) == [("single-step", "debugger", "certain")]


async def test_the_guests_own_breakpoint_beside_ours_is_told_apart(pv: bool) -> None:
    domain = made(pv)
    domain.cpus[0].dr[0], domain.cpus[0].dr7 = CODE + 1, 0x402
    async with attached(domain) as (debugger, _):
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, STORE, means="hw")
        record = await debugger.resume()
        assert (record.state.pc, said(record)[0][:2]) == (CODE + 1, ("instruction-breakpoint", "guest"))
        assert record.explanation.causes[0].slot == 0
        record = await debugger.resume()
        assert (record.state.pc, said(record)) == (STORE, [("instruction-breakpoint", "debugger", "certain")])
        assert (record.state.debug.dr0, record.state.debug.dr7) == (CODE + 1, 0x402)
        assert domain.cpus[0].dr[3] == STORE
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, CODE + 1, means="hw")
        record = await debugger.resume()
        both = {(cause.owner, cause.slot) for cause in record.explanation.causes}
        assert both == {("debugger", 2), ("guest", 0)}, record.explanation
        await debugger.detach()
    assert own(domain)[0] == [CODE + 1, 0, 0, 0]
    assert own(domain)[2] == 0x402


async def test_slots_of_the_guest_are_left_to_it_and_a_full_set_is_refused(pv: bool) -> None:
    domain = made(pv, cpus=2)
    domain.cpus[0].dr7, domain.cpus[1].dr7 = 0x402, 0x400 | 1 << 6  # DR0 here, DR3 there
    async with attached(domain) as (debugger, _):
        for n in range(2):
            await debugger.add_breakpoint(BreakpointKind.WRITE, DATA + 8 * n, 8)
        assert (domain.cpus[1].dr, domain.cpus[0].dr) == ([0, DATA + 8, DATA, 0], [0, DATA + 8, DATA, 0])
        with pytest.raises(Refused, match=r"the guest itself uses DR0, DR3, and dr6 DR1, DR2"):
            await debugger.add_breakpoint(BreakpointKind.WRITE, DATA + 16, 8)
        assert len(debugger.breakpoints) == 2


async def test_what_the_guest_writes_over_ours_is_said_and_ours_is_armed_again_elsewhere(pv: bool) -> None:
    domain = made(pv)
    domain.place(CODE + 0x20, bytes.fromhex("0f23d8 0f23f8 cc ebd8"))  # mov dr3, rax; mov dr7, rax; int3; the loop
    domain.cpus[0].values |= {"rip": CODE + 0x20, "rax": 0x480}
    async with attached(domain) as (debugger, messages):
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, STORE, means="hw")
        record = await debugger.resume()
        assert said(record)[0][:2] == ("software-breakpoint", "guest")
        (line,) = [text for text in messages if "wrote the debug registers" in text]
        assert line.startswith(
            f"The guest wrote the debug registers of vCPU 0 over dr6's hardware breakpoint at {STORE:#x}"
        )
        record = await debugger.resume()
        assert (record.state.pc, said(record)) == (STORE, [("instruction-breakpoint", "debugger", "certain")])
        assert record.explanation.causes[0].slot == 2
        assert (record.state.debug.dr3, record.state.debug.dr7) == (0x480, 0x480)


async def test_behind_a_session_every_vcpu_has_its_own_registers_and_the_cpu_has_none_of_ours(
    pv: bool, tmp_path: Path
) -> None:
    domain = made(pv, cpus=2)
    for cpu in domain.cpus:
        cpu.dr, cpu.dr6 = [1, 2, 3, 4], 0xFFFF0FF2
    before = [own(domain, n) for n in range(2)]
    async with attached(domain, tmp_path) as (debugger, _), trio.open_nursery() as nursery:
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, STORE, means="hw")
        await debugger.add_breakpoint(BreakpointKind.WRITE, DATA, 8)
        assert len(files(tmp_path)) == 1
        await debugger.resume()
        await debugger.resume()

        async def domain_runs() -> None:
            while True:
                if not domain.paused:
                    for cpu in domain.cpus:
                        domain.run(cpu)
                await trio.lowlevel.checkpoint()

        nursery.start_soon(domain_runs)
        await debugger.detach()
        nursery.cancel_scope.cancel()
    assert [own(domain, n) for n in range(2)] == before
    assert files(tmp_path) == []
    for cpu in domain.cpus:
        assert not domain.run(cpu)
        assert STORE not in cpu.cpu_dr or not cpu.cpu_dr7 & 0xFF, "the CPU has none of ours"


async def crash(domain: Domain, folder: Path) -> None:
    """Arm and go without a word; the file stays, and nobody holds it."""
    async with attached(domain, folder) as (debugger, _):
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, STORE, means="hw")
        await debugger.add_breakpoint(BreakpointKind.WRITE, DATA, 8)
        die(debugger)


async def test_what_a_dead_dr6_had_armed_is_given_back_verified_and_said_in_one_line(pv: bool, tmp_path: Path) -> None:
    domain = made(pv)
    domain.cpus[0].dr = [5, 6, 7, 8]
    await crash(domain, tmp_path)
    assert domain.cpus[0].dr == [5, 6, DATA, STORE]
    async with attached(domain, tmp_path) as (debugger, messages):
        (line,) = messages
        assert line.startswith(
            "Restored and verified: the guest's own debug registers of vCPU 0, among which an earlier"
        )
        state = await debugger.state(complete=True)
        assert (state.debug[:4], state.debug.dr7) == ((5, 6, 7, 8), 0x400)
        if pv:
            assert own(domain) == ([5, 6, 7, 8], 0xFFFF0FF0, 0x400)
        await debugger.detach()
    assert not pv or files(tmp_path) == []  # on AMD the placeholder of an HVM guest goes when its vCPU has run


async def test_who_says_no_keeps_the_registers_as_they_are_and_is_asked_again(pv: bool, tmp_path: Path) -> None:
    domain = made(pv)
    await crash(domain, tmp_path)
    before = list(domain.cpus[0].dr)
    asked: list[str] = []

    async def no(question: str) -> bool:
        asked.append(question)
        return False

    async with session(domain, tmp_path, may_restore=no) as (_, _, messages):
        assert domain.cpus[0].dr == before
        assert messages[0].startswith("Left in the debug registers of vCPU 0: breakpoints of an earlier dr6 (process ")
    assert re.fullmatch(
        r"Take out what an earlier dr6 \(process \d+\) left: breakpoints in the debug registers of vCPU 0\?", asked[0]
    )
    async with attached(domain, tmp_path) as (_, messages):
        assert messages[0].startswith("Restored and verified: the guest's own debug registers of vCPU 0")


async def test_a_register_that_the_guest_wrote_since_is_left_to_it(pv: bool, tmp_path: Path) -> None:
    domain = made(pv)
    await crash(domain, tmp_path)
    domain.cpus[0].dr[3] = 0x7777
    async with attached(domain, tmp_path):
        assert domain.cpus[0].dr[2] != DATA
        assert domain.cpus[0].dr[3] == 0x7777 or not pv  # on HVM the slot of no address is DR3, until the domain runs


async def test_without_the_helper_what_is_left_stays_noted(pv: bool, tmp_path: Path) -> None:
    domain = made(pv)
    await crash(domain, tmp_path)
    domain.sets_debug_registers = False
    async with attached(domain, tmp_path) as (_, messages):
        assert "can't be taken out without a working dr6-vcpu" in messages[0]
    assert len(files(tmp_path)) == 1


async def test_a_helper_that_does_not_work_is_the_reason_for_the_refusal(pv: bool) -> None:
    domain = made(pv)
    domain.broken.add("vcpu")
    async with attached(domain) as (debugger, _):
        with pytest.raises(Refused, match="does not work in dom0: vcpu was not found on this machine"):
            await debugger.add_breakpoint(BreakpointKind.EXECUTE, STORE, means="hw")


async def test_a_helper_that_fails_later_is_said_and_the_session_goes_on(pv: bool) -> None:
    domain = made(pv)
    async with attached(domain) as (debugger, messages):
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, STORE, means="hw")
        await debugger.resume()
        domain.broken.add("vcpu")
        record = await debugger.resume()
        assert record.state.pc == STORE
        assert (record.state.debug.dr7, record.state.debug.source) == (None, "unknown")
        assert [cause.owner for cause in record.explanation.causes] != ["guest"]
        assert sum("The debug registers are unknown" in text for text in messages) == 1
        domain.broken.clear()
        record = await debugger.resume()
        assert record.state.pc == STORE
        record = await debugger.resume()
        assert said(record) == [("instruction-breakpoint", "debugger", "certain")]


async def test_an_address_that_xen_does_not_take_is_refused_and_nothing_is_left(pv: bool, tmp_path: Path) -> None:
    domain = made(pv)
    domain.refused.add(0xFFFF828000000000)
    async with attached(domain, tmp_path) as (debugger, _):
        with pytest.raises(GdbError, match="Xen did not take the debug registers of vCPU 0"):
            await debugger.add_breakpoint(BreakpointKind.EXECUTE, 0xFFFF828000000000, means="hw")
        assert debugger.breakpoints == {}
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, STORE, means="hw")
        assert (await debugger.resume()).state.pc == STORE


async def test_nothing_is_armed_where_no_journal_can_be_written(pv: bool, tmp_path: Path) -> None:
    domain = made(pv)
    (tmp_path / "file").touch()
    async with attached(domain, tmp_path / "file") as (debugger, _):
        with pytest.raises(GdbError, match="No breakpoint was set"):
            await debugger.add_breakpoint(BreakpointKind.EXECUTE, STORE, means="hw")
        assert own(domain) == ([0, 0, 0, 0], 0xFFFF0FF0, 0x400)


async def test_on_another_vcpu_it_is_named_and_so_are_its_registers(pv: bool) -> None:
    domain = made(pv, cpus=2)
    domain.cpus[0].values["rip"] = CODE + 0x101
    async with attached(domain) as (debugger, _):
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, CODE + 0x102, means="hw")
        seen = [await debugger.resume() for _ in range(4)]
        assert {record.cpu for record in seen} == {0, 1}
        assert {record.state.pc for record in seen} == {CODE + 0x102}
        assert all(row == [("instruction-breakpoint", "debugger", "certain")] for row in map(said, seen))


async def test_a_domain_that_is_left_stopped_is_told_of_what_waits(pv: bool, tmp_path: Path) -> None:
    domain = made(pv)
    async with attached(domain, tmp_path) as (debugger, messages):
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, STORE, means="hw")
        await debugger.resume()
        await debugger.detach(resume=False)
        told = [text for text in messages if "keep a watchpoint at no address" in text]
    assert len(told) == (not pv)
    assert len(files(tmp_path)) == (not pv)
    assert STORE not in domain.cpus[0].dr
