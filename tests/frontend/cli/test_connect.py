"""From a TARGET to a session and back: whatever happens, breakpoints are out and the guest is left as said."""

from __future__ import annotations

import argparse
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from frontend.cli import parser, trace
from frontend.cli.attach import run_script, script
from frontend.cli.connect import Leave, TargetOptions, open_session
from frontend.cli.interrupts import Interrupts
from gdbstub.errors import GdbError, TransportError
from gdbstub.x86.breakpoints import BreakpointKind
from tests.fakes.stub import CODE, DATA, FakeStub
from tests.gdbstub.backends.qemu.test_monitor import golden
from transports import BadTarget, CannotOpen, read_transcript


def qemu_like() -> FakeStub:
    stub = FakeStub()
    stub.monitor |= {"info kvm": golden("kvm"), "info version": golden("version")}
    stub.monitor |= {"info hotpluggable-cpus": "", "info registers": golden("registers-64"), "info roms": ""}
    return stub


@asynccontextmanager
async def listening(stub: FakeStub, directory: Path) -> AsyncIterator[str]:
    """The TARGET of a unix socket with ``stub`` behind it; one client after the other."""
    path = directory / "stub"
    listener = trio.socket.socket(trio.socket.AF_UNIX)
    await listener.bind(str(path))
    listener.listen()

    async def serve() -> None:
        while True:
            connection, _ = await listener.accept()
            async with trio.SocketStream(connection) as stream:
                await stub.serve(stream, stream)

    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        try:
            yield f"unix:{path}"
        except Exception as error:  # carried out of the nursery as it is, not in a group
            failure = error
        nursery.cancel_scope.cancel()
    listener.close()
    if failure is not None:
        raise failure


def requests(stub: FakeStub) -> list[bytes]:
    return [request for request in stub.log if request[:1] in b"ZzDk"]


@pytest.mark.parametrize(("leave", "end"), [("running", b"vCont;c"), ("stopped", b"z2,4000,8")])
async def test_at_the_end_breakpoints_are_out_and_the_guest_is_left_as_said(
    tmp_path: Path, leave: Leave, end: bytes
) -> None:
    stub = qemu_like()
    async with listening(stub, tmp_path) as target:
        async with open_session(TargetOptions(target, leave=leave)) as session:
            assert session.debugger.backend.name == "qemu-tcg"
            assert session.debugger.target == target
            await session.debugger.add_breakpoint(BreakpointKind.EXECUTE, CODE + 2, means="hw")
            await session.debugger.add_breakpoint(BreakpointKind.WRITE, DATA, 8)
        assert stub.points == []
        assert requests(stub) == [b"Z1,1002,1", b"Z2,4000,8", b"z1,1002,1", b"z2,4000,8"]
        assert stub.log[-1] == end


async def test_after_a_failure_too(tmp_path: Path) -> None:
    stub = qemu_like()

    async def fail(target: str) -> None:
        async with open_session(TargetOptions(target)) as session:
            await session.debugger.add_breakpoint(BreakpointKind.EXECUTE, CODE)
            raise GdbError("on purpose")

    async with listening(stub, tmp_path) as target:
        with pytest.raises(GdbError, match="on purpose"):
            await fail(target)
        assert stub.points == []
        assert stub.log[-1] == b"vCont;c"


async def test_and_after_a_run_that_was_cancelled(tmp_path: Path) -> None:
    stub = qemu_like()
    async with listening(stub, tmp_path) as target:

        async def run(cancelled: trio.CancelScope) -> None:
            with cancelled:
                async with open_session(TargetOptions(target)) as session:
                    await session.debugger.add_breakpoint(BreakpointKind.WRITE, DATA + 0x100, 8)
                    await session.debugger.resume()

        scope = trio.CancelScope()
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(run, scope)
                while not stub.running:  # noqa: ASYNC110 (the stub tells nobody)
                    await trio.sleep(0.01)
                scope.cancel()
        assert scope.cancelled_caught
        assert stub.points == []
        assert stub.log[-1] == b"vCont;c"


async def test_a_guest_of_ours_ends_with_the_session(tmp_path: Path) -> None:
    stub = qemu_like()
    async with listening(stub, tmp_path) as target:
        async with open_session(TargetOptions(target, owned=True)):
            pass
        assert stub.log[-1] == b"k"


