"""``--engine log`` tells what steps by the stub show, row for row, and leaves QEMU as it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.guests.build import build
from tests.guests.image import read_image
from tests.live.machine import Machine, command, dr6, environment, machine
from tests.live.naive import Naive

ROWS = 300
RF = 1 << 16
NOT_SHOWN = ("k_gs_base", "cr8", "rflags", "rflags_system")
"""By one engine or the other."""
ARITHMETIC = 0x8D5
"""CF, PF, AF, ZF, SF, OF."""
DEBUG = ("dr0", "dr1", "dr2", "dr3", "dr6", "dr7")
"""Not known to the plugin once there was real mode."""
HIDDEN_IN_32_BIT_CODE = tuple(f"r{number}" for number in range(8, 16))
Row = dict[str, Any]

GUESTS = {
    "64-bit code, REP": ("loop", "main_loop", ()),
    "16-, 32- and 64-bit code": ("modes", "real_mode", ()),
    "faults, #PF among them, and user mode": ("faults", "start", ()),
    "debug exceptions in 64-bit code": ("debug64", "start", ()),
    "the first of two vCPUs": ("smp", "start", ("-smp", "2")),
}


def stepped(target: Machine, start: str, image: Path, count: int, cpu: int = 0) -> list[Row]:
    """The truth: one step after another by a client that is not dr6's."""
    with Naive(target.path) as client:
        client.greet()
        client.run_to(read_image(image).symbols[start])
        rows = []
        for _ in range(count):
            answer = client.ask(b"vCont;s:p1.%x" % (cpu + 1))
            if not answer.startswith(b"T05"):
                break
            row = client.row(cpu)
            rows.append({"pc": row.pc} | row.registers | row.debug)
    return rows


def logged(target: Machine, start: str, image: Path, count: int, *options: str, engine: str = "log") -> list[Row]:
    with Naive(target.path) as client:
        client.greet()
        client.run_to(read_image(image).symbols[start])
    output = target.path.with_name("rows.jsonl")
    words = ("--steps", str(count), "--leave", "stopped", "-o", str(output), *options)
    ran = dr6("trace", target.target, "--engine", engine, *words)
    assert ran.code == 0, ran.err
    return [json.loads(line) for line in output.read_text().splitlines()]


def flat(row: Row) -> Row:
    return {
        name: int(value, 16)
        for name, value in ({"pc": row["pc"]} | row["regs"] | row["dr"]).items()
        if name != "source" and value is not None
    }


def assert_same(rows: list[Row], truth: list[Row]) -> None:
    rows = [flat(row) for row in rows if row["kind"] == "insn"]
    assert len(rows) == len(truth)
    for number, (row, due) in enumerate(zip(rows, truth, strict=True)):
        due |= {"rflags_system": due["rflags"] & ~ARITHMETIC}
        absent = set(due) - set(row) - set(NOT_SHOWN)
        assert absent - set(HIDDEN_IN_32_BIT_CODE) in (set(), set(DEBUG)), number
        assert {name: row[name] for name in due if name in row} == {name: due[name] for name in due if name in row}, (
            number
        )


def drop_idle(rows: list[Row]) -> list[Row]:
    """QEMU 7.2 reports a step now and then that ran nothing."""
    return [row for row, before in zip(rows, [{}, *rows], strict=False) if row != before]


@pytest.mark.parametrize("name", GUESTS)
def test_a_guest_that_runs_has_the_rows_of_one_that_is_stepped(name: str, tmp_path: Path) -> None:
    """Only ten rows are made in lock-step; nobody stops the guest in the others."""
    guest, start, options = GUESTS[name]
    image = build(guest)
    with machine(tmp_path, image, *options) as target:
        truth = drop_idle(stepped(target, start, image, ROWS))
    with machine(tmp_path, image, *options) as target:
        rows = logged(target, start, image, len(truth), "--self-check", "10")
    assert_same(rows[1:-1], truth)
    assert rows[-1]["reason"] == "steps"
    unread = [row for row in rows[1:-1] if row["kind"] == "insn" and not row["insn"]["bytes"]]
    assert len(unread) <= 1, "only what could not be fetched is not known"


