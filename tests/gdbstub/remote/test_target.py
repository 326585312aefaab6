"""`RemoteTarget` and the handshake, before stubs of every sort: honest, silent, damaged, refusing, dying."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MemoryReceiveStream, MemorySendStream, MockClock, memory_stream_pair, wait_all_tasks_blocked

from gdbstub.errors import GdbError, NoReply, Refused, RemoteProtocolError, TransportError, Unsupported
from gdbstub.protocol import frame
from gdbstub.protocol.layout import fallback_layout
from gdbstub.protocol.stops import Stopped
from gdbstub.remote.connection import GREETING_DEADLINE
from gdbstub.remote.handshake import greet
from gdbstub.remote.link_stream import DEADLINE
from gdbstub.remote.target import RemoteTarget
from gdbstub.x86.breakpoints import BreakpointKind
from tests.fakes.stub import CODE, DATA, LOOP, PAGE, FakeStub, connected

Client = trio.StapledStream[MemorySendStream, MemoryReceiveStream]
UNMAPPED = 0x9000


@asynccontextmanager
async def target(stub: FakeStub, *, pipelined: bool = True) -> AsyncIterator[RemoteTarget]:
    """A client that is through the handshake with ``stub``; the stub's log is empty again."""
    async with connected(stub) as stream:
        remote = RemoteTarget(stream)
        await greet(remote, "the stub")
        remote.pipelined = pipelined
        stub.log.clear()
        yield remote


@asynccontextmanager
async def peer(*says: bytes, then_closes: bool = False) -> AsyncIterator[RemoteTarget]:
    """A client whose peer says one thing for each thing that it hears, whatever that is."""
    client, server = memory_stream_pair()

    async def talk() -> None:
        for words in says:
            if not await server.receive_some():
                return
            await server.send_all(words)
        if then_closes:
            await server.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(talk)
        yield RemoteTarget(client)
        nursery.cancel_scope.cancel()


# -- the handshake ------------------------------------------------------------------------------------------


async def test_features_come_first_then_the_description_and_the_question_that_wipes_breakpoints_last() -> None:
    stub = FakeStub()
    async with connected(stub) as stream:
        remote = RemoteTarget(stream)
        stop = await greet(remote, "the stub")
    assert [request.split(b":")[0] for request in stub.log] == [
        *(b"qSupported", b"qXfer", b"vCont?", b"qfThreadInfo", b"qsThreadInfo", b"?")
    ]
    assert isinstance(stop, Stopped)
    assert remote.layout.registers == stub.layout.registers
    assert [thread.format() for thread in remote.threads] == [b"p1.1"]
    assert remote.actions >= {"c", "s"}


async def test_a_stop_that_was_owed_to_a_client_before_us_answers_nothing_of_ours() -> None:
    stub = FakeStub()
    async with target(stub) as first:
        first.ask_resume()
        await first.flush()
        await wait_all_tasks_blocked()
        assert stub.running
    async with connected(stub) as stream:
        remote = RemoteTarget(stream)
        assert isinstance(await greet(remote, "the stub"), Stopped)
    assert [stray[:3] for stray in remote.unexpected_packets] == ["T02"]


ARCHITECTURE = b"l<target><architecture>i386:x86-64</architecture><feature name='org.gnu.gdb.i386.sse'/></target>"
"""What gdbstub_arch, the crate of Rust's VMMs, describes: X86_64_SSE, src/x86/mod.rs."""


@pytest.mark.parametrize("tail", [b"", b"x" * 48], ids=["today", "gdbstub_arch-0.1"])
async def test_an_architecture_without_registers_means_gdbs_own_layout_of_it(tail: bytes) -> None:
    stub = FakeStub()
    known = fallback_layout(1072)
    assert known is not None
    stub.answers[b"qXfer:features:read:target.xml:0,ffa"] = ARCHITECTURE
    stub.answers[b"g"] = known.encode_g(dict.fromkeys(known.by_name, 0) | {"rip": CODE}) + tail
    async with target(stub) as remote:
        assert remote.layout.registers == known.registers
        assert remote.layout.decode_g(await remote.read_registers(0, 0))["rip"] == CODE


