"""How a client and the server settle what each of them can, and what is not known on either side."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from gdbstub.protocol import parse_supported
from gdbstub.server.client_features import OFFER, PACKET_SIZE
from tests.fakes.served import GDB_SAYS, qemu, serving, two_cpus
from tests.fakes.stub import CODE


async def test_the_offer_names_what_the_server_can_and_unknown_features_are_no_matter(
    autojump_clock: MockClock,
) -> None:
    async with serving() as served:
        peer = served.connect()
        offered = parse_supported(await peer.ask(b"qSupported:multiprocess+;frobnication+;x=1;swbreak-"))
        assert offered["PacketSize"] == f"{PACKET_SIZE:x}"
        assert offered["QNonStop"] is False
        assert set(offered) == set(OFFER)
        assert peer.session.features.multiprocess
        assert not peer.session.features.swbreak
        assert (await peer.ask(b"qSupported:=")).startswith(b"E.")
        assert served.stub.log == []


async def test_acknowledgments_end_with_the_answer_to_no_ack_mode(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = served.connect()
        await peer.stream.send_all(b"$qC#b4")
        assert bytes(await peer.stream.receive_some()) == b"+$QC1#c5"
        await peer.stream.send_all(b"+$qC#00")
        assert bytes(await peer.stream.receive_some()) == b"-"
        await peer.stream.send_all(b"$QStartNoAckMode#b0")
        assert bytes(await peer.stream.receive_some()) == b"+$OK#9a"
        await peer.stream.send_all(b"+$qC#00")
        assert bytes(await peer.stream.receive_some()) == b"$QC1#c5"


async def test_an_answer_that_was_damaged_is_sent_again(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = served.connect()
        await peer.stream.send_all(b"$qC#b4")
        assert bytes(await peer.stream.receive_some()) == b"+$QC1#c5"
        await peer.stream.send_all(b"-")
        assert bytes(await peer.stream.receive_some()) == b"$QC1#c5"


@pytest.mark.parametrize(("says", "thread"), [(GDB_SAYS, b"p1.1"), (b"qSupported:xmlRegisters=i386", b"1")])
async def test_threads_have_a_process_only_for_who_asked_for_processes(
    autojump_clock: MockClock, says: bytes, thread: bytes
) -> None:
    async with serving() as served:
        peer = served.connect()
        assert (await peer.greet(says=says)).endswith(b"thread:%b;" % thread)
        assert await peer.ask(b"qC") == b"QC" + thread
        assert await peer.ask(b"qfThreadInfo") == b"m" + thread
        assert await peer.ask(b"qsThreadInfo") == b"l"
        assert b'id="%b"' % thread in await peer.ask(b"qXfer:threads:read::0,fff")
        assert await peer.ask(b"H" + b"g" + thread) == b"OK"


async def test_the_question_why_the_guest_stands_is_answered_without_one_for_the_stub(
    autojump_clock: MockClock,
) -> None:
    async with serving() as served:
        peer = served.connect()
        reply = await peer.greet()
        assert b"10:%b;" % CODE.to_bytes(8, "little").hex().encode() in reply  # RIP, register 16
        assert await peer.ask(b"?") == reply
        assert served.stub.log == []


async def test_the_description_comes_in_parts_and_has_one_annex(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        whole, at = b"", 0
        while True:
            part = await peer.ask(b"qXfer:features:read:target.xml:%x,200" % at)
            whole, at = whole + part[1:], at + 0x200
            if part[:1] == b"l":
                break
        assert whole == served.registers.description
        assert b'name="dr6"' in whole
        assert await peer.ask(b"qXfer:features:read:target.xml:fffff,200") == b"l"
        assert (await peer.ask(b"qXfer:features:read:other.xml:0,200")).startswith(b"E.The target description has one")
        assert await peer.ask(b"qXfer:auxv:read::0,200") == b""


async def test_threads_are_the_vcpus_and_others_do_not_exist(autojump_clock: MockClock) -> None:
    async with serving(two_cpus()) as served:
        peer = await served.gdb()
        assert await peer.ask(b"qfThreadInfo") == b"mp1.1,p1.2"
        assert await peer.ask(b"Tp1.2") == b"OK"
        assert await peer.ask(b"Tp1.3") == b"E.There is no thread 3; this guest has 2, counted from 1."
        assert await peer.ask(b"Hgp2.1") == b"E.There is no process 2; the guest is process 1."
        assert bytes.fromhex((await peer.ask(b"qThreadExtraInfo,p1.1")).decode()) == b"vCPU 0, stopped last"
        assert bytes.fromhex((await peer.ask(b"qThreadExtraInfo,p1.2")).decode()) == b"vCPU 1"
        assert (await peer.ask(b"Tx")).startswith(b"E.")
        served.stub.answers[b"qThreadExtraInfo,p1.2"] = b"CPU#1 [halted ]\x1b".hex().encode()
        text = bytes.fromhex((await peer.ask(b"qThreadExtraInfo,p1.2")).decode())
        assert text == b"CPU#1 [halted ]; vCPU 1"
        served.stub.answers[b"qThreadExtraInfo,p1.2"] = b"E22"
        assert bytes.fromhex((await peer.ask(b"qThreadExtraInfo,p1.2")).decode()) == b"vCPU 1"


async def test_unknown_questions_go_to_the_stub_and_unknown_packets_are_answered_empty(
    autojump_clock: MockClock,
) -> None:
    async with serving() as served:
        served.stub.answers |= {b"qqemu.sstepbits": b"ENABLE=1,NOIRQ=2", b"Qqemu.sstep=7": b"OK", b"qBad": b"E2a"}
        peer = await served.gdb()
        assert await peer.ask(b"qqemu.sstepbits") == b"ENABLE=1,NOIRQ=2"
        assert await peer.ask(b"Qqemu.sstep=7") == b"OK"
        assert await peer.ask(b"qBad") == b"E2a"
        assert await peer.ask(b"qNobodyKnows") == b""
        assert served.stub.log == [b"qqemu.sstepbits", b"Qqemu.sstep=7", b"qBad", b"qNobodyKnows"]
        served.stub.log.clear()
        for packet in (b"vMustReplyEmpty", b"!", b"Z9,0,0", b"vFile:open", b"~", b"jUnknown", b"A1,0,00", b"qTStatus"):
            assert await peer.ask(packet) == b"", packet
        assert served.stub.log == []


async def test_a_question_about_a_thread_goes_on_with_the_stubs_name_of_it(autojump_clock: MockClock) -> None:
    stub = qemu()
    stub.answers |= {b"qfThreadInfo": b"mpfb6.fb6,pfb6.fc1", b"qGetTLSAddr:pfb6.fc1,8,0": b"5000"}
    stub.answers |= {b"Hgpfb6.fb6": b"OK", b"Hgpfb6.fc1": b"OK"}
    async with serving(stub) as served:
        peer = await served.gdb()
        assert await peer.ask(b"qfThreadInfo") == b"mp1.1,p1.2"
        assert await peer.ask(b"qGetTLSAddr:p1.2,8,0") == b"5000"
        assert (await peer.ask(b"qGetTLSAddr:pfb6.fc1,8,0")).startswith(b"E.There is no process")
        served.stub.log.clear()
        await peer.ask(b"qGetTIBAddr:p1.1")
        assert served.stub.log == [b"qGetTIBAddr:pfb6.fb6"]
        assert await peer.ask(b"qL1200000000000000000") == b""
        assert served.stub.log == [b"qGetTIBAddr:pfb6.fb6"]


async def test_fixed_answers(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        assert await peer.ask(b"vCont?") == b"vCont;c;C;s;S;t;r"
        assert await peer.ask(b"qAttached") == b"1"
        assert await peer.ask(b"qAttached:1") == b"1"
        assert await peer.ask(b"qSymbol::") == b"OK"
        assert await peer.ask(b"QNonStop:0") == b"OK"
        assert (await peer.ask(b"QNonStop:1")).startswith(b"E.dr6 has no non-stop mode")
        assert served.stub.log == []


# -- errors -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "data", "other"),
    [
        (GDB_SAYS, b"E.m9000,8", b"E.There is no thread 9"),
        (b"qSupported", b"E0e", b"E.There is no thread 9"),
    ],
)
async def test_an_old_gdb_gets_a_number_where_it_asked_for_bytes(
    autojump_clock: MockClock, says: bytes, data: bytes, other: bytes
) -> None:
    async with serving() as served:
        peer = await served.gdb(says=says)
        answer = await peer.ask(b"m9000,8")
        assert answer.startswith(data[:2])
        assert (answer == data) == (data[:2] != b"E.")
        assert (await peer.ask(b"Hg9")).startswith(other)


async def test_lldb_gets_number_and_text(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb(says=b"qSupported:xmlRegisters=i386,arm,mips,arc;multiprocess+")
        assert await peer.ask(b"QEnableErrorStrings") == b"OK"
        answer = await peer.ask(b"Hg9")
        assert answer.startswith(b"E16;")
        assert bytes.fromhex(answer[4:].decode()) == b"There is no thread 9; this guest has 1, counted from 1."
        assert (await peer.ask(b"m9000,8")).startswith(b"E0e;")


async def test_lldb_names_the_thread_in_each_packet(autojump_clock: MockClock) -> None:
    async with serving(two_cpus()) as served:
        peer = await served.gdb()
        assert await peer.ask(b"QThreadSuffixSupported") == b"OK"
        await peer.ask(b"p10;thread:2;")
        assert b"Hgp1.2" in served.stub.log
        assert peer.session.cpu is None
        assert await peer.ask(b"p10;thread:9;") == await peer.ask(b"p10")  # no such thread: the one that stopped
        assert await peer.ask(b"qListThreadsInStopReply") == b""
        assert b'"tid":2' in await peer.ask(b"jThreadsInfo")
        assert b"endian:little;" in await peer.ask(b"qHostInfo")
        assert b"pid:1;" in await peer.ask(b"qProcessInfo")
        assert await peer.ask(b"qGDBServerVersion") == b"name:dr6;version:1.2;"


# -- leaving ----------------------------------------------------------------------------------------------------


async def test_an_unknown_process_is_refused_and_the_client_stays(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        for packet in (b"D;2", b"D;0", b"D;zz", b"D;1;1"):
            assert (await peer.ask(packet)).startswith(b"E.There is no process"), packet
        assert await peer.ask(b"qC") == b"QCp1.1"
        assert not any(request[:1] == b"D" for request in served.stub.log)


@pytest.mark.parametrize("packet", [b"D", b"D;1"])
async def test_who_detaches_last_lets_the_guest_run(autojump_clock: MockClock, packet: bytes) -> None:
    async with serving() as served:
        peer, other = await served.gdb(), await served.gdb()
        assert await peer.ask(packet) == b"OK"
        await peer.end()
        assert not served.debugger.running
        assert await other.ask(packet) == b"OK"
        await other.end()
        assert not served.shared.participants.present
        peer = served.connect()
        assert (await peer.greet()).startswith(b"T02")  # it ran until this one came


async def test_who_is_cut_off_leaves_the_guest_where_it_stands(autojump_clock: MockClock) -> None:
    async with serving() as served:
        await (await served.gdb()).close()
        assert not served.shared.participants.present
        assert not served.debugger.running
        assert (await (await served.gdb()).ask(b"?")).startswith(b"T05")
