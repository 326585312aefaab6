"""`dr6 trace` as a process: how it ends, with which exit code and end row, and what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from frontend.cli.exit_codes import NOT_BEGUN
from frontend.demo_guest import DEMO_EVENTS, DEMO_IMAGE, expected
from gdbstub.trace import TraceReader
from tests.guests.build import build
from tests.guests.image import read_image
from tests.guests.machine import qemu_version
from tests.live.events import nearest
from tests.live.machine import Machine, command, dr6, environment, finish, machine, start
from tests.live.naive import Naive

pytestmark = [pytest.mark.live, pytest.mark.slow]

LOOP = build("loop")
SYMBOLS = read_image(LOOP).symbols
Row = dict[str, Any]


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Machine]:
    """The guest ``loop`` at reset."""
    with machine(tmp_path, LOOP) as qemu:
        yield qemu


def rows(text: str) -> list[Row]:
    return [json.loads(line) for line in text.splitlines()]


def trace(qemu: Machine, *words: str, code: int = 0) -> list[Row]:
    """The rows between header and end of a trace to standard output, and the end row as the last."""
    ran = dr6("trace", qemu.target, "--symbols", str(LOOP), *words)
    said = [line for line in ran.err.splitlines() if not line.startswith(("armed: #", "no handler yet: #"))]
    assert (ran.code, said) == (code, [])
    header, *rest = rows(ran.out)
    assert header["kind"] == "header"
    assert rest[-1]["kind"] == "end"
    assert [row["n"] for row in rest[:-1]] == list(range(len(rest) - 1))
    return rest


def causes(row: Row) -> list[tuple[str, str]]:
    return [(cause["cause"], cause["owner"]) for cause in row["causes"]]


def test_until_ends_where_it_says_and_keeps_every_step(loop: Machine) -> None:
    *steps, end = trace(loop, "--from", "main_loop", "--until", "next_random")
    assert (end["reason"], end["stops"]) == ("until", 3)
    assert steps[-1]["pc"] == hex(SYMBOLS["next_random"])
    assert {row["action"] for row in steps} == {"step"}


def test_seconds_end_a_trace_of_steps_and_one_that_only_waits(loop: Machine) -> None:
    *steps, end = trace(loop, "--seconds", "0.2")
    assert (end["reason"], end["stops"]) == ("seconds", len(steps))
    assert steps
    assert causes(steps[-1]) == [("single-step", "debugger")]
    (end,) = trace(loop, "--catch", "gp", "--seconds", "0.2")
    assert (end["reason"], end["stops"], end["events"]) == ("seconds", 0, 0)


@pytest.mark.parametrize("means", ["", "hw:", "sw:"])
def test_breakpoints_are_stops_of_their_own(loop: Machine, means: str) -> None:
    words = ("--break", f"{means}next_random", "--break", f"{means}touch", "--events", "--steps", "6")
    *stops, end = trace(loop, *words)
    assert end["reason"] == "steps"
    assert [int(row["pc"], 16) for row in stops] == [SYMBOLS["next_random"], SYMBOLS["touch"]] * 3
    wanted = "software-breakpoint" if means == "sw:" else "instruction-breakpoint"
    assert {tuple(causes(row)) for row in stops} <= {((wanted, "debugger"),), (("software-breakpoint", "debugger"),)}
    assert {row["action"] for row in stops} == {"continue"}


@pytest.mark.parametrize(
    ("watch", "cause", "pcs"),
    [
        ("w:rounds/8", "data-write", 1),
        ("rw:rounds/8", "data-access", 1),
        ("r:table/8", "data-access", 1),
    ],
)
def test_watchpoints_stop_behind_the_instruction_that_hit_them(loop: Machine, watch: str, cause: str, pcs: int) -> None:
    *stops, _ = trace(loop, "--from", "main_loop", "--watch", watch, "--events", "--steps", "3")
    assert len({row["pc"] for row in stops}) == pcs
    for row in stops:
        assert (cause, "debugger") in causes(row)
        assert "watch:" in row["reply"]
        if row["insn"] is not None:
            behind = int(row["insn"]["address"], 16) + len(row["insn"]["bytes"]) // 2
            iterating = (
                row["insn"]["text"].startswith("rep ") and nearest(qemu_version()) != "10.0"
            )  # later: it has run
            assert int(row["pc"], 16) == behind - (2 if iterating else 0)


def test_stepping_over_breakpoints_and_watchpoints_skips_no_instruction_and_repeats_none(loop: Machine) -> None:
    plain = [row["pc"] for row in trace(loop, "--from", "main_loop", "--steps", "60")[:-1]]
    assert plain[0] != hex(SYMBOLS["main_loop"])
    with machine(loop.path.parent, LOOP) as again:
        words = ("--from", "main_loop", "--steps", "60", "--break", "touch", "--break", "hw:copy")
        stops = trace(again, *words)[:-1]
    assert [row["pc"] for row in stops] == plain
    with machine(loop.path.parent, LOOP) as again:
        stops = trace(again, "--from", "main_loop", "--steps", "60", "--watch", "rounds/8")[:-1]
    progress = [row["pc"] for row in stops if row["causes"][0]["cause"] != "spurious"]
    assert progress == plain[: len(progress)]
    assert any(("data-write", "debugger") in causes(row) for row in stops) == (hex(SYMBOLS["main_loop"]) in plain)


def test_the_events_of_the_demo_guest_are_rows_and_its_shutdown_ends_the_trace_well(tmp_path: Path) -> None:
    with machine(tmp_path, DEMO_IMAGE) as qemu:
        ran = dr6("trace", qemu.target, "--catch", "db", "--events")
    assert ran.code == 0
    _, *events, stop, end = rows(ran.out)
    symbols = read_image(DEMO_IMAGE).symbols
    wanted = [s for event in DEMO_EVENTS for s in expected(event, "qemu-tcg", qemu_version()) if s.vector == 1]
    assert [(row["kind"], row["vector"], int(row["frame"]["rip"], 16)) for row in events] == [
        ("event", 1, symbols[seen.rip]) for seen in wanted
    ]
    assert [int(row["dr"]["dr6"], 16) for row in events] == [seen.dr6 for seen in wanted]
    assert causes(stop)[0][0] == "shutdown"
    assert (end["reason"], end["events"]) == ("shutdown", len(wanted))


def test_ctrl_c_keeps_what_was_recorded_takes_breakpoints_out_and_lets_the_guest_run(loop: Machine) -> None:
    words = ("trace", loop.target, "--symbols", str(LOOP), "--break", "hw:main_loop", "--break", "sw:copy", "--events")
    process = start(*words)
    assert process.stdout is not None
    first = process.stdout.readline() + process.stdout.readline()
    process.send_signal(signal.SIGINT)
    ran = finish(process)
    assert (ran.code, ran.err) == (130, "")
    *_, end = rows(first.decode() + ran.out)
    assert (end["kind"], end["reason"]) == ("end", "interrupt")
    assert end["stops"] >= 1
    assert_nothing_of_ours_is_left(loop)


def test_ctrl_c_ends_a_trace_that_waits_for_an_event(loop: Machine) -> None:
    process = start("trace", loop.target, "--catch", "gp", "--events")
    assert process.stdout is not None
    header = process.stdout.readline()
    assert process.stderr is not None
    assert process.stderr.readline() == b"no handler yet: #GP is caught once the guest has one\n"
    process.send_signal(signal.SIGINT)
    ran = finish(process)
    assert (ran.code, ran.err) == (130, "")
    assert [row["kind"] for row in rows(header.decode() + ran.out)] == ["header", "end"]
    assert_nothing_of_ours_is_left(loop)


def test_ctrl_c_before_a_trace_has_begun_says_that_nothing_was_recorded(tmp_path: Path) -> None:
    """The stub takes the connection and never answers."""
    output = tmp_path / "t.jsonl"
    with socket.socket(socket.AF_UNIX) as stub:
        stub.bind(str(tmp_path / "stub"))
        stub.listen()
        process = start("trace", f"unix:{tmp_path / 'stub'}", "--output", str(output))
        with stub.accept()[0] as connection:
            assert connection.recv(1)
            process.send_signal(signal.SIGINT)
            ran = finish(process)
    assert ran.code == 130
    assert NOT_BEGUN in ran.err.splitlines()
    assert not output.exists()


def test_sigterm_keeps_what_was_recorded_too(loop: Machine) -> None:
    process = start("trace", loop.target)
    assert process.stdout is not None
    first = process.stdout.readline() + process.stdout.readline()
    process.terminate()
    ran = finish(process)
    assert (ran.code, ran.err) == (130, "")
    assert rows(first.decode() + ran.out)[-1]["reason"] == "interrupt"
    assert_nothing_of_ours_is_left(loop)


def assert_nothing_of_ours_is_left(qemu: Machine) -> None:
    """The guest was left running, and a new client gets to ``inner_loop`` twice without a stop in between."""
    with Naive(qemu.path) as client:
        client.greet()
        assert_no_breakpoint_stops_it(client)


def assert_no_breakpoint_stops_it(client: Naive) -> None:
    for name in ("inner_loop", "joined", "inner_loop"):
        client.run_to(SYMBOLS[name])
        assert client.row().pc == SYMBOLS[name]


def test_left_stopped_the_guest_stands_where_the_trace_ended(loop: Machine) -> None:
    *_, last, _ = trace(loop, "--from", "main_loop", "--steps", "5", "--break", "copy", "--leave", "stopped")
    with Naive(loop.path) as client:
        client.greet()
        assert hex(client.row().pc) == last["pc"]
        assert_no_breakpoint_stops_it(client)


def test_a_full_disk_ends_the_trace_with_one_sentence(loop: Machine) -> None:
    words = ("--symbols", str(LOOP), "--steps", "500", "--break", "copy", "--output", "/dev/full")
    ran = dr6("trace", loop.target, *words)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("dr6: Cannot write to /dev/full: No space left on device")
    assert ran.err.count("\n") == 1
    assert_nothing_of_ours_is_left(loop)


def test_a_file_that_cannot_be_written_ends_it_before_a_step(loop: Machine, tmp_path: Path) -> None:
    ran = dr6("trace", loop.target, "--steps", "5", "--output", str(tmp_path / "none" / "t.jsonl"))
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("dr6: Cannot open ")
    assert ran.err.count("\n") == 1


def test_a_reader_that_goes_away_ends_it_quietly_and_in_order(loop: Machine) -> None:
    words = command("trace", loop.target, "--symbols", str(LOOP), "--break", "copy", "--steps", "100000")
    with subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read().decode()
        assert process.wait() == 1
    assert err.count("\n") <= 1
    assert "Traceback" not in err
    assert_nothing_of_ours_is_left(loop)


def test_a_stub_that_dies_leaves_a_trace_that_says_so(loop: Machine, tmp_path: Path) -> None:
    output = tmp_path / "t.jsonl"
    process = start("trace", loop.target, "--output", str(output))
    while not output.exists() or output.stat().st_size < 1 << 16:  # the header comes at once, rows 128 KiB at a time
        assert process.poll() is None
    os.kill(loop.process.pid, signal.SIGKILL)
    ran = finish(process)
    assert ran.code == 3
    with TraceReader(output) as reader:
        stops = list(reader)
        recorded, sentence = ran.err.splitlines()
        assert recorded == f"{len(stops)} stops, ended: lost"
        assert sentence.startswith("dr6: ")
        assert reader.end is not None
        assert reader.end["reason"] == "lost"
        assert reader.end["stops"] == len(stops) > 0


def test_a_stub_that_dies_while_the_guest_runs_is_noticed(loop: Machine) -> None:
    process = start("trace", loop.target, "--catch", "gp", "--events")
    assert process.stdout is not None
    header = process.stdout.readline()
    loop.process.kill()
    ran = finish(process)
    assert ran.code == 3
    assert rows(header.decode() + ran.out)[-1]["reason"] == "lost"


def test_text_has_a_line_for_each_step_and_symbols(loop: Machine, tmp_path: Path) -> None:
    output = tmp_path / "t.txt"
    words = ("--from", "main_loop", "--steps", "4", "--output", str(output), "--symbols", str(LOOP))
    assert dr6("trace", loop.target, *words).code == 0
    head, *lines, end = output.read_text().splitlines()
    assert head.startswith("# dr6 ")
    assert len(lines) == 4
    assert all("[single-step/debugger]" in line for line in lines)
    assert "<next_random>" in lines[2]
    assert end.startswith("# ended: steps; 4 stops, 0 events")


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--cpu", "7"), 1, "There is no vCPU 7"),
        (("--break", "nowhere"), 1, "nowhere"),
        (("--watch", "rounds/3"), 1, ""),
        (("--catch", "xy"), 1, "xy"),
        (("--backend", "vmware"), 1, "There is no backend vmware"),
        (("--from", "no_such_place"), 1, "no_such_place"),
        (("--symbols", "/no/such/file"), 1, "/no/such/file"),
        (("--steps", "0"), 2, "--steps"),
        (("--format", "parquet"), 2, "--output"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(
    loop: Machine, words: tuple[str, ...], code: int, sentence: str
) -> None:
    ran = dr6("trace", loop.target, *words, *(("--steps", "1") if "--steps" not in words else ()))
    assert ran.code == code
    assert sentence in ran.err
    if code == 1:
        assert ran.err.startswith("dr6: ")
        assert ran.err.count("\n") == 1


def test_what_is_armed_is_said_when_it_is_and_the_header_is_there_before(tmp_path: Path) -> None:
    """The demo loads its IDT long after reset."""
    output = tmp_path / "t.jsonl"
    with machine(tmp_path, DEMO_IMAGE) as qemu:
        words = ("--events", "--catch", "db", "--steps", "1", "--symbols", str(DEMO_IMAGE), "--output", str(output))
        ran = dr6("trace", qemu.target, *words)
    said = ran.err.splitlines()
    assert ran.code == 0
    assert said[0].startswith(("no handler yet: #DB", "armed: #DB at 0x"))
    assert said[-1] == "1 event, ended: steps"
    assert said[-2].startswith("armed: #DB at 0x")
    (_, event, _) = rows(output.read_text())
    assert event["handler"] in said[-2]


def test_a_trace_that_cannot_be_set_up_has_its_header_and_says_so_at_its_end(loop: Machine, tmp_path: Path) -> None:
    output = tmp_path / "t.jsonl"
    ran = dr6("trace", loop.target, "--break", "nowhere", "--output", str(output))
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    header, end = rows(output.read_text())
    assert (header["kind"], end["kind"], end["reason"]) == ("header", "end", "error")


def test_a_trace_in_columns_is_the_trace_in_lines(loop: Machine, tmp_path: Path) -> None:
    """What QEMU showed is written by both writers of one session: the prompt records while it steps."""
    lines, columns = tmp_path / "t.jsonl", tmp_path / "t.parquet"
    script = [word for text in (f"record {lines}", "stepi 40", "record stop") for word in ("-ex", text)]
    assert dr6("attach", loop.target, "--batch", "--symbols", str(LOOP), "--leave", "stopped", *script).code == 0
    assert dr6("trace", loop.target, "--steps", "40", "--output", str(columns), "--symbols", str(LOOP)).code == 0
    with TraceReader(lines) as first, TraceReader(columns) as second:
        assert second.header["backend"] == first.header["backend"]
        assert len(list(first)) == len(list(second)) == 40
        assert (second.end or {})["reason"] == "steps"