async def test_an_architecture_of_another_machine_is_none_of_ours() -> None:
    stub = FakeStub()
    stub.answers[b"qXfer:features:read:target.xml:0,ffa"] = ARCHITECTURE.replace(b"i386:x86-64", b"aarch64")
    stub.answers[b"g"] = b"00" * 788
    with pytest.raises(TransportError, match=r"no register in its target description \(aarch64\)"):
        async with target(stub):
            pass


async def test_a_stub_of_processes_is_told_a_thread_before_its_description_is_asked_for() -> None:
    stub = FakeStub()
    request = b"qSupported:multiprocess+;swbreak+;hwbreak+;xmlRegisters=i386;vContSupported+"
    stub.answers |= {request: b"PacketSize=1000;qXfer:features:read+;QPassSignals+", b"Hg0": b"OK"}
    async with connected(stub) as stream:
        await greet(RemoteTarget(stream), "the stub")
    assert stub.log[:3] == [request, b"Hg0", b"qXfer:features:read:target.xml:0,ffa"]


@pytest.mark.parametrize(
    ("offer", "read", "written"),
    [(b"", 0x80, 180), (b"PacketSize=400", 0x200, 491), (b"PacketSize=1000", 0x400, 0x400)],
)
async def test_no_packet_is_longer_than_the_stub_has_room_for(offer: bytes, read: int, written: int) -> None:
    """gdb takes 400 characters where no PacketSize is named (remote.c); Bochs and i386-stub.c have no room for more."""
    stub = FakeStub(xml=False)
    stub.answers[b"qSupported:multiprocess+;swbreak+;hwbreak+;xmlRegisters=i386;vContSupported+"] = offer
    stub.answers[b"g"] = b"00" * 164
    async with target(stub, pipelined=False) as remote:
        assert await remote.read_memory(DATA, PAGE) == bytes(PAGE)
        await remote.write_memory(DATA, bytes(range(256)) * 8)
        assert await remote.read_memory(DATA, 0x800) == bytes(range(256)) * 8
    lengths = {
        verb: {int(r.split(b":")[0].split(b",")[1], 16) for r in stub.log if r[:1] == verb} for verb in (b"m", b"M")
    }
    assert max(lengths[b"m"]) == read
    assert max(lengths[b"M"]) == written
    room = int(offer[11:] or b"190", 16)
    assert all(len(request) <= room for request in stub.log)


async def test_a_stub_without_p_is_written_whole_registers_from_then_on() -> None:
    stub = FakeStub()
    wrote: list[bytes] = []

    def whole(payload: bytes) -> bytes:
        if payload[:1] == b"P":
            return b""
        if payload[:1] == b"G":
            wrote.append(payload)
            return b"OK"
        return FakeStub._answer(stub, payload)

    stub._answer = whole  # type: ignore[method-assign]
    async with target(stub) as remote:
        for value in (1, 2):
            await remote.write_register("rax", value)
        assert [stub.layout.decode_g(payload[1:])["rax"] for payload in wrote] == [1, 2]
        assert sum(request[:1] == b"P" for request in stub.log) == 1


async def test_without_a_description_the_length_of_g_names_the_registers() -> None:
    stub = FakeStub(xml=False)
    stub.answers[b"g"] = b"00" * 560
    with pytest.raises(TransportError, match="no layout that dr6 knows"):
        async with target(stub):
            pass


async def test_a_silent_peer_is_told_from_a_stub(autojump_clock: MockClock) -> None:
    began = trio.current_time()
    async with peer() as remote:
        with pytest.raises(TransportError, match=r"^tcp:h:1 is there but silent\. .* no other debugger attached"):
            await greet(remote, "tcp:h:1")
    assert trio.current_time() - began == GREETING_DEADLINE


async def test_an_http_server_is_named_by_what_it_says(autojump_clock: MockClock) -> None:
    async with peer(b"HTTP/1.1 400 Bad Request\r\n\r\n") as remote:
        with pytest.raises(TransportError, match=r"^x is no GDB stub: it answered 'HTTP/1\.1 400"):
            await greet(remote, "x")


