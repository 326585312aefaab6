"""``vCont`` and its kin: which run each form comes to, and how it ends."""

from __future__ import annotations

import pytest
from trio.lowlevel import checkpoint
from trio.testing import MockClock, wait_all_tasks_blocked

from gdbstub.errors import RemoteProtocolError
from gdbstub.protocol import Expect, parse_stop, parse_supported, server_messages
from gdbstub.remote.threads import Signal
from gdbstub.server import Policy
from gdbstub.server.client_features import cpu_of
from gdbstub.server.handlers.resume import ResumeRequest, resume_request_of
from tests.fakes.served import GDB_SAYS, RUN_ON, STEP, qemu, serving, two_cpus
from tests.fakes.stub import CODE, DATA, FakeStub
from tests.gdbstub.server.test_breakpoints import rip


def request_of(payload: bytes, cpus: int = 2) -> ResumeRequest | None:
    actions = server_messages.parse_thread_actions(payload)
    return resume_request_of(actions, {action: cpu_of(action.thread, cpus) for action in actions})


@pytest.mark.parametrize(
    ("packet", "due"),
    [
        (b"vCont;c", ResumeRequest(False)),
        (b"vCont;c:p1.-1", ResumeRequest(False)),
        (b"vCont;c:-1", ResumeRequest(False)),
        (b"vCont;C05:p1.1;c", ResumeRequest(False, 0, signal=Signal(5, 0))),
        (b"vCont;c:p1.2", ResumeRequest(False, 1, only=True)),
        (b"vCont;s:p1.2", ResumeRequest(True, 1)),
        (b"vCont;S05:2", ResumeRequest(True, 1, signal=Signal(5, 1))),
        (b"vCont;s", ResumeRequest(True)),
        (b"vCont;s:p1.1;c:p1.-1", ResumeRequest(True, 0, others=True)),
        (b"vCont;r1000,1010:p1.1;c", ResumeRequest(True, 0, (0x1000, 0x1010), others=True)),
        (b"vCont;t", None),
        (b"vCont;t:p1.1;t:p1.2", None),
        (b"vCont;t:p1.1;c:p1.2", ResumeRequest(False, 1)),
    ],
)
def test_each_form_comes_to_one_request(packet: bytes, due: ResumeRequest | None) -> None:
    assert request_of(packet) == due


MALFORMED = [b"", b";", b"q", b"c;;s", b"s:", b"s:p1", b"s:p2.1", b"s:3", b"s:zz", b"r:1", b"r1000:1", b"r1,zz", b"x:1"]


@pytest.mark.parametrize("actions", MALFORMED)
async def test_a_malformed_vcont_is_refused_and_nothing_runs(autojump_clock: MockClock, actions: bytes) -> None:
    async with serving(two_cpus()) as served:
        peer = await served.gdb()
        if actions not in (b"s:p1",):
            with pytest.raises(RemoteProtocolError):
                request_of(b"vCont;" + actions)
            assert (await peer.run(b"vCont;" + actions)).startswith(b"E.")
            assert served.stub.log == []
        assert await peer.ask(b"qC") == b"QCp1.1"


