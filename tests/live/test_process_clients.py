"""Debuggers of processes, with dr6 in between and without: gdb on gdbserver, lldb on lldb-server.

What they show is the same, but for the numbers of processes, threads and ports.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.lldb import LLDB
from tests.live.machine import SECONDS
from tests.live.served import GDB

pytestmark = [pytest.mark.live, pytest.mark.slow]
needs_gdbserver = pytest.mark.skipif(shutil.which("gdbserver") is None, reason="not installed: gdbserver")
needs_lldb = pytest.mark.skipif(shutil.which("lldb-server") is None, reason="not installed: lldb-server")

SOURCE = Path(__file__).parent / "programs" / "process.c"
PLACED = ("info sharedlibrary", "break add", "continue", "backtrace", "info auxv", "print $_siginfo.si_signo")
CALLED = ("call bump()", "print total", "print add(20, 3)", "delete", "watch total", "continue", "delete")
SIGNALLED = (
    *("handle SIGUSR1 stop print pass", "continue", "print $_siginfo._sifields._rt.si_pid == $_inferior_pid"),
    *(
        "python print(gdb.selected_inferior().pid > 1)",
        "break on_signal",
        "continue",
        "info threads",
        "finish",
        "delete",
    ),
)
THREADED = ("break work", "continue", "next", "print own", "stepi", "print $_thread", "info inferiors", "delete")
FORKED = (
    "catch fork",
    "continue",
    "set follow-fork-mode child",
    "break _exit",
    "continue",
    "info inferiors",
    "continue",
)

REPLACED = (
    *("tbreak main", "continue", "break turn", "watch turns", "continue", "catch exec", "continue"),
    *(
        "thread apply 2 print $sp != 0",
        "continue",
        "print $sp != 0",
        "backtrace",
        "info breakpoints",
        "continue",
        "delete",
        "continue",
    ),
)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("program") / "process"
    subprocess.run(["gcc", "-g", "-O0", "-pie", "-pthread", "-o", str(path), str(SOURCE)], check=True)
    return path


@contextlib.contextmanager
def in_front_of(target: str) -> Iterator[str]:
    """dr6 before a stub; the port of this machine where it serves."""
    words = [sys.executable, "-m", "frontend", "serve", target, "--listen", "127.0.0.1:0", "--allow-kill"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=os.environ | {"NO_COLOR": "1"}) as dr6:
        try:
            assert dr6.stderr is not None
            line = dr6.stderr.readline()
            found = re.search(r"is served at tcp:127\.0\.0\.1:(\d+)", line)
            assert found, line + dr6.stderr.read()
            yield found[1]
        finally:
            dr6.terminate()


@contextlib.contextmanager
def gdbserver(program: Path, *options: str) -> Iterator[str]:
    """Its port."""
    words = ["gdbserver", "--once", *options, "127.0.0.1:0", str(program)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            yield next(line for line in server.stderr if "Listening" in line).split()[-1]
        finally:
            server.kill()


@contextlib.contextmanager
def lldb_server(program: Path, folder: Path) -> Iterator[str]:
    """Its port."""
    pipe = folder / "port"
    os.mkfifo(pipe)
    words = ["lldb-server", "gdbserver", "--named-pipe", str(pipe), "127.0.0.1:0", str(program)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            yield pipe.read_text().strip("\0")
        finally:
            server.kill()
            pipe.unlink()


def shown(words: list[str]) -> str:
    """What a debugger prints, without what differs from run to run."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, env=os.environ | {"TERM": "dumb"})
    text = re.sub(r"(?m)^.*(?:File transfers|[Rr]eading |relaying).*\n", "", done.stdout + done.stderr)
    text = re.sub(r"127\.0\.0\.1:\d+", "ADDRESS", text)
    text = re.sub(r"(Thread|[Pp]rocess|LWP|tid =) [\d.]+ *", r"\1 N ", text)
    return re.sub(r"(AT_RANDOM|AT_SYSINFO_EHDR|AT_EXECFN|AT_PLATFORM)(.*)0x[0-9a-f]+", r"\1\2N", text)