@pytest.mark.parametrize(
    "words",
    [b"+$PacketSi", b"+$PacketSize=1000#", b"+", b"$" + b"x" * 9_000_000, b"+$T05#b9", b"+$a#00" * 9, b"\x00" * 300],
)
async def test_garbage_ends_the_handshake_with_one_sentence(autojump_clock: MockClock, words: bytes) -> None:
    async with peer(words, *[words] * 5, then_closes=True) as remote:
        with pytest.raises(TransportError) as failure:
            await greet(remote, "x")
    text = str(failure.value)
    assert text.startswith("x ")
    assert text.rstrip("?").count("\n") == 0


async def test_a_damaged_answer_is_asked_for_again() -> None:
    bad, good = b"+$PacketSize=1000#00", frame(b"PacketSize=1000")
    async with peer(bad, good) as remote:
        remote.settle(await remote.request(b"qSupported"))
    assert remote.features.packet_size == 0xFFF
    assert len(remote.unexpected_packets) == 1


async def test_a_description_without_an_instruction_pointer_is_no_x86() -> None:
    stub = FakeStub()
    stub.description = b'<target><feature name="a"><reg name="r0" bitsize="32"/></feature></target>'
    with pytest.raises(TransportError, match="neither rip nor eip"):
        async with target(stub):
            pass


async def test_a_description_that_is_no_xml_is_said() -> None:
    stub = FakeStub()
    stub.description = b"<target><oops"
    with pytest.raises(TransportError, match="target description"):
        async with target(stub):
            pass


# -- answers ------------------------------------------------------------------------------------------------


async def test_refusals_and_empty_answers_are_sentences() -> None:
    stub = FakeStub()
    async with target(stub) as remote:
        with pytest.raises(Unsupported, match=r"^The stub does not support 'qNoSuch'\.$"):
            await remote.request(b"qNoSuch")
        stub.answers[b"qX"] = b"E.it is raining"
        with pytest.raises(Refused) as refusal:
            await remote.request(b"qX")
        assert refusal.value.code == ".it is raining"
        stub.answers[b"Z1,1000,1"] = b"E22"
        with pytest.raises(Refused, match=r"refused to set a hardware breakpoint at 0x1000 \(error 22\)"):
            await remote.insert(BreakpointKind.EXECUTE, CODE, 1)
        stub.answers[b"Z3,4000,8"] = b""
        with pytest.raises(Unsupported, match=r"^The stub has no read watchpoints\.$"):
            await remote.insert(BreakpointKind.READ, DATA, 8)
        with pytest.raises(Unsupported):
            await remote.monitor("info nothing")
        with pytest.raises(GdbError, match="no register xyz"):
            await remote.write_register("xyz", 0)
        with pytest.raises(GdbError, match="There is no vCPU 3; this guest has 1"):
            remote.thread(3)


async def test_a_monitor_s_lines_are_put_together() -> None:
    stub = FakeStub()
    stub.monitor["info version"] = "7.2.22\nsecond line\n"
    async with target(stub) as remote:
        assert await remote.monitor("info version") == "7.2.22\nsecond line\n"


async def test_pipelined_requests_leave_in_one_write_and_their_answers_keep_the_order() -> None:
    stub = FakeStub()
    async with target(stub) as remote:
        tokens = [remote.ask(b"g"), remote.ask_memory(CODE, 3), remote.ask_resume(step=0)]
        assert stub.log == []
        stop = await remote.stop(tokens[2])
        assert stub.log == [b"g", b"m1000,3", b"vCont;s:p1.1"]
        assert await remote.memory(tokens[1]) == LOOP[:3]
        assert remote.layout.decode_g(await remote.data(tokens[0], "g"))["rip"] == CODE
        assert isinstance(stop, Stopped)
        assert not remote.running