@pytest.mark.parametrize(
    ("connection", "error", "words"),
    [
        (TargetOptions("nonsense"), BadTarget, "nonsense"),
        (TargetOptions("unix:/no/such/socket"), CannotOpen, "/no/such/socket"),
        (TargetOptions("replay:/no/such/file"), CannotOpen, "/no/such/file"),
        (TargetOptions("|exit 3"), TransportError, "is there but silent|exit"),
    ],
)
async def test_what_cannot_be_opened_is_said(connection: TargetOptions, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        async with open_session(connection):
            pass


async def test_an_unknown_backend_is_refused_and_the_stub_let_go(tmp_path: Path) -> None:
    stub = qemu_like()
    async with listening(stub, tmp_path) as target:
        with pytest.raises(GdbError, match=r"no backend vmware; dr6 knows qemu-tcg, "):
            async with open_session(TargetOptions(target, backend="vmware")):
                pass


async def test_a_recording_has_the_bytes_of_both_sides_and_the_command_line(tmp_path: Path) -> None:
    stub, file = qemu_like(), tmp_path / "session"
    async with listening(stub, tmp_path) as target:
        connection = TargetOptions(target, record=str(file), command=("attach", target))
        async with open_session(connection) as session:
            await session.debugger.step()
    transcript = read_transcript(file)
    assert transcript.header.command == ("attach", target)
    text = file.read_text()
    assert "$vCont;s:p1.1#" in text
    assert "$T05thread:p1.1;#" in text


# -- scripts and traces on such a session -----------------------------------------------------------------


def options(*words: str) -> argparse.Namespace:
    return parser.parse(words)


async def test_a_script_prints_results_on_stdout_and_errors_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = script(options("attach", ":1", "-ex", "stepi", "-ex", "nonsense", "-ex", "p/x $rip"))
    async with listening(qemu_like(), tmp_path) as target, open_session(TargetOptions(target)) as session:
        assert await run_script(session, lines, False, Interrupts()) == 0
        assert await run_script(session, lines, True, Interrupts()) == 1
        assert await run_script(session, ("quit 9",), False, Interrupts()) == 9
    out, err = capsys.readouterr()
    assert "$1 = 0x1001" in out
    assert err.count("dr6: ") == 2
    assert "nonsense" in err


async def test_after_ctrl_c_no_further_line_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    interrupts = Interrupts()
    interrupts.seen = 1
    async with listening(qemu_like(), tmp_path) as target, open_session(TargetOptions(target)) as session:
        assert await run_script(session, ("p 1",), False, interrupts) == 130
    assert capsys.readouterr().out == ""


async def traced(directory: Path, *words: str) -> list[dict[str, Any]]:
    """The rows of a trace of the fake guest; the guest is as it was before, but for what it executed."""
    file, stub = directory / "t.jsonl", qemu_like()
    async with listening(stub, directory) as target:
        asked = options("trace", target, "--output", str(file), *words)
        assert await trace.run(asked, TargetOptions(target), Interrupts()) == 0
        assert stub.points == []
    return [json.loads(line) for line in file.read_text().splitlines()]


async def test_steps_until_and_breakpoints_of_a_trace(tmp_path: Path) -> None:
    head, *rows, end = await traced(tmp_path, "--steps", "6")
    assert (head["kind"], head["backend"]["name"]) == ("header", "qemu-tcg")
    assert [row["pc"] for row in rows] == ["0x1001", "0x1002", "0x1005", "0x1000", "0x1001", "0x1002"]
    assert (end["reason"], end["stops"]) == ("steps", 6)


async def test_until_is_part_of_the_trace_and_ends_it(tmp_path: Path) -> None:
    _, *rows, end = await traced(tmp_path, "--until", "0x1005")
    assert [row["pc"] for row in rows] == ["0x1001", "0x1002", "0x1005"]
    assert end["reason"] == "until"


async def test_a_free_run_records_what_is_asked_for_and_no_more(tmp_path: Path) -> None:
    _, *rows, end = await traced(tmp_path, "--events", "--break", "hw:0x1002", "--watch", "0x4000/8", "--steps", "4")
    assert [row["pc"] for row in rows] == ["0x1002", "0x1005", "0x1002", "0x1005"]
    assert [row["causes"][0]["cause"] for row in rows] == ["instruction-breakpoint", "data-write"] * 2
    assert end["reason"] == "steps"


@pytest.mark.parametrize(
    ("asked", "output", "tty", "wanted"),
    [
        ("text", "t.jsonl", False, "text"),
        (None, None, True, "text"),
        (None, None, False, "jsonl"),
        (None, "-", True, "text"),
        (None, "a.txt", False, "text"),
        (None, "a.log", True, "text"),
        (None, "a.json", True, "jsonl"),
        (None, "a.dat", True, "jsonl"),
    ],
)
def test_the_format_is_asked_for_or_the_suffix_s(asked: str | None, output: str | None, tty: bool, wanted: str) -> None:
    assert trace.trace_format(asked, output, tty) == wanted


def test_a_trace_that_never_stops_the_guest_is_one_of_events(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        trace.check(options("trace", ":1", "--no-stop", "--steps", "3"))
    assert end.value.code == 2
    assert capsys.readouterr().err == "dr6: --no-stop needs --events: a step and a breakpoint are stops.\n"
    trace.check(options("trace", ":1", "--no-stop", "--events"))


def test_columns_to_standard_output_are_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ((), ("--output", "-")):
        with pytest.raises(SystemExit) as end:
            trace.check(options("trace", ":1", "--format", "parquet", *words))
        assert end.value.code == 2
        assert capsys.readouterr().err == "dr6: A trace in columns is a folder; name it with --output.\n"
    trace.check(options("trace", ":1", "--output", "t.parquet"))