def by_gdb(port: str, program: Path, commands: tuple[str, ...]) -> str:
    first = ("set sysroot /", f"target remote 127.0.0.1:{port}")
    return shown([*GDB, *[word for line in (*first, *commands) for word in ("-ex", line)]])


@needs_gdbserver
@pytest.mark.parametrize("commands", [(*PLACED, *CALLED, *SIGNALLED, *THREADED), FORKED], ids=["stops", "forks"])
def test_gdb_on_gdbserver_shows_the_same_through_dr6(program: Path, commands: tuple[str, ...]) -> None:
    """The program is linked to run anywhere, and gdb is told of no file: the stub's own objects have to pass."""
    with gdbserver(program) as port:
        directly = by_gdb(port, program, commands)
    with gdbserver(program) as port, in_front_of(f"tcp:127.0.0.1:{port}") as ours:
        through = by_gdb(ours, program, commands)
    assert through == directly
    assert ("New inferior 2" if commands == FORKED else "process.c") in directly


@needs_gdbserver
def test_what_a_process_execs_has_gdbs_breakpoints_as_directly(tmp_path: Path) -> None:
    """The stub forgets those of the former program without a word; gdb puts its own in again. Its threads are gone, the
    one too that gdb asked about last."""
    program = tmp_path / "exec"
    subprocess.run(
        ["gcc", "-g", "-O0", "-pie", "-pthread", "-o", str(program), str(SOURCE.with_name("exec.c"))], check=True
    )
    with gdbserver(program) as port:
        directly = by_gdb(port, program, REPLACED)
    with gdbserver(program) as port, in_front_of(f"tcp:127.0.0.1:{port}") as ours:
        through = by_gdb(ours, program, REPLACED)
    assert through == directly
    assert "(exec'd" in directly
    assert "turn (which=2)" in directly


@needs_gdbserver
@pytest.mark.parametrize("lacks", ["T,qfThreadInfo", "threads"])
def test_gdb_on_a_stub_that_lists_no_threads(program: Path, lacks: str) -> None:
    """gdb makes a name up then, and dr6 another one, ``1``, which it has to know when gdb uses it."""
    commands = ("break add", "continue", "stepi", "info registers rip", "delete", "detach")
    with gdbserver(program, f"--disable-packet={lacks}") as port:
        directly = by_gdb(port, program, commands)
    with gdbserver(program, f"--disable-packet={lacks}") as port, in_front_of(f"tcp:127.0.0.1:{port}") as ours:
        through = by_gdb(ours, program, commands)
    assert through == directly
    assert "Breakpoint 1, add" in directly


@needs_lldb
def test_lldb_on_lldb_server_shows_the_same_through_dr6(program: Path, tmp_path: Path) -> None:
    """Its stub says itself where in ``g`` each register is."""
    commands = (
        *("breakpoint set -n add", "continue", "bt", "thread list", "expression add(2, 3)", "next", "image list"),
        *("watchpoint set variable total", "continue", "memory region $pc", "watchpoint delete 1"),
        *("breakpoint delete 1", "process handle -s false -p true SIGUSR1", "continue"),
    )

    def run(port: str) -> str:
        lines = [f"gdb-remote 127.0.0.1:{port}", *commands]
        words = [word for line in lines for word in ("-o", line)]
        text = shown([*LLDB[:3], "-b", *words, str(program)])
        return re.sub(r"add\(left=.*?\)", "add()", text)  # before its prologue has run

    with lldb_server(program, tmp_path) as port:
        directly = run(port)
    with lldb_server(program, tmp_path) as port, in_front_of(f"tcp:127.0.0.1:{port}") as ours:
        through = run(ours)
    assert through == directly
    assert "exited with status = 7" in directly
