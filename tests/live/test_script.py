"""`dr6 trace --script` and `--expect` on a real guest: what a script can do, and how it ends."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gdbstub.trace import TraceReader
from tests.guests.build import build
from tests.live.machine import Machine, dr6, finish, machine, start

pytestmark = [pytest.mark.live, pytest.mark.slow]

LOOP = build("loop")


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Machine]:
    """The guest ``loop`` at reset."""
    with machine(tmp_path, LOOP) as qemu:
        yield qemu


def scripted(qemu: Machine, folder: Path, body: str, *words: str) -> tuple[int, str, str]:
    """Exit code, standard error, and the reason in the end row; ``body`` is that of ``main``."""
    script = folder / "s.py"
    script.write_text(
        "import trio\nasync def main(debugger):\n" + "".join(f"    {line}\n" for line in body.split("\n"))
    )
    output = folder / "t.jsonl"
    options = ("--symbols", str(LOOP), "--script", str(script), "--output", str(output), "--leave", "stopped")
    ran = dr6("trace", qemu.target, *options, *words)
    with TraceReader(output) as trace:
        list(trace)
        return ran.code, ran.err.replace(str(folder), ""), str((trace.end or {}).get("reason"))


def test_a_script_drives_the_guest_and_its_stops_are_rows(loop: Machine, tmp_path: Path) -> None:
    body = """seen = []
await debugger.until("main_loop")
number = await debugger.breakpoint("next_random", lambda record: seen.append(record.number) or len(seen) == 3)
await debugger.resume()
debugger.expect(len(seen) == 3, f"{len(seen)} hits")
debugger.expect(cause="software-breakpoint")
await debugger.delete(number)
await debugger.step(5)
code = await debugger.read("next_random", 4)
await debugger.set_register("rax", 7)
debugger.expect(len(code) == 4 and debugger.pc == debugger.registers["rip"])"""
    assert scripted(loop, tmp_path, body) == (0, "9 stops, ended: script\n", "script")
    with TraceReader(tmp_path / "t.jsonl") as trace:
        assert len(list(trace)) == 9


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ("await debugger.step()\n1 / 0", 1, "dr6: /s.py, line 4: ZeroDivisionError: division by zero.\n"),
        ("await debugger.until('nowhere_at_all')", 1, "dr6: /s.py, line 3: No symbol"),
        ("await debugger.step()\ndebugger.expect(cause='icebp')", 4, "line 4: expected icebp, seen single-step.\n"),
        ("x = = 1", 1, "dr6: /s.py, line 3: invalid syntax.\n"),
        ("while True:\n    await debugger.step()", 0, ""),
        ("while True:\n    pass", 0, ""),
        ("await trio.sleep_forever()", 0, ""),
    ],
)
def test_a_script_that_raises_or_never_ends_is_ended_in_words(
    loop: Machine, tmp_path: Path, body: str, code: int, says: str
) -> None:
    ended, said, reason = scripted(loop, tmp_path, body, "--seconds", "0.3")
    assert ended == code
    assert said.endswith(says) if says.endswith("\n") else says in said
    assert reason == ("error" if code else "seconds")


def test_ctrl_c_ends_a_script_that_computes_for_ever(loop: Machine, tmp_path: Path) -> None:
    script, output = tmp_path / "s.py", tmp_path / "t.jsonl"
    script.write_text(
        "async def main(debugger):\n    await debugger.step()\n    print('on', flush=True)\n    while True: pass\n"
    )
    child = start("trace", loop.target, "--script", str(script), "--output", str(output))
    assert child.stdout is not None
    assert child.stdout.readline().strip() in ("on", b"on")
    child.send_signal(signal.SIGINT)
    assert finish(child).code == 130
    with TraceReader(output) as trace:
        assert len(list(trace)) == 1
        assert (trace.end or {})["reason"] == "interrupt"


def test_what_was_expected_decides_the_exit_code(loop: Machine, tmp_path: Path) -> None:
    expect, junit = tmp_path / "e.toml", tmp_path / "j.xml"
    words = ("--symbols", str(LOOP), "--from", "main_loop", "--steps", "5", "--output", str(tmp_path / "t.parquet"))
    options = (*words, "--leave", "stopped", "--expect", str(expect), "--junit", str(junit))
    expect.write_text('[[expect]]\nat = "main_loop"\ncause = "single-step"\n')
    ran = dr6("trace", loop.target, *options)
    assert (ran.code, ran.err) == (0, "5 stops, ended: steps\nAll 1 expectations are met.\n")
    expect.write_text('[[expect]]\nat = "main_loop"\ncause = "icebp"\nname = "a <b>"\n')
    ran = dr6("trace", loop.target, *options)
    assert ran.code == 4
    assert "not as expected: a <b>: expected at least 1 such rows, seen 0." in ran.err
    suite = ElementTree.parse(junit).getroot()[0]
    assert (suite.get("failures"), suite[0].get("name"), len(suite[0])) == ("1", "a <b>", 1)
