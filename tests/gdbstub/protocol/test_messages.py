"""Requests as gdb and QEMU write them, and every shape of answer, good and bad."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.errors import GdbError, Refused, RemoteProtocolError, Unsupported
from gdbstub.protocol import messages, server_messages
from gdbstub.protocol.fields import ALL, ThreadId
from gdbstub.protocol.messages import ThreadList, Xfer
from gdbstub.protocol.packets import PacketForm, find_packet
from gdbstub.protocol.server_messages import BreakpointRequest, ThreadAction

ONE = ThreadId(1, 1)
REQUESTS: list[tuple[bytes, bytes, PacketForm]] = [
    (messages.WHY_STOPPED, b"?", PacketForm.STOP),
    (messages.READ_REGISTERS, b"g", PacketForm.HEX),
    (messages.START_NO_ACK, b"QStartNoAckMode", PacketForm.OK),
    (messages.WHICH_ACTIONS, b"vCont?", PacketForm.TEXT),
    (messages.CURRENT_THREAD, b"qC", PacketForm.TEXT),
    (messages.FIRST_THREADS, b"qfThreadInfo", PacketForm.LIST),
    (messages.MORE_THREADS, b"qsThreadInfo", PacketForm.LIST),
    (messages.ATTACHED, b"qAttached", PacketForm.TEXT),
    (messages.KILL, b"k", PacketForm.NOTHING),
    (messages.REVERSE_STEP, b"bs", PacketForm.STOP),
    (messages.REVERSE_CONTINUE, b"bc", PacketForm.STOP),
    (messages.read_register(16), b"p10", PacketForm.HEX),
    (messages.write_register(16, 0x100400, 8), b"P10=0004100000000000", PacketForm.OK),
    (messages.write_registers(b"\x01\x02"), b"G0102", PacketForm.OK),
    (messages.read_memory(0xFFFFFFFF80000000, 64), b"mffffffff80000000,40", PacketForm.HEX),
    (messages.write_memory(0x1000, b"\xcc"), b"M1000,1:cc", PacketForm.OK),
    (messages.write_memory_binary(0x1000, b"#"), b"X1000,1:#", PacketForm.OK),
    (messages.insert_breakpoint(0, 0x1000, 1), b"Z0,1000,1", PacketForm.OK),
    (messages.insert_breakpoint(1, 0x1000, 1), b"Z1,1000,1", PacketForm.OK),
    (messages.insert_breakpoint(2, 0x1000, 8), b"Z2,1000,8", PacketForm.OK),
    (messages.insert_breakpoint(3, 0x1000, 8), b"Z3,1000,8", PacketForm.OK),
    (messages.insert_breakpoint(4, 0x1000, 16), b"Z4,1000,10", PacketForm.OK),
    (messages.remove_breakpoint(4, 0x1000, 16), b"z4,1000,10", PacketForm.OK),
    (messages.resume("s"), b"s", PacketForm.STOP),
    (messages.resume("c"), b"c", PacketForm.STOP),
    (messages.resume_threads([("s", ONE), ("c", ThreadId(1, ALL))]), b"vCont;s:p1.1;c:p1.-1", PacketForm.STOP),
    (messages.resume_threads([("c", None)]), b"vCont;c", PacketForm.STOP),
    (messages.resume("s", 10), b"S0a", PacketForm.STOP),
    (messages.resume_threads([("c", ONE), ("s", None)], 10), b"vCont;C0a:p1.1;s", PacketForm.STOP),
    (messages.step_in_range(0x10, 0x20, ONE, others=True), b"vCont;r10,20:p1.1;c", PacketForm.STOP),
    (messages.step_in_range(0x10, 0x20, ONE, others=False), b"vCont;r10,20:p1.1", PacketForm.STOP),
    (messages.choose_thread("g", ONE), b"Hgp1.1", PacketForm.OK),
    (messages.choose_thread("c", ThreadId(None, ALL)), b"Hc-1", PacketForm.OK),
    (messages.thread_alive(ThreadId(None, 2)), b"T2", PacketForm.OK),
    (messages.monitor("info registers"), b"qRcmd,696e666f20726567697374657273", PacketForm.MONITOR),
    (messages.read_features("target.xml", 0, 0xFFB), b"qXfer:features:read:target.xml:0,ffb", PacketForm.LIST),
    (messages.read_object("auxv", "", 16, 32), b"qXfer:auxv:read::10,20", PacketForm.TEXT),
    (messages.detach(), b"D", PacketForm.OK),
    (messages.detach(1), b"D;1", PacketForm.OK),
]


@pytest.mark.parametrize(("built", "payload", "shape"), REQUESTS)
def test_a_request_is_a_packet_of_the_table(built: bytes, payload: bytes, shape: PacketForm) -> None:
    assert built == payload
    row = find_packet(built)
    assert row is not None
    assert row.shape is shape
    assert row.sender == "client"


PARSERS: list[Callable[[bytes, bytes], object]] = [
    messages.expect_ok,
    messages.expect_data,
    messages.expect_hex,
    messages.parse_xfer,
    messages.parse_threads,
    messages.parse_current_thread,
    messages.parse_actions,
    messages.parse_attached,
]


@pytest.mark.parametrize("parse", PARSERS)
def test_an_error_code_is_a_refusal(parse: Callable[[bytes, bytes], object]) -> None:
    with pytest.raises(Refused) as caught:
        parse(b"m0,8", b"E14")
    assert (caught.value.command, caught.value.code) == ("'m0,8'", "14")
    assert str(caught.value) == "The stub refused 'm0,8' (error 14)."


@pytest.mark.parametrize("parse", PARSERS)
def test_an_error_text_is_a_refusal_that_shows_it(parse: Callable[[bytes, bytes], object]) -> None:
    with pytest.raises(Refused, match=r"^The stub refused 'm0,8': 'no \\x1b\[2J'\.$"):
        parse(b"m0,8", b"E.no \x1b[2J")


@pytest.mark.parametrize("parse", [it for it in PARSERS if it is not messages.parse_actions])
def test_an_empty_answer_means_that_the_stub_does_not_know(parse: Callable[[bytes, bytes], object]) -> None:
    with pytest.raises(Unsupported) as caught:
        parse(b"p10", b"")
    assert caught.value.code == ""


@pytest.mark.parametrize("payload", [b"OK", b"00", b"E", b"E1", b"E123", b"Exy", b"e14f"])
def test_what_is_no_error_is_no_refusal(payload: bytes) -> None:
    assert messages.refusal(b"g", payload) is None


def test_ok_is_ok() -> None:
    messages.expect_ok(b"Z0,0,1", b"OK")
    with pytest.raises(RemoteProtocolError, match=r"^The stub answered 'Z0,0,1' with '00'\.$"):
        messages.expect_ok(b"Z0,0,1", b"00")


def test_hex_answers_are_bytes() -> None:
    assert messages.expect_hex(b"m0,2", b"00ff") == b"\x00\xff"
    with pytest.raises(RemoteProtocolError):
        messages.expect_hex(b"m0,2", b"00f")


def test_parts_of_an_object() -> None:
    assert messages.parse_xfer(b"qXfer", b"m<?xml") == Xfer(b"<?xml", False)
    assert messages.parse_xfer(b"qXfer", b"l") == Xfer(b"", True)
    with pytest.raises(RemoteProtocolError):
        messages.parse_xfer(b"qXfer", b"x")


@given(st.binary(max_size=60), st.integers(1, 20))
def test_an_object_is_put_together_from_its_parts(data: bytes, length: int) -> None:
    whole, last = b"", False
    while not last:
        part, last = messages.parse_xfer(b"q", server_messages.format_xfer(data, len(whole), length))
        whole += part
    assert whole == data


@pytest.mark.parametrize(
    ("payload", "threads"),
    [
        (b"mp01.01", ThreadList((ONE,), False)),
        (b"mp01.01,p01.02", ThreadList((ONE, ThreadId(1, 2)), False)),
        (b"m0,1,2l", ThreadList((ThreadId(None, 0), ThreadId(None, 1), ThreadId(None, 2)), True)),  # gdbsx
        (b"l", ThreadList((), True)),
        (b"m", ThreadList((), False)),
    ],
)
def test_thread_lists(payload: bytes, threads: ThreadList) -> None:
    assert messages.parse_threads(messages.FIRST_THREADS, payload) == threads


def test_an_empty_answer_ends_a_thread_list_that_had_begun() -> None:
    assert messages.parse_threads(messages.MORE_THREADS, b"") == ThreadList((), True)


@pytest.mark.parametrize("payload", [b"x", b"l1", b"mz", b"OK"])
def test_what_is_no_thread_list(payload: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        messages.parse_threads(messages.FIRST_THREADS, payload)


def test_a_thread_list_survives_the_wire() -> None:
    threads = (ONE, ThreadId(1, 2))
    payload = server_messages.format_threads(threads)
    assert messages.parse_threads(messages.FIRST_THREADS, payload).threads == threads


def test_the_current_thread() -> None:
    assert messages.parse_current_thread(b"qC", b"QCp01.01") == ONE
    listed = b'<threads>\n<thread id="p1.1" core="0" name="p"/>\n<thread core="1" id=\'p1.2\'/>\n</threads>'
    assert messages.parse_threads_object(listed) == (ONE, ThreadId(1, 2))
    for odd in (b"", b"<threads/>", b'<thread id="zz"/>', b'<thread name="id=1"/>'):
        with pytest.raises(RemoteProtocolError):
            messages.parse_threads_object(odd)
    with pytest.raises(RemoteProtocolError):
        messages.parse_current_thread(b"qC", b"0")


def test_the_actions_of_vcont() -> None:
    assert messages.parse_actions(b"vCont?", b"vCont;c;C;s;S") == {"c", "C", "s", "S"}
    assert messages.parse_actions(b"vCont?", b"vCont") == frozenset()
    assert messages.parse_actions(b"vCont?", b"") == frozenset()
    for payload in (b"OK", b"vContx"):
        with pytest.raises(RemoteProtocolError):
            messages.parse_actions(b"vCont?", payload)


def test_attached_or_started() -> None:
    assert messages.parse_attached(b"qAttached", b"1")
    assert not messages.parse_attached(b"qAttached", b"0")
    with pytest.raises(RemoteProtocolError):
        messages.parse_attached(b"qAttached", b"2")


def test_errors_of_the_server_are_refusals_to_the_client() -> None:
    error = messages.refusal(b"g", server_messages.format_error(0x16))
    assert error is not None
    assert error.code == "16"
    assert server_messages.format_error_text("no\nregister  é") == b"E.no register ?"
    assert messages.refusal(b"g", server_messages.format_error_text("no")) is not None


kinds = st.integers(0, 4)
addresses = st.integers(0, 2**64 - 1)


@given(kinds, addresses, st.integers(0, 4096))
def test_a_breakpoint_survives_the_wire(kind: int, address: int, length: int) -> None:
    for insert, build in ((True, messages.insert_breakpoint), (False, messages.remove_breakpoint)):
        expected = BreakpointRequest(insert, kind, address, length, b"")
        assert server_messages.parse_breakpoint(build(kind, address, length)) == expected


def test_what_follows_a_breakpoint_is_kept() -> None:
    assert server_messages.parse_breakpoint(b"Z0,1000,1;X5,220c01").options == b"X5,220c01"


@pytest.mark.parametrize("payload", [b"Z0", b"Z5,0,1", b"Z0,0", b"Z0,z,1", b"Z0,0,1,2", b"m0,1,2", b"Z,0,1"])
def test_what_is_no_breakpoint(payload: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        server_messages.parse_breakpoint(payload)


@given(addresses, st.binary(max_size=20))
def test_an_address_range_survives_the_wire(address: int, data: bytes) -> None:
    assert server_messages.parse_range(messages.read_memory(address, len(data))) == (address, len(data))
    assert server_messages.parse_range(messages.write_memory(address, data)) == (address, len(data))
    assert server_messages.parse_range(messages.write_memory_binary(address, data)) == (address, len(data))


def test_the_actions_of_a_resume() -> None:
    assert server_messages.parse_thread_actions(b"vCont;s:p1.1;c") == (
        ThreadAction("s", "", ONE),
        ThreadAction("c", "", ThreadId(None, ALL)),
    )
    assert server_messages.parse_thread_actions(b"vCont;r1000,1010:1;C05") == (
        ThreadAction("r", "1000,1010", ThreadId(None, 1)),
        ThreadAction("C", "05", ThreadId(None, ALL)),
    )
    with pytest.raises(RemoteProtocolError, match="empty action"):
        server_messages.parse_thread_actions(b"vCont;")


@given(st.sampled_from(PARSERS), st.binary(max_size=20))
def test_no_answer_raises_anything_but_our_errors(parse: Callable[[bytes, bytes], object], payload: bytes) -> None:
    try:
        parse(b"qsThreadInfo", payload)
    except GdbError as error:
        message = str(error)
    else:
        message = ""
    assert not message or message.isprintable()


@pytest.mark.parametrize(
    ("parse", "payload"),
    [
        (server_messages.parse_breakpoint, b"Z0,z,1"),
        (server_messages.parse_search, b"qSearch:memory:z;1;a"),
        (server_messages.parse_object_part, b"qXfer:features:read:target.xml:0"),
        (server_messages.parse_range, b"m,4"),
        (server_messages.parse_thread_actions, b"vCont;s:p1.z"),
    ],
)
def test_what_cannot_be_read_in_a_request_is_the_clients(parse: Callable[[bytes], object], payload: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match=r"^The client sent "):
        parse(payload)
