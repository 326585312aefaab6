"""`step`, `next` and `until` go where gdb's go, and over handlers that come back."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.live.c_guest import ask, build
from tests.live.machine import dr6

WORDS = ("step", "next", "step", "next", "stepi", "nexti")
COUNT = 30
VALUE = re.compile(r"^\$\d+ = (0x[0-9a-f]+)", re.MULTILINE)


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gdbserver") is None, reason="not installed: gdbserver")
@pytest.mark.parametrize("level", ["-O0", "-O2"])
def test_steps_by_lines_end_where_gdbs_end(level: str, tmp_path: Path) -> None:
    program = build(tmp_path, "-m64", level)
    chosen = random.Random(level)
    lines = ["break *work", "continue"]
    for _ in range(COUNT):
        lines += [chosen.choice(WORDS), "print/x $pc"]
    words = [word for line in lines for word in ("-ex", line)]
    server = f"|exec gdbserver --once - {program}"
    gdb = ["gdb", "-nx", "-batch", "-ex", f"target remote {server}", *words, str(program)]
    theirs = subprocess.run(gdb, capture_output=True, text=True, timeout=300)
    ours = dr6("attach", server, "--symbols", str(program), "--batch", *words, "-ex", "kill")
    found, wanted = VALUE.findall(ours.out), VALUE.findall(theirs.stdout)
    assert len(wanted) > COUNT // 2, theirs.stderr
    asked = [line for line in lines if not line.startswith("print")][2:]
    for number, (here, there) in enumerate(zip(found, wanted, strict=False)):
        assert here == there, f"{asked[: number + 1]} at {wanted[number - 1]}"
    assert len(found) >= len(wanted)


@pytest.mark.live
def test_a_handler_that_comes_back_is_stepped_over_or_shown(tmp_path: Path) -> None:
    guest = build(tmp_path, "-O0", source="handlers.c")
    asked = ("tbreak handlers.c:27", "continue", *("next",) * 5, "nexti", "nexti")
    shown = ("set step-into-handlers on", "next")
    done = ask(guest, *asked, *shown)
    lines = [line for line in done.out.splitlines() if re.match(r"\d+\t", line)]
    numbers = [int(line.split("\t")[0]) for line in lines]
    assert numbers[:8] == [27, 28, 26, 27, 28, 26, 26, 27]
    said = [line.partition(" was taken")[0] for line in done.err.splitlines() if " was taken at " in line]
    assert said == ["#DE", "#UD", "#DE", "#UD", "#DE"]
    assert done.err.splitlines()[-1].endswith("this is its handler.")
    assert re.search(r"^#\d+ cpu0 step at 0x\w+ <divided>", done.out, re.MULTILINE)


@pytest.mark.live
def test_until_does_not_go_back_into_a_loop(tmp_path: Path) -> None:
    done = ask(build(tmp_path, "-O0"), "tbreak lines.c:29", "continue", "next", "until", "step")
    lines = [int(line.split("\t")[0]) for line in done.out.splitlines() if re.match(r"\d+\t", line)]
    assert lines == [29, 28, 30, 10]


@pytest.mark.live
def test_without_lines_a_step_is_one_of_instructions_and_says_so(tmp_path: Path) -> None:
    done = ask(build(tmp_path, "-O0"), "step", "next")
    assert done.err.count("No line of the source is known for 0x") == 2
    assert "so this goes by instructions." in done.err
