"""Stubs of processes, gdbserver and lldb-server: handshake, registers and breakpoints, as `dr6 attach` has them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.live, pytest.mark.slow]

PROGRAM = """
.globl _start
_start: xor %ecx, %ecx
again: inc %rcx
here: nop
jmp again
"""
SCRIPT = ("stepi", "info registers rip", "break *here", "continue", "continue", "info registers rcx", "set $rbx = 7")
AFTER = ("set $rflags = 0x206", "info registers rbx", "info registers rflags", "kill")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("program")
    (folder / "loop.s").write_text(PROGRAM)
    for command in (("as", "-o", "loop.o", "loop.s"), ("ld", "-o", "loop", "loop.o")):
        subprocess.run(command, cwd=folder, check=True)
    return folder / "loop"


def attach(target: str, program: Path) -> str:
    """What ``dr6 attach --batch`` prints for `SCRIPT`."""
    commands = [word for line in (*SCRIPT, *AFTER) for word in ("-ex", line)]
    dr6 = [sys.executable, "-m", "frontend", "attach", target, "--symbols", str(program), "--batch", *commands]
    done = subprocess.run(dr6, capture_output=True, text=True, timeout=120, env=os.environ | {"NO_COLOR": "1"})
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def check(printed: str) -> None:
    assert "<again>: single-step by the debugger over `xor ecx, ecx`" in printed
    assert printed.count("software breakpoint of the debugger at ") == 2
    assert "rcx            0x2 " in printed
    assert "rbx            0x7 " in printed
    assert "rflags         0x206 " in printed


@pytest.mark.skipif(shutil.which("gdbserver") is None, reason="not installed: gdbserver")
def test_gdbserver_is_told_a_thread_first_and_lives(program: Path) -> None:
    """gdbserver 13 to 16 aborts where its description is asked for before any ``H`` or ``?``."""
    check(attach(f"|exec gdbserver --once - {program}", program))


@pytest.mark.skipif(shutil.which("lldb-server") is None, reason="not installed: lldb-server")
def test_lldb_server_places_its_registers_itself(program: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "port"
    os.mkfifo(pipe)
    words = ["lldb-server", "gdbserver", "--named-pipe", str(pipe), "127.0.0.1:0", str(program)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            check(attach(f"tcp:127.0.0.1:{int(pipe.read_text().strip(chr(0)))}", program))
        finally:
            server.kill()
