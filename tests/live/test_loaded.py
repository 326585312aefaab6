"""dr6 in a fork of a process that has loaded it, against dr6 as a user starts it."""

from __future__ import annotations

from pathlib import Path

import pytest

from frontend.demo_guest import DEMO_IMAGE
from tests.live.machine import environment, finish, loaded, machine, run_loaded, start

pytestmark = pytest.mark.live
LISTING = ("explain", "--dr6", "0xffff4ff0", "--dr7", "0x400", "--rip", "0x401003", "--cs", "8")


@pytest.mark.parametrize("words", [("--version",), ("no-such-command",), ("attach", "nosuch"), LISTING, ("trace",)])
def test_it_ends_and_says_the_same(words: tuple[str, ...]) -> None:
    assert run_loaded(*words) == finish(start(*words))


def test_a_guest_is_launched_and_traced_as_well(tmp_path: Path) -> None:
    words = ("launch", str(DEMO_IMAGE), "--batch", "-ex", "stepi 3", "-ex", "p/x $rip")
    assert run_loaded(*words) == finish(start(*words))
    assert "$1 = 0x" in run_loaded(*words).out


def test_what_does_not_end_is_killed_and_the_next_one_runs(tmp_path: Path) -> None:
    with machine(tmp_path, None) as qemu, pytest.raises(TimeoutError):
        run_loaded("serve", qemu.target, "--listen", f"unix:{tmp_path}/served", seconds=0.5)
    assert run_loaded("--version").out.startswith("dr6 ")


def test_what_changes_the_interpreter_is_no_matter_of_a_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded().fits(environment())
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    assert not loaded().fits(environment())
