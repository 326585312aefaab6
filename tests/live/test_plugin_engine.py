"""``--engine plugin`` tells what steps by the stub show, row for row, and holds the guest where the last row ends."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.guests.build import build
from tests.guests.image import read_image
from tests.guests.machine import QEMU
from tests.live.machine import Machine, command, dr6, environment, machine
from tests.live.naive import NAMES, Naive
from tests.live.test_log_engine import drop_idle
from transports import plugin_for

ROWS = 2000
SYSTEM_FLAGS = ~0x8D5
"""RFLAGS without CF, PF, AF, ZF, SF, OF."""
Row = dict[str, Any]


@pytest.fixture(scope="module")
def plugin() -> tuple[str, str]:
    return "-plugin", str(plugin_for(QEMU[0]))


def run_to(target: Machine, image: Path, start: str) -> None:
    with Naive(target.path) as client:
        client.greet()
        client.run_to(read_image(image).symbols[start])


def stepped(target: Machine, image: Path, start: str, count: int) -> list[Row]:
    """The truth: one step after another by a client that is not dr6's."""
    run_to(target, image, start)
    with Naive(target.path) as client:
        client.greet()
        rows = []
        for _ in range(count):
            assert client.ask(b"vCont;s:p1.1").startswith(b"T05")
            digits = client.ask(b"g")
            rows.append(registers_of(digits))
    return rows


def registers_of(digits: bytes) -> Row:
    data = bytes.fromhex(digits.decode())
    found, at = {}, 0
    for number, name in enumerate(NAMES):
        size = 4 if 17 <= number < 24 else 8
        found[name] = int.from_bytes(data[at : at + size], "little")
        at += size
    return found


def plugged(target: Machine, image: Path, start: str, count: int, *options: str) -> list[Row]:
    run_to(target, image, start)
    output = target.path.with_name("rows.jsonl")
    words = ("--steps", str(count), "--leave", "stopped", "-o", str(output), *options)
    ran = dr6("trace", target.target, "--engine", "plugin", *words)
    assert ran.code == 0, ran.err
    return [json.loads(line) for line in output.read_text().splitlines()]


def test_a_guest_that_runs_has_the_rows_of_one_that_is_stepped(tmp_path: Path, plugin: tuple[str, str]) -> None:
    """Only ten rows are made in lock-step, and the last few; nobody stops the guest in the others."""
    image = build("loop")
    with machine(tmp_path, image) as target:
        truth = drop_idle(stepped(target, image, "main_loop", ROWS))
    with machine(tmp_path, image, *plugin) as target:
        rows = plugged(target, image, "main_loop", len(truth), "--self-check", "10")
        with Naive(target.path) as client:
            client.greet()
            stands = registers_of(client.ask(b"g"))
    assert rows[-1]["reason"] == "steps"
    assert [row["kind"] for row in rows[1:-1]] == ["insn"] * len(truth)
    for number, (row, due) in enumerate(zip(rows[1:-1], truth, strict=True)):
        shown = {name: int(value, 16) for name, value in row["regs"].items()}
        assert shown.pop("rflags_system") == due["rflags"] & SYSTEM_FLAGS, number
        assert shown == {name: value for name, value in due.items() if name != "rflags"}, number
    assert stands == truth[-1], "the guest stands behind the last row"


def test_exceptions_and_debug_registers_are_where_the_log_has_them(tmp_path: Path, plugin: tuple[str, str]) -> None:
    """In 16, 32 and 64-bit code and user mode, with #PF; the log's own engine is held against steps elsewhere."""
    image = build("faults")
    told = []
    for engine in ("log", "plugin"):
        with machine(tmp_path, image, *plugin) as target:
            run_to(target, image, "start")
            output = tmp_path / f"{engine}.jsonl"
            words = ("--steps", "420", "--self-check", "0", "--engine", engine, "-o", str(output))
            ran = dr6("trace", target.target, *words)
        assert ran.code == 0, ran.err
        rows = [json.loads(line) for line in output.read_text().splitlines()][1:-1]
        told.append([[row["n"], row["kind"], row.get("pc"), row["mode"], row["dr"] | {"source": ""}] for row in rows])
    assert sum(row[1] == "event" for row in told[1]) > 5
    assert told[0] == told[1]


def test_accesses_are_those_of_their_instructions(tmp_path: Path, plugin: tuple[str, str]) -> None:
    image = build("loop")
    with machine(tmp_path, image, *plugin) as target:
        run_to(target, image, "main_loop")
        output = tmp_path / "rows.parquet"
        ran = dr6("trace", target.target, "--engine", "plugin", "--steps", "3000", "-o", str(output))
        assert ran.code == 0, ran.err
    asked = (
        "SELECT a.text, a.size, a.write, a.address = r.rsp AS on_top, count(*) AS times "
        "FROM accesses a JOIN rows r USING (n) WHERE a.text LIKE 'push%' GROUP BY ALL"
    )
    ran = dr6("query", str(output), asked, "--json")
    assert ran.code == 0, ran.err
    found = [json.loads(line) for line in ran.out.splitlines()]
    assert found
    assert all((row["size"], row["write"], row["on_top"]) == (8, True, True) for row in found), found


def test_a_trace_to_an_address_ends_there(tmp_path: Path, plugin: tuple[str, str]) -> None:
    image = build("loop")
    copy = read_image(image).symbols["copy"]
    with machine(tmp_path, image, *plugin) as target:
        run_to(target, image, "main_loop")
        output = tmp_path / "rows.jsonl"
        words = ("--until", hex(copy), "--self-check", "3", "--leave", "stopped", "-o", str(output))
        ran = dr6("trace", target.target, "--engine", "plugin", *words)
        assert ran.code == 0, ran.err
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert (rows[-1]["reason"], int(rows[-2]["pc"], 16)) == ("until", copy)
    assert [row["kind"] for row in rows[1:-1]] == ["insn"] * rows[-1]["insns"]


def test_a_qemu_lives_on_where_dr6_was_killed_and_the_next_one_traces_it(
    tmp_path: Path, plugin: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    image = build("loop")
    output = tmp_path / "rows.parquet"
    with machine(tmp_path, image, *plugin) as target:
        words = ("trace", target.target, "--engine", "plugin", "--steps", "1000000000", "--self-check", "0")
        killed = subprocess.Popen(command(*words, "-o", str(output)), env=environment(), stderr=subprocess.DEVNULL)
        while not list(output.glob("rows/run=*/cpu=0/*.parquet")):
            assert killed.poll() is None
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        less = ("--steps", "300", "--self-check", "100", "-o", str(tmp_path / "next.jsonl"))
        ran = dr6("trace", target.target, "--engine", "plugin", *less)
        assert ran.code == 0, ran.err
        assert "300 instructions, ended: steps" in ran.err


def test_a_qemu_without_the_plugin_is_a_sentence(tmp_path: Path) -> None:
    with machine(tmp_path, build("loop")) as target:
        words = ("trace", target.target, "--engine", "plugin", "--steps", "10", "-o", str(tmp_path / "rows.jsonl"))
        ran = dr6(*words)
    assert (ran.code, "was not started with dr6's plugin" in ran.err) == (1, True), ran.err


def test_auto_takes_the_plugin_for_many_rows_of_columns(tmp_path: Path, plugin: tuple[str, str]) -> None:
    with machine(tmp_path, build("loop"), *plugin) as target:
        words = ("--steps", "100000", "--seconds", "1", "--self-check", "10", "-o", str(tmp_path / "rows.parquet"))
        ran = dr6("trace", target.target, *words)
    assert (ran.code, "engine plugin:" in ran.err) == (0, True), ran.err
