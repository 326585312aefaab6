"""Stop replies: one table read both ways; what only a reader meets; what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.errors import RemoteProtocolError
from gdbstub.protocol.fields import ThreadId
from gdbstub.protocol.stops import (
    BreakReason,
    ConsoleOutput,
    Exited,
    FileRequest,
    NamedReason,
    NoResumed,
    Stop,
    Stopped,
    StopReason,
    Terminated,
    Watch,
    format_stop,
    parse_stop,
)

ONE = ThreadId(1, 1)
BOTH_WAYS: list[tuple[bytes, Stop]] = [
    (b"T05thread:p1.1;", Stopped(5, ONE)),
    (b"T05", Stopped(5)),
    (b"T05thread:1;", Stopped(5, ThreadId(None, 1))),
    (b"T05thread:p1.1;watch:102200;", Stopped(5, ONE, (Watch("write", 0x102200),))),
    (b"T05thread:p1.1;rwatch:102200;", Stopped(5, ONE, (Watch("read", 0x102200),))),
    (b"T05thread:p1.1;awatch:102200;", Stopped(5, ONE, (Watch("access", 0x102200),))),
    (b"T05thread:p1.1;swbreak:;", Stopped(5, ONE, (BreakReason.SOFTWARE,))),
    (b"T05thread:p1.1;hwbreak:;", Stopped(5, ONE, (BreakReason.HARDWARE,))),
    (b"T05swbreak:;library:;", Stopped(5, None, (BreakReason.SOFTWARE, NamedReason("library", "")))),
    (b"T05fork:p2.2;", Stopped(5, None, (NamedReason("fork", "p2.2"),))),
    (b"T05replaylog:end;", Stopped(5, None, (NamedReason("replaylog", "end"),))),
    (b"T05core:0;", Stopped(5, None, (), (), (("core", "0"),))),
    (b"T0510:0004100000000000;thread:p1.1;", Stopped(5, ONE, (), ((16, bytes.fromhex("0004100000000000")),))),
    (b"W00", Exited(0)),
    (b"W21", Exited(0x21)),
    (b"W00;process:1", Exited(0, 1)),
    (b"X09", Terminated(9)),
    (b"X09;process:1f", Terminated(9, 31)),
    (b"N", NoResumed()),
    (b"O48690a", ConsoleOutput(b"Hi\n")),
    (b"O", ConsoleOutput(b"")),
    (b"Fwrite,1,100400,5", FileRequest("write", ("1", "100400", "5"))),
    (b"Fgettimeofday", FileRequest("gettimeofday", ())),
]
READ_ONLY: list[tuple[bytes, Stop]] = [
    (b"S05", Stopped(5)),
    (b"T05thread:p01.01;", Stopped(5, ONE)),  # QEMU pads
    (b"T02thread:0;", Stopped(2, ThreadId(None, 0))),  # gdbsx, always vCPU 0
    (b"T05thread:p01.01;watch:0000000000102200;", Stopped(5, ONE, (Watch("write", 0x102200),))),  # QEMU 7.2
    (b"T0510:xxxxxxxxxxxxxxxx;", Stopped(5, others=(("10", "xxxxxxxxxxxxxxxx"),))),
    (b"W0;process:1;other:2", Exited(0, 1)),
]


@pytest.mark.parametrize(("payload", "stop"), BOTH_WAYS)
def test_a_stop_is_read_and_written_alike(payload: bytes, stop: Stop) -> None:
    assert parse_stop(payload) == stop
    assert format_stop(stop) == payload


@pytest.mark.parametrize(("payload", "stop"), READ_ONLY)
def test_what_stubs_send_otherwise_is_read(payload: bytes, stop: Stop) -> None:
    assert parse_stop(payload) == stop


@pytest.mark.parametrize(
    "payload",
    [
        *(
            b"",
            b"OK",
            b"E22",
            b"vCont;c",
            b"NN",
            b"T",
            b"T5",
            b"Tzz",
            b"S",
            b"S5",
            b"S055",
            b"S05;",
            b"W",
            b"Wzz",
        ),
        *(b"X;process:1", b"W00;process", b"W00;process:z", b"Ozz", b"O1", b"T05thread:z;", b"T05watch:;"),
        *(b"T05watch:zz;", b"T05thread", b"T05ab:123;", b"T05:1;", b"T05" + b"a" * 17 + b":00;"),
    ],
)
def test_what_is_no_stop_reply_is_refused_in_one_sentence(payload: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match=r"^The stub sent [^\n]*\.$"):
        parse_stop(payload)


def test_the_reply_itself_is_kept() -> None:
    assert getattr(parse_stop(b"T05thread:p01.01;"), "raw", None) == "T05thread:p01.01;"


def test_the_first_reason_is_the_reason() -> None:
    stop = Stopped(5, None, (BreakReason.HARDWARE, Watch("read", 1)))
    assert stop.reason == BreakReason.HARDWARE
    assert Stopped(5).reason is None


@pytest.mark.parametrize(("value", "program"), [("2f62696e2f6c73", "/bin/ls"), ("", ""), ("no hex", "no hex")])
def test_exec_names_the_program_that_runs_now(value: str, program: str) -> None:
    assert Stopped(5, None, (NamedReason("exec", value),)).new_program == program
    assert Stopped(5, None, (NamedReason("fork", value),)).new_program is None


bytes_of_registers = st.tuples(st.integers(0, 255), st.binary(min_size=1, max_size=8))
reasons = st.one_of(
    st.builds(Watch, st.sampled_from(["write", "read", "access"]), st.integers(0, 2**64 - 1)),
    st.just(BreakReason.SOFTWARE),
    st.just(BreakReason.HARDWARE),
    st.builds(NamedReason, st.sampled_from(["fork", "exec", "syscall_entry"]), st.sampled_from(["", "1", "p1.2"])),
)
threads = st.builds(ThreadId, st.none() | st.integers(-1, 9), st.integers(-1, 9))


@given(st.integers(0, 255), threads, st.lists(reasons), st.lists(bytes_of_registers))
def test_every_stop_survives_the_wire(
    signal: int,
    thread: ThreadId,
    why: list[StopReason],
    registers: list[tuple[int, bytes]],
) -> None:
    stop = Stopped(signal, thread, tuple(why), tuple(registers))
    assert parse_stop(format_stop(stop)) == stop


@given(st.binary(max_size=40), st.sampled_from([b"T05", b"T", b"S", b"W", b"X", b"F", b"N", b"O", b""]))
def test_no_payload_raises_anything_but_the_peers_fault(tail: bytes, head: bytes) -> None:
    try:
        stop = parse_stop(head + tail)
    except RemoteProtocolError:
        return
    assert parse_stop(format_stop(stop)) == stop
