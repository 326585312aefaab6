"""Tests on a guest that is not ours, before stubs that refuse, lose steps, hang and die: everything is put back, or it
is said what is not."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from gdbstub.doctor import PROBES, Examination, Vcpu, greeted, lay_ground
from gdbstub.doctor.exercise import exercise
from gdbstub.doctor.ground import Ground
from gdbstub.doctor.judges import HUNG, LOST, outcome
from gdbstub.doctor.probe import Probe
from gdbstub.errors import GdbError, NoReply, TransportError
from gdbstub.protocol import Break
from gdbstub.remote.target import RemoteTarget
from gdbstub.x86.cpu_state import CpuState
from tests.fakes.stub import CODE, DATA, FakeStub, connected

BY_NAME = {probe.name: probe for probe in PROBES}
NOPS = tuple(BY_NAME[name] for name in ("step", "step-jump", "step-rip-changed", "hardware", "software", "interrupt"))
"""What the fake's few instructions suffice for."""


async def may_write(state: CpuState, address: int) -> bool | None:
    return address >= DATA


async def unknown(state: CpuState, address: int) -> bool | None:
    return None


@asynccontextmanager
async def vcpu(stub: FakeStub) -> AsyncIterator[Vcpu]:
    async with connected(stub) as stream:
        remote = RemoteTarget(stream, deadline=1.0)
        found, _ = await greeted(remote, "the fake")
        yield found


def contents(stub: FakeStub) -> object:
    """All that a guest has."""
    return copy.deepcopy((stub.registers, stub.pages, stub.points))


async def examined(stub: FakeStub, *probes: Probe) -> Examination:
    """An examination of the fake by ``probes``."""
    examination = Examination()
    async with vcpu(stub) as found:
        ground, needs = await lay_ground(found, may_write)
        await examination.guest(ground, needs, probes)
    return examination


def outcomes(examination: Examination) -> dict[str, str | None]:
    return {result.probe.name: result.outcome for result in examination.results}


async def test_a_stub_in_order_is_found_so_and_gets_everything_back(autojump_clock: MockClock) -> None:
    stub = FakeStub(patches=True)
    before = contents(stub)
    examination = await examined(stub, *NOPS)
    assert outcomes(examination) == {
        "step": "1 instruction each",
        "step-jump": "at its target",
        "step-rip-changed": "1 instruction",
        "hardware": "stops at it",
        "software": "stops at it",
        "interrupt": "stops it",
    }
    assert examination.problems == []
    assert contents(stub) == before


async def test_what_the_stub_refuses_is_called_so_and_nothing_is_left_armed(autojump_clock: MockClock) -> None:
    stub = FakeStub()
    before = contents(stub)
    stub.answers = {b"Z1,1002,1": b"E22", b"Z0,1002,1": b""}
    examination = await examined(stub, BY_NAME["hardware"], BY_NAME["software"])
    assert outcomes(examination) == {"hardware": "refused", "software": "not supported"}
    assert contents(stub) == before


async def test_slots_are_counted_up_to_the_refusal_and_freed_again(autojump_clock: MockClock) -> None:
    stub = FakeStub(slots=3)
    examination = await examined(stub, BY_NAME["hardware-slots"])
    assert outcomes(examination) == {"hardware-slots": "3"}
    assert examination.results[0].status == "new"
    assert stub.points == []


async def test_probes_that_need_more_than_the_guest_has_are_not_run_and_say_why(autojump_clock: MockClock) -> None:
    async with vcpu(FakeStub()) as found:
        ground, needs = await lay_ground(found, unknown)
        examination = Examination()
        await examination.guest(ground, needs, [BY_NAME[name] for name in ("step-int3", "watch-write", "step-mov-ss")])
    assert [result.status for result in examination.results] == ["untested"] * 3
    reasons = [result.why for result in examination.results]
    assert "dr6's own guest" in reasons[0]
    assert "may not write at RSP" in reasons[1]
    assert "SS can't be loaded" in reasons[2]


class Runaway(FakeStub):
    """Its steps run on."""

    def _run(self, *, step: bool) -> bytes | None:
        return super()._run(step=False)


async def test_a_lost_step_ends_in_the_jump_to_itself_and_is_told_from_a_slow_one(autojump_clock: MockClock) -> None:
    stub = Runaway()
    before = contents(stub)
    examination = await examined(stub, BY_NAME["step"])
    assert outcomes(examination) == {"step": LOST}
    assert examination.results[0].status == "new"
    assert contents(stub) == before


class Sluggish(FakeStub):
    """Its first step behind the setting-up does not come to an end."""

    slow = 1

    def _run(self, *, step: bool) -> bytes | None:
        if step and self.slow and self.peek(CODE, 1) == b"\x90":
            self.slow -= 1
            return None
        return super()._run(step=step)


async def test_a_step_that_is_interrupted_in_the_middle_of_the_code_is_done_again(autojump_clock: MockClock) -> None:
    stub = Sluggish()
    examination = await examined(stub, BY_NAME["step"])
    assert stub.slow == 0
    assert outcomes(examination) == {"step": "1 instruction each"}


class Moody(FakeStub):
    """Its first ``odd`` steps over a NOP run two."""

    odd = 1

    def _run(self, *, step: bool) -> bytes | None:
        stop = super()._run(step=step)
        if step and self.odd and self.peek(CODE, 1) == b"\x90":
            self.odd -= 1
            self.registers["rip"] += 1
        return stop


