"""``dr6 launch --record-replay``: a run takes place again, with its time and its interrupts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guests.build import build
from tests.live.machine import dr6

ROUNDS = 3


def stops(file: Path, rounds: int) -> str:
    """What a guest's registers were at each of some stops. It is not stepped: QEMU 7.2 at times does not end a step of
    such a run, where the machine is busy."""
    lines = ("break next_random", *("continue", "info registers") * rounds)
    words = (word for line in lines for word in ("-ex", line))
    ran = dr6("launch", str(build("loop")), "--record-replay", str(file), "--batch", *words)
    assert ran.code == 0, ran.err
    return ran.out


def test_the_second_run_is_the_first_one_again(tmp_path: Path) -> None:
    file = tmp_path / "a run, with a comma.rr"
    first = stops(file, ROUNDS + 2)  # what comes behind the last event that is written is not had again
    size = file.stat().st_size
    again = stops(file, ROUNDS)
    assert first.startswith(again)
    assert again.count("software breakpoint of the debugger") == ROUNDS
    assert file.stat().st_size == size > 0, "a run that is had again writes nothing"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--smp", "2"), "one vCPU"),
        (("--", "-icount", "shift=3"), "leave it out"),
    ],
)
def test_what_does_not_go_together_is_a_sentence(words: tuple[str, ...], why: str, tmp_path: Path) -> None:
    ran = dr6("launch", str(build("loop")), "--batch", "--record-replay", str(tmp_path / "run.rr"), *words)
    assert (ran.code, why in ran.err) == (3, True), ran


def test_a_file_that_is_no_run_and_a_folder_that_is_not_there_are_sentences(tmp_path: Path) -> None:
    junk = tmp_path / "junk"
    junk.write_bytes(b"no run at all" * 100)
    for file, why in ((junk, "QEMU did not start"), (tmp_path / "nowhere" / "run.rr", "its folder is not there")):
        ran = dr6("launch", str(build("loop")), "--batch", "--record-replay", str(file))
        assert (ran.code, why in ran.err) == (3, True), ran