def test_no_step_makes_the_guest_see_another_breakpoint(tmp_path: Path) -> None:
    """IRET sets RF, so the guest's own breakpoint at its target does not stop it (SDM vol. 3B 18.3.1.1); where a
    debugger steps, QEMU 7.2 raises it all the same."""
    image = build("debug32")
    with machine(tmp_path, image) as target:
        rows = logged(target, "start", image, 320, "--self-check", "10")
    to_rf = next(at for at, row in enumerate(rows) if row["kind"] == "insn" and int(row["regs"]["rflags"], 16) & RF)
    before, after = rows[to_rf], rows[to_rf + 1]
    assert before["insn"]["text"] == "iretd"
    assert (after["kind"], after["insn"]["address"], after["insn"]["text"]) == ("insn", before["pc"], "nop")


def test_exceptions_are_explained_rows_in_front_of_the_row_that_goes_to_their_handler(tmp_path: Path) -> None:
    image = build("faults")
    with machine(tmp_path, image) as target:
        rows = logged(target, "start", image, 420, "--self-check", "0")
    numbers = [row["n"] for row in rows[1:-1]]
    assert numbers == list(range(len(numbers)))
    events = [row for row in rows if row["kind"] == "event"]
    assert rows[-1]["events"] == len(events) > 5
    assert rows[-1]["insns"] == 420
    for row in events:
        assert (row["seen_by"], row["dr"]["source"], row["causes"][0]["owner"]) == ("log", "log", "guest"), row
        following = rows[rows.index(row) + 1]
        assert following["insn"]["address"] == row["frame"]["rip"], "all of them are faults"


def one_instruction_is_on(target: Machine) -> bool:
    with Naive(target.path) as client:
        client.greet()
        return "single step mode" in client.monitor("info status")


def test_a_trace_to_an_address_ends_there_with_a_whole_last_row_and_puts_qemu_back(tmp_path: Path) -> None:
    image = build("loop")
    symbols = read_image(image).symbols
    with machine(tmp_path, image) as target:
        with Naive(target.path) as client:
            client.greet()
            client.run_to(symbols["main_loop"])
        output = tmp_path / "rows.jsonl"
        words = ("--until", hex(symbols["copy"]), "--self-check", "3", "--leave", "stopped", "-o", str(output))
        ran = dr6("trace", target.target, "--engine", "log", *words)
        assert (ran.code, one_instruction_is_on(target)) == (0, False), ran.err
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert rows[-1]["reason"] == "until"
    assert int(rows[-2]["pc"], 16) == symbols["copy"]
    assert [row["kind"] for row in rows[1:-1]] == ["insn"] * rows[-1]["insns"]


def test_a_qemu_that_a_killed_dr6_left_logging_is_put_back_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lives on, slower; the next dr6 that comes says what it found."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    output = tmp_path / "rows.jsonl"
    with machine(tmp_path, build("loop")) as target:
        words = ("trace", target.target, "--engine", "log", "--steps", "1000000000", "--self-check", "0")
        killed = subprocess.Popen(command(*words, "-o", str(output)), env=environment(), stderr=subprocess.DEVNULL)
        while not output.exists() or output.stat().st_size < 1 << 20:
            assert killed.poll() is None
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert one_instruction_is_on(target)
        ran = dr6("attach", target.target, "--batch", "-ex", "info target", "--leave", "stopped")
        assert (ran.code, "was killed had left QEMU logging" in ran.out + ran.err) == (0, True), ran
        assert not one_instruction_is_on(target)
        assert [name for name in os.listdir(tmp_path) if name.startswith("dr6-log-")] == []


@pytest.mark.parametrize(
    ("options", "words", "why"),
    [
        (("-d", "guest_errors"), (), "logs by its own options (-d, -D)"),
        ((), ("--events",), "records every instruction"),
        ((), ("--record", "session.rec"), "a recording"),
    ],
)
def test_what_the_log_cannot_be_had_for_is_a_sentence(
    options: tuple[str, ...], words: tuple[str, ...], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with machine(tmp_path, build("loop"), *options) as target:
        ran = dr6("trace", target.target, "--engine", "log", "--steps", "10", "-o", "rows.jsonl", *words)
    assert (ran.code, why in ran.err) == (1, True), ran.err


def test_auto_takes_the_log_for_many_rows_of_columns_and_steps_where_there_is_none(tmp_path: Path) -> None:
    with machine(tmp_path, build("loop"), "-d", "guest_errors") as target:
        words = ("--steps", "100000", "--seconds", "1", "-o")
        columns = dr6("trace", target.target, *words, str(tmp_path / "rows.parquet"))
        lines = dr6("trace", target.target, *words, str(tmp_path / "rows.jsonl"))
    told = "engine step, not log: QEMU logs by its own options"
    assert (columns.code, told in columns.err) == (0, True), columns.err
    assert (lines.code, "engine" in lines.err) == (0, False), lines.err