async def test_nothing_but_an_interrupt_is_sent_while_the_guest_runs() -> None:
    stub = FakeStub()
    async with target(stub) as remote:
        token = remote.ask_resume()
        with pytest.raises(GdbError):
            remote.ask(b"g")
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def stopped() -> None:
                assert (await remote.stop(token)).signal == 2  # type: ignore[union-attr]  # Stopped

            await wait_all_tasks_blocked()
            assert remote.running
            await remote.interrupt()
            await remote.interrupt()  # the second one has nothing to add
        await remote.interrupt()
        assert stub.log == [b"vCont;c"]
        assert (await remote.request(b"qC")) == b"QCp01.01"


async def test_a_wait_for_a_stop_may_be_given_up_and_taken_up_again() -> None:
    stub = FakeStub()
    async with target(stub) as remote:
        token = remote.ask_resume()
        with trio.move_on_after(0.01) as scope:
            await remote.stop(token)
        assert scope.cancelled_caught
        await remote.interrupt()
        assert isinstance(await remote.stop(token), Stopped)


async def test_after_a_deadline_qc_brings_the_link_in_step_and_breakpoints_stay(autojump_clock: MockClock) -> None:
    stub = FakeStub()
    async with target(stub) as remote:
        await remote.insert(BreakpointKind.EXECUTE, CODE, 1)
        stub.mute.add(b"qThreadExtraInfo,99")
        began = trio.current_time()
        with pytest.raises(NoReply, match="did not answer 'qThreadExtraInfo,99' within 10 seconds; breakpoints stay"):
            await remote.request(b"qThreadExtraInfo,99")
        assert trio.current_time() - began == DEADLINE
        assert stub.log[-1] == b"qC"
        assert b"?" not in stub.log
        assert stub.points == [(1, CODE, 1)]
        stub.mute.clear()


async def test_a_stub_that_never_answers_again_is_lost(autojump_clock: MockClock) -> None:
    stub = FakeStub()
    async with target(stub) as remote:
        stub.mute |= {b"g", b"qC"}
        with pytest.raises(TransportError, match=r"does not answer any more \(last asked: 'g'\)"):
            await remote.request(b"g")
        assert remote.lost
        with pytest.raises(TransportError):
            remote.ask(b"qC")


async def test_a_stub_that_dies_in_mid_packet_is_lost_with_the_last_words_of_its_program() -> None:
    async def words() -> str:
        return "QEMU was killed by signal 9."

    client, server = memory_stream_pair()
    first_bytes: list[str] = []

    def hear(why: str) -> str:
        first_bytes.append(why)
        return f"{why} Alas."

    remote = RemoteTarget(client, exit_reason=words, on_lost=hear)
    token = remote.ask(b"g")
    await remote.flush()
    await server.send_all(b"+$0011")
    await server.aclose()
    with pytest.raises(TransportError, match=r"^QEMU was killed by signal 9\. Alas\.$"):
        await remote.data(token, "g")
    assert first_bytes == ["QEMU was killed by signal 9."]
    assert remote.lost == "QEMU was killed by signal 9. Alas."


async def test_the_end_of_an_idle_stub_is_noticed() -> None:
    client, server = memory_stream_pair()
    remote = RemoteTarget(client)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(remote.watch_idle)
        await wait_all_tasks_blocked()
        assert remote.lost is None
        await server.aclose()
    assert remote.lost == "The stub closed the connection."


async def test_an_answer_to_a_resume_that_is_no_stop_is_refused_in_words() -> None:
    stub = FakeStub()
    stub.answers[b"vCont;c"] = b"E22"
    async with target(stub) as remote:
        with pytest.raises(Refused, match="refused the resume"):
            await remote.stop(remote.ask_resume())
        stub.answers[b"vCont;c"] = b"OK"
        with pytest.raises(RemoteProtocolError, match="answered 'OK' to a resume"):
            await remote.stop(remote.ask_resume())


# -- memory -------------------------------------------------------------------------------------------------


async def test_pages_are_read_whole_and_once_until_the_guest_runs() -> None:
    stub = FakeStub()
    async with target(stub) as remote:
        assert await remote.read_memory(CODE, 100) == LOOP.ljust(100, b"\0")
        assert stub.log == [b"m%x,400" % (CODE + at) for at in range(0, PAGE, 0x400)]
        assert await remote.read_memory(CODE + 50, 200) == bytes(200)
        assert len(stub.log) == 4
        stub.place(CODE, b"\xeb\xfe")
        await remote.stop(remote.ask_resume(step=0))
        assert (await remote.read_memory(CODE, 100))[:2] == b"\xeb\xfe"