async def test_a_step_goes_one_instruction(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        stops = [await peer.run(packet) for packet in (STEP, b"vCont;s:p1.1", b"s", b"S05", b"vCont;S05:p1.1")]
        assert [rip(stop) - CODE for stop in stops] == [1, 2, 5, 0, 1]
        assert all(stop.startswith(b"T05") and stop.endswith(b"thread:p1.1;") for stop in stops)


async def test_a_step_in_a_range_goes_until_it_is_left(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        assert rip(await peer.run(b"vCont;r1000,1005:p1.1")) == CODE + 5
        await peer.ask(b"Z0,1002,1")
        assert rip(await peer.run(b"vCont;r1000,1007:p1.1")) == CODE + 2
        assert rip(await peer.run(b"vCont;r2000,2001:p1.1")) == CODE + 5  # at least one


async def test_a_step_in_a_range_that_is_never_left_ends_with_its_client(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        await peer.go(b"vCont;r1000,1007:p1.1")  # the whole loop
        await peer.stream.aclose()
        for _ in range(10_000):
            await checkpoint()
        assert not served.shared.participants.present
        assert not served.shared.guest.busy


@pytest.mark.parametrize("packet", [b"s1001", b"S05;1001"])
async def test_a_step_may_begin_elsewhere(autojump_clock: MockClock, packet: bytes) -> None:
    async with serving() as served:
        peer = await served.gdb()
        assert rip(await peer.run(packet)) == CODE + 2


@pytest.mark.parametrize("packet", [b"c1005", b"C05;1005"])
async def test_a_continue_may_begin_elsewhere(autojump_clock: MockClock, packet: bytes) -> None:
    async with serving() as served:
        peer = await served.gdb()
        await peer.ask(b"Z0,1000,1")
        await peer.ask(b"Z0,1002,1")
        assert rip(await peer.run(packet)) == CODE
        assert (await peer.run(b"czz")).startswith(b"E.")
        assert (await peer.run(b"C05;")).startswith(b"T05")


@pytest.mark.parametrize("packet", [b"bs", b"bc", b"i", b"I05", b"F-1"])
async def test_going_back_is_refused_and_never_asked_of_the_stub(autojump_clock: MockClock, packet: bytes) -> None:
    async with serving() as served:
        peer = await served.gdb()
        assert (await peer.run(packet)).startswith(b"E.")
        assert served.stub.log == []
        assert rip(await peer.run(STEP)) == CODE + 1


@pytest.mark.parametrize("resume", [RUN_ON, STEP])
async def test_a_stop_chooses_the_vcpu_that_stopped(autojump_clock: MockClock, resume: bytes) -> None:
    """gdb says ``Hg`` no more for the thread of the stop reply; one that it chose before may be gone by then."""
    async with serving(two_cpus()) as served:
        peer = await served.gdb()
        await peer.ask(b"Z0,1005,1")
        await peer.run(resume)
        await peer.ask(b"Hgp1.2")
        await peer.ask(b"g")
        assert b"Hgp1.2" in served.stub.log
        assert b"thread:p1.1;" in await peer.run(resume)
        served.stub.log.clear()
        await peer.ask(b"g")
        assert b"Hgp1.2" not in served.stub.log


async def test_what_was_read_where_a_run_ended_is_read_with_the_registers_of_the_next(
    autojump_clock: MockClock,
) -> None:
    """As a debugger does that evaluates the condition of a breakpoint itself, at each hit."""
    async with serving() as served:
        peer = await served.gdb()
        await peer.ask(b"Z0,1005,1")
        await peer.run()
        await peer.ask(b"m%x,8" % DATA)
        served.stub.log.clear()
        await peer.run()
        asked = served.stub.log.index(b"m%x,8" % DATA)
        assert served.stub.log.index(b"g") < asked
        told = len(served.stub.log)
        first = await peer.ask(b"m%x,8" % DATA)
        assert served.stub.log[told:] == []
        await peer.run()
        assert await peer.ask(b"m%x,8" % DATA) != first  # the loop increments it


async def test_behind_the_end_of_the_guest_no_breakpoint_is_taken_out(autojump_clock: MockClock) -> None:
    """gdbserver 13 crashes at a ``z`` behind its ``W``."""
    async with serving() as served:
        peer = await served.gdb()
        await peer.ask(b"Z0,1005,1")
        await peer.ask(b"Z2,%x,8" % DATA)
        served.stub.stops.append(b"W07")
        assert (await peer.run()).startswith(b"W07")
        await peer.close()
        assert served.points() == [b"Z0,1005,1", b"Z2,%x,8" % DATA]


class Replaying(FakeStub):
    """Offers to go back, as a QEMU that replays does. The guest is at the second instruction."""

    def __init__(self) -> None:
        super().__init__()
        self.monitor = qemu().monitor
        self.registers["rip"] = CODE + 2

    def _request(self, payload: bytes) -> None:
        if payload.startswith(b"qSupported"):
            self.link.reply(self._supported(b"") + b";ReverseStep+;ReverseContinue+")
            return
        if payload not in (b"bs", b"bc"):
            super()._request(payload)
            return
        self.log.append(payload)
        self.registers["rip"] = self.registers["rip"] - 1 if payload == b"bs" else CODE
        begin = b"" if payload == b"bs" else b"replaylog:begin;"
        self.link.stop(parse_stop(b"T05thread:p01.01;" + begin))


async def test_a_stub_that_goes_back_is_let_go_back(autojump_clock: MockClock) -> None:
    async with serving(Replaying()) as served:
        peer = served.connect()
        offered = parse_supported(await peer.ask(GDB_SAYS))
        assert offered["ReverseStep"] is offered["ReverseContinue"] is True
        await peer.ask(b"QStartNoAckMode")
        await peer.ask(b"?")
        served.stub.log.clear()
        stop = await peer.run(b"bs")
        assert stop.startswith(b"T05")
        assert rip(stop) == CODE + 1
        await peer.ask(b"Z0,%x,1" % CODE)
        stop = await peer.run(b"bc")
        assert rip(stop) == CODE
        assert b"replaylog:begin;" in stop
        assert [request for request in served.stub.log if request[:1] == b"b"] == [b"bs", b"bc"]
        assert rip(await peer.run(STEP)) == CODE + 1
        back = served.debugger.records[1]
        assert back.explanation.contradictions == ()
        assert [cause.owner for cause in back.explanation.causes] == ["debugger"]


async def test_stopping_a_guest_that_stands_tells_where(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        await peer.run(STEP)
        served.stub.log.clear()
        assert rip(await peer.run(b"vCont;t")) == CODE + 1
        assert served.stub.log == []


async def test_hc_chooses_who_steps(autojump_clock: MockClock) -> None:
    async with serving(two_cpus()) as served:
        peer = await served.gdb()
        assert await peer.ask(b"Hcp1.2") == b"OK"
        await peer.run(b"s")
        assert b"vCont;s:p1.2" in served.stub.log
        served.stub.log.clear()
        await peer.ask(b"Hc-1")
        await peer.run(b"vCont;s:p1.1;c:p1.-1")
        assert b"vCont;s:p1.1;c" in served.stub.log


async def test_one_vcpu_runs_alone(autojump_clock: MockClock) -> None:
    async with serving(two_cpus()) as served:
        peer = await served.gdb()
        await peer.go(b"vCont;c:p1.2")
        await wait_all_tasks_blocked()
        assert b"vCont;c:p1.2" in served.stub.log
        await peer.interrupt()
        assert (await peer.stop()).endswith(b"thread:p1.2;")  # the stub names another one, which did not run
        assert served.debugger.cpu == 1


async def test_a_break_stops_the_guest(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        for _ in range(2):
            await peer.go()
            await wait_all_tasks_blocked()
            assert served.stub.running
            await peer.interrupt()
            assert (await peer.stop()).startswith(b"T02")
            assert not served.stub.running


@pytest.mark.parametrize("marked", [False, True])
async def test_a_break_directly_behind_a_resume_stops_that_run(autojump_clock: MockClock, marked: bool) -> None:
    async with serving() as served:
        peer = await served.gdb()
        await peer.ask(b"Z2,4800,8")
        if marked:  # the stub is asked to take it out before the guest goes
            await peer.ask(b"z2,4800,8")
        peer._token = peer.link.send(RUN_ON, Expect.STOP)
        peer.link.interrupt()
        assert (await peer.stop()).startswith(b"T02")
        assert served.stub.log.count(b"vCont;c") == 1, "the run was lost"
        await wait_all_tasks_blocked()
        assert not served.debugger.running
        assert not served.shared.guest.busy
        assert rip(await peer.run(STEP)) == CODE + 1


@pytest.mark.parametrize(
    ("resume", "sent"),
    [
        (STEP, b"vCont;s:p1.1"),
        (b"vCont;c:p1.2", b"vCont;c:p1.2"),
        (b"vCont;r1000,1007:p1.1", b"vCont;s:p1.1"),
        (b"c", b"vCont;c"),
        (b"s", b"vCont;s:p1.1"),
    ],
)
async def test_what_was_asked_for_reaches_the_stub_before_the_break(
    autojump_clock: MockClock, resume: bytes, sent: bytes
) -> None:
    async with serving(two_cpus()) as served:
        peer = await served.gdb()
        thread = b"p1.2" if b"p1.2" in resume else b"p1.1"
        peer._token = peer.link.send(resume, Expect.STOP)
        peer.link.interrupt()
        stop = await peer.stop()
        assert stop.startswith(b"T02")
        assert stop.endswith(b"thread:%b;" % thread)
        assert sum(request.startswith(sent) for request in served.stub.log) == 1


async def test_a_break_while_the_guest_stands_is_nothing(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        await peer.stream.send_all(b"\x03\x03")
        assert await peer.ask(b"qC") == b"QCp1.1"
        assert rip(await peer.run(STEP)) == CODE + 1


async def test_requests_while_the_guest_runs_are_not_heard(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        await peer.go()
        await peer.stream.send_all(b"$m4000,8#00$g#00$vCont;c#00")
        await wait_all_tasks_blocked()
        assert served.stub.running
        await peer.interrupt()
        assert (await peer.stop()).startswith(b"T02")
        assert await peer.ask(b"qC") == b"QCp1.1"


async def test_a_guest_that_ends_is_told(autojump_clock: MockClock) -> None:
    async with serving() as served:
        served.stub.stops.append(b"W2a")
        peer = await served.gdb()
        assert (await peer.run()).startswith(b"W2a")


# -- taking leave of the guest ---------------------------------------------------------------------------------


@pytest.mark.parametrize("allowed", [False, True])
async def test_the_guest_is_killed_where_that_is_allowed(autojump_clock: MockClock, allowed: bool) -> None:
    async with serving() as served:
        peer = await served.gdb(Policy(kill=allowed))
        answer = await peer.ask(b"vKill;1")
        assert (answer == b"OK") == allowed
        assert answer.startswith(b"OK" if allowed else b"E.dr6 serves this guest without --allow-kill")
        await wait_all_tasks_blocked()
        assert any(request[:1] == b"k" or request[:5] == b"vKill" for request in served.stub.log) == allowed


async def test_a_k_that_is_not_allowed_is_a_farewell(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        await peer.stream.send_all(b"$k#00")
        await peer.end()
        assert b"k" not in served.stub.log
        assert not served.shared.participants.present


async def test_a_break_while_a_breakpoint_is_taken_out_for_the_run_stops_that_run(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        await peer.ask(b"Z2,4800,8")
        await peer.ask(b"z2,4800,8")
        served.stub.mute.add(b"z2,4800,8")
        await peer.go()
        await wait_all_tasks_blocked()
        await peer.interrupt()
        await wait_all_tasks_blocked()
        await served.answer(b"OK")
        assert (await peer.stop()).startswith(b"T02")
        assert served.stub.log.count(b"vCont;c") == 1