async def test_an_odd_outcome_is_tried_again_before_it_is_believed(autojump_clock: MockClock) -> None:
    once = await examined(Moody(), BY_NAME["step-rip-changed"])
    assert (once.results[0].status, once.results[0].outcome) == ("ok", "1 instruction")
    assert "first of two tries" in once.results[0].why
    stub = Moody()
    stub.odd = 99
    always = await examined(stub, BY_NAME["step-rip-changed"])
    assert (always.results[0].status, always.results[0].outcome) == ("new", "2 instructions")


class Deaf(FakeStub):
    """It does not listen to 0x03."""

    def _take(self, event: object) -> None:
        if not isinstance(event, Break):
            super()._take(event)


async def test_a_guest_that_cannot_be_stopped_ends_the_tests_and_what_is_not_back_is_said(
    autojump_clock: MockClock,
) -> None:
    examination = await examined(Deaf(), BY_NAME["interrupt"], BY_NAME["step"])
    assert outcomes(examination) == {"interrupt": HUNG, "step": None}
    assert "ended the guest: Ctrl-C" in examination.results[1].why
    assert [sentence.count(".") for sentence in examination.problems] == [1, 1]
    assert "does not run any more" in examination.problems[0]
    assert "are not back" in examination.problems[1]


class ReadOnly(FakeStub):
    """Writes to memory are refused, after ``writes`` of them."""

    writes = 0

    def _answer(self, payload: bytes) -> bytes:
        if payload[:1] == b"M":
            if not self.writes:
                return b"E14"
            self.writes -= 1
        return super()._answer(payload)


async def test_memory_that_cannot_be_written_ends_it_in_one_sentence_with_nothing_changed(
    autojump_clock: MockClock,
) -> None:
    stub = ReadOnly()
    before = contents(stub)
    with pytest.raises(GdbError, match="memory at 0x1000 can't be written"):
        await examined(stub, BY_NAME["step"])
    assert contents(stub) == before


async def test_memory_that_cannot_be_put_back_is_named_and_the_rest_is_put_back_all_the_same(
    autojump_clock: MockClock,
) -> None:
    stub = ReadOnly()
    stub.writes = 3  # the jump, the data and the code
    before = copy.deepcopy(stub.registers)
    examination = await examined(stub, BY_NAME["step"])
    assert len(examination.problems) == 1
    assert "64 bytes of memory at 0x1000 were not put back" in examination.problems[0]
    assert stub.registers == before


async def test_a_stub_that_says_ok_to_a_write_and_does_not_write_is_found_out(autojump_clock: MockClock) -> None:
    stub = FakeStub()
    stub.answers = {b"M1000,2:ebfe": b"OK"}
    with pytest.raises(GdbError, match="other bytes are there"):
        await examined(stub, BY_NAME["step"])


async def test_a_stub_that_goes_away_is_lost_and_the_wait_for_it_is_short(autojump_clock: MockClock) -> None:
    stub = FakeStub()
    async with vcpu(stub) as found:
        ground, needs = await lay_ground(found, may_write)
        await found.remote.aclose()
        with pytest.raises(TransportError):
            await Examination().guest(ground, needs, NOPS)


async def test_a_request_without_an_answer_ends_the_tests_and_everything_is_put_back(autojump_clock: MockClock) -> None:
    stub = FakeStub()
    before = contents(stub)
    stub.mute = {b"M1000,5:909090ebfe"}
    examination = Examination()
    async with vcpu(stub) as found:
        ground, needs = await lay_ground(found, may_write)
        with pytest.raises(NoReply):
            await examination.guest(ground, needs, NOPS)
    assert examination.problems == []
    assert contents(stub) == before


async def test_a_cancelled_examination_gives_everything_back(autojump_clock: MockClock) -> None:
    stub = FakeStub()
    before = contents(stub)
    examination = Examination()
    async with vcpu(stub) as found:
        ground, needs = await lay_ground(found, may_write)
        with trio.move_on_after(0.08) as scope:  # in the middle of the run that is to be interrupted
            await examination.guest(ground, needs, [BY_NAME["hardware"], *[BY_NAME["interrupt"]] * 100])
    assert scope.cancelled_caught
    assert 0 < len(examination.results) < 100
    assert examination.problems == []
    assert contents(stub) == before


async def test_a_register_that_cannot_be_put_back_is_named_and_the_others_are_put_back() -> None:
    stub = FakeStub()
    async with vcpu(stub) as found:
        ground = Ground(found, None, await found.look(), stack=True)
        await ground.borrow()
        number = next(r.number for r in stub.layout.registers if r.name == "cr2")
        stub.registers |= {"cr2": 0x777, "rax": 0x777}
        stub.answers[b"P%x=0000000000000000" % number] = b"E22"
        assert await ground.give_back() == ["CR2 is 0x777, and was 0x0."]
    assert stub.registers["rax"] == 0


async def test_one_probe_is_seen_as_it_ran(autojump_clock: MockClock) -> None:
    stub = FakeStub()
    probe = BY_NAME["hardware-continue-off"]._replace(code="90 ebfd", assembly="nop; jmp")
    async with vcpu(stub) as found:
        ground, _ = await lay_ground(found, may_write)
        seen = await exercise(ground, probe)
    assert (seen.armed, seen.refusal) == (1, None)
    assert [moment.ending for moment in seen.moments] == ["stop"]
    assert outcome(probe, seen) == "reports it again"
