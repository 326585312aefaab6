"""gdb's machine interface through `dr6 serve`, in the order in which VS Code's cppdbg asks: the same as directly."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.guests.build import build
from tests.live.machine import SECONDS, machine
from tests.live.served import served

pytestmark = [pytest.mark.live, pytest.mark.slow]

STOPPED = r"\*stopped"
PAUSE = (("-exec-continue --all", r"\^running"), ("-exec-interrupt --all", STOPPED), ("-stack-list-frames", r"\^done"))
SCRIPT = (
    ("-break-insert -h main_loop", r"\^done"),
    ("-exec-continue", r'\*stopped,reason="breakpoint-hit"'),
    ("-break-delete 1", r"\^done"),
    ("-thread-info", r"\^done"),
    *PAUSE * 3,
    ("-exec-next-instruction", r'\*stopped,reason="end-stepping-range"'),
    ("-exec-step-instruction", STOPPED),
    ("-data-list-register-values x 16", r"\^done"),
    ("-interpreter-exec console {set var *(unsigned char*)0x9f00 = 0xc3}", r"\^done"),  # a function that returns
    ("-interpreter-exec console {call ((void (*)(void)) 0x9f00)()}", r"\^done"),
    ("-target-detach", r"\^done"),
)


def said(path: Path, image: Path) -> list[str]:
    """Results and stops, without addresses and what dr6 adds to a thread's name."""
    words = ["gdb", "-nx", "-q", "--interpreter=mi", str(image)]
    heard: list[str] = []
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as gdb:
        assert gdb.stdin is not None
        assert gdb.stdout is not None
        for command, until in (("-gdb-set mi-async on", r"\^done"), (f"-target-select remote {path}", r"\^"), *SCRIPT):
            gdb.stdin.write(command.replace("{", '"').replace("}", '"') + "\n")
            gdb.stdin.flush()
            ends = time.monotonic() + SECONDS
            for line in gdb.stdout:
                heard += [line.strip()] if re.match(r"\^|\*", line) else []
                assert time.monotonic() < ends, f"{command}: {heard[-3:]}"
                if re.match(until, line):
                    break
        gdb.kill()
    return [re.sub(r"0x[0-9a-f]+|addr=.*|frame=.*|value=.*|; vCPU 0, stopped last", "", line) for line in heard]


def test_continues_pauses_and_calls_are_as_directly(tmp_path: Path) -> None:
    image = build("loop")
    with machine(tmp_path, image) as guest:
        directly = said(guest.path, image)
    with served(tmp_path, image) as guest:
        through = said(guest.path, image)
    assert through == directly
    assert sum(line.startswith("*stopped") for line in directly) >= 6