async def test_a_few_bytes_cost_a_few_bytes() -> None:
    stub = FakeStub()
    async with target(stub) as remote:
        assert await remote.read_memory(CODE + 2, 3) == LOOP[2:5]
        assert stub.log == [b"m1002,3"]


@pytest.mark.parametrize("pipelined", [True, False])
async def test_the_page_that_cannot_be_read_is_named(pipelined: bool) -> None:
    stub = FakeStub()
    async with target(stub, pipelined=pipelined) as remote:
        with pytest.raises(Refused, match="0x9000-0x900f can't be read now"):
            await remote.read_memory(UNMAPPED, 16)
        with pytest.raises(Refused, match=r"0x5000-0x5[3f]ff can't be read"):
            await remote.read_memory(DATA + PAGE - 8, 200)
        with pytest.raises(Refused, match="0x9000 can't be written"):
            await remote.write_memory(UNMAPPED, b"a")
        assert await remote.request(b"qC") == b"QCp01.01"


async def test_writes_go_in_pieces_and_are_seen_by_the_next_read() -> None:
    stub = FakeStub()
    async with target(stub) as remote:
        await remote.read_memory(DATA, 2000)
        await remote.write_memory(DATA, bytes(range(250)) * 8)
        assert await remote.read_memory(DATA, 2000) == bytes(range(250)) * 8
        assert sum(request.startswith(b"M") for request in stub.log) == 2


async def test_registers_are_written_one_by_one_and_never_all_at_once() -> None:
    stub = FakeStub()
    async with target(stub) as remote:
        await remote.write_register("rax", 0x1122334455667788)
        await remote.write_register("eflags", 0x102)
    assert stub.log == [b"P0=8877665544332211", b"P11=02010000"]
    assert stub.registers["rax"] == 0x1122334455667788


# -- cancelled tasks ------------------------------------------------------------------------------------------


async def test_who_is_cancelled_while_it_writes_leaves_no_request_half_sent() -> None:
    stub = FakeStub()
    async with target(stub) as remote:
        with trio.CancelScope() as scope:
            scope.cancel()
            await remote.request(b"qC")
        assert scope.cancelled_caught
        assert stub.log == [b"qC"] or not stub.log
        assert await remote.request(b"m%x,1" % CODE) == LOOP[:1].hex().encode()
        assert stub.log == [b"qC", b"m%x,1" % CODE]


async def test_a_stub_that_does_not_read_is_given_up(autojump_clock: MockClock) -> None:
    client, _ = trio.testing.lockstep_stream_pair()
    remote = RemoteTarget(client)
    with pytest.raises(TransportError, match=r"^The stub does not read what it is sent\.$"):
        await remote.request(b"qC")


async def test_a_description_that_comes_byte_by_byte_ends_the_handshake(autojump_clock: MockClock) -> None:
    """Each answer in time, and all of them together never."""

    class Slow(FakeStub):
        def _answer(self, payload: bytes) -> bytes:
            if not payload.startswith(b"qXfer:features:read:"):
                return super()._answer(payload)
            start = int(payload.split(b":")[-1].split(b",")[0], 16)
            return b"m" + self.description[start : start + 1]

    async with connected(Slow()) as stream:
        began = trio.current_time()

        class Late(trio.abc.SendStream):
            async def send_all(self, data: bytes | bytearray | memoryview) -> None:
                await trio.sleep(1)
                await stream.send_all(data)

            async def wait_send_all_might_not_block(self) -> None:
                await stream.wait_send_all_might_not_block()

            async def aclose(self) -> None:
                await stream.aclose()

        with pytest.raises(TransportError, match="handshake was not over after 20 seconds"):
            await greet(RemoteTarget(trio.StapledStream(Late(), stream)), "the stub")
        assert trio.current_time() - began < 30
