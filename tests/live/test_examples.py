"""The examples of the documentation, run as they stand: each is short, does what it says, and fails in one sentence."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.guests.build import build
from tests.guests.image import read_image
from tests.live.machine import SECONDS, environment, machine

ROOT = Path(__file__).parents[2]

EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))
NAMES = [path.stem for path in EXAMPLES]
MOST_LINES = 40

pytestmark = [pytest.mark.live, pytest.mark.slow]


def example(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "docs" / "examples" / f"{name}.py"), *arguments]
    paths = environment(PYTHONPATH=str(ROOT))
    return subprocess.run(command, env=paths, capture_output=True, text=True, timeout=SECONDS, check=False)


def test_why_did_it_stop_explains_the_guests_own_debug_exceptions(tmp_path: Path) -> None:
    with machine(tmp_path, build("debug64")) as qemu:
        ran = example("why_did_it_stop", qemu.target, "2")
        assert (ran.returncode, ran.stderr) == (0, "")
        assert qemu.process.poll() is None
    handler = read_image(build("debug64")).symbols["db_handler"]
    assert re.findall(r"^(\d+)\. at (\w+)$", ran.stdout, flags=re.MULTILINE) == [
        ("1", f"{handler:#x}"),
        ("2", f"{handler:#x}"),
    ]
    # the second one's bytes end in F1, which from QEMU 9.1 on may have been INT1
    steps = r"^single-step, of the guest, trap, (certain|likely)\n  because DR6\.BS is set$"
    assert re.findall(steps, ran.stdout, flags=re.MULTILINE) in (["certain", "certain"], ["certain", "likely"])


def test_step_trace_prints_as_many_steps_as_it_was_told_and_leaves_the_guest_stopped(tmp_path: Path) -> None:
    with machine(tmp_path, build("loop")) as qemu:
        first = example("step_trace", qemu.target, "3")
        second = example("step_trace", qemu.target, "3")
    assert (first.returncode, first.stderr, second.stderr) == (0, "", "")
    rows = [line.split() for ran in (first, second) for line in ran.stdout.splitlines()]
    assert [row[0] for row in rows] == ["1", "2", "3"] * 2
    places = [int(row[1], 16) for row in rows]
    assert places == sorted(set(places)), "the firmware's first instructions, each once: nothing ran in between"
    assert {row[-1] for row in rows} == {"dr6=0xffff0ff0"}


def test_packets_prints_the_registers_of_a_guest_at_reset(tmp_path: Path) -> None:
    with machine(tmp_path, build("loop")) as qemu:
        ran = example("packets", str(qemu.path))
    assert (ran.returncode, ran.stderr) == (0, "")
    values = dict(line.split() for line in ran.stdout.splitlines())
    assert (values["rip"], values["cs"], values["eflags"]) == ("0xfff0", "0xf000", "0x2")


@pytest.mark.parametrize("path", EXAMPLES, ids=NAMES)
def test_an_example_is_short_and_says_in_one_sentence_that_nobody_is_there(path: Path, tmp_path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
    nowhere = tmp_path / "nobody"
    ran = example(path.stem, str(nowhere) if path.stem == "packets" else f"unix:{nowhere}")
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert str(nowhere) in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_each_example_has_a_test() -> None:
    assert NAMES == ["packets", "step_trace", "why_did_it_stop"]
