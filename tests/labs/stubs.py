"""Stubs of others, with one small program behind each: gdbserver, lldb-server, valgrind's vgdb, QEMU's user mode, and
udbserver, which is Rust's ``gdbstub`` around the Unicorn engine. What is not installed is passed over.

The story is the same for all of them, and kept in `tests/golden`, which the gate replays.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.labs.cache import cached
from tests.labs.errors import LabError
from tests.labs.progress import Progress
from tests.labs.recordings import keep
from tests.live.machine import SECONDS

PROGRAM = """
.globl _start
_start: xor %ecx, %ecx
again: inc %rcx
here: nop
jmp again
"""
CODE, HERE = 0x401000, 0x401005
"""Where ld places it."""
STORY = (
    *("stepi", "info registers rip", f"break *{HERE:#x}", "continue", "continue", "info registers rcx"),
    *("why", "set $rbx = 7", "info registers rbx", "kill"),
)
DUE = ("single-step by the debugger", f"#3 cpu0 continue at {HERE:#x}: software breakpoint", "rcx            0x2 ")
UDBSERVER = ("udbserver==0.3.0", "unicorn==2.1.4")
EMULATED = f"""
from udbserver import udbserver
from unicorn import UC_ARCH_X86, UC_MODE_64, Uc
from unicorn.x86_const import UC_X86_REG_RSP
cpu = Uc(UC_ARCH_X86, UC_MODE_64)
cpu.mem_map({CODE}, 4096)
cpu.mem_write({CODE}, bytes.fromhex("31c948ffc190ebfa"))
cpu.mem_map(0x7f0000, 0x10000)
cpu.reg_write(UC_X86_REG_RSP, 0x7f8000)
udbserver(cpu, PORT, {CODE})
cpu.emu_start({CODE}, 0)
"""


class ProcessStub(NamedTuple):
    """``words`` start it, with a port of this machine and the program's name; ``target`` is where dr6 finds it, once
    it is there, by that port and the number of its process."""

    platform: str
    tool: str
    words: Callable[[int], list[str]]
    target: str = "tcp:127.0.0.1:{port}"
    seconds: float = 2.0


STUBS = (
    ProcessStub("gdbserver-13.1", "gdbserver", lambda port: ["gdbserver", "--once", f"127.0.0.1:{port}", "./loop"]),
    ProcessStub(
        "lldb-server-14.0", "lldb-server", lambda port: ["lldb-server", "gdbserver", f"127.0.0.1:{port}", "./loop"]
    ),
    ProcessStub("qemu-user-7.2", "qemu-x86_64", lambda port: ["qemu-x86_64", "-g", str(port), "./loop"]),
    ProcessStub(
        *("vgdb-3.19", "valgrind", lambda port: ["valgrind", "-q", "--vgdb=yes", "--vgdb-error=0", "./loop"]),
        *("|vgdb --pid={pid}", 8.0),
    ),
    ProcessStub("udbserver-0.3", "python3", lambda port: [str(_python()), "-c", EMULATED.replace("PORT", str(port))]),
)


def stubs(progress: Progress, record: bool) -> None:
    """With ``record`` the sessions become the goldens."""
    with tempfile.TemporaryDirectory(prefix="dr6-stubs-") as name:
        folder = Path(name)
        (folder / "loop.s").write_text(PROGRAM)
        for command in (("as", "-o", "loop.o", "loop.s"), ("ld", "-o", "loop", "loop.o")):
            subprocess.run(command, cwd=folder, check=True)
        for stub in STUBS:
            if shutil.which(stub.tool) is None:
                progress.say(f"{stub.platform} is passed over: not installed: {stub.tool}")
                continue
            progress.step(f"{stub.platform} runs the program")
            _play(stub, folder)
            if record:
                keep(folder / "loop.rec", stub.platform, "loop")


def _play(stub: ProcessStub, folder: Path) -> None:
    (folder / "loop.rec").unlink(missing_ok=True)
    with _started(stub, folder) as target:
        words = [word for line in STORY for word in ("-ex", line)]
        dr6 = [sys.executable, "-m", "frontend", "attach", target, "--record", "loop.rec", "--batch", *words]
        done = subprocess.run(dr6, cwd=folder, capture_output=True, text=True, timeout=SECONDS, env=_environment())
    if done.returncode or any(text not in done.stdout for text in DUE):
        raise LabError(f"{stub.platform}: dr6 said\n{done.stdout}{done.stderr}")


def _environment() -> dict[str, str]:
    return os.environ | {"NO_COLOR": "1", "PYTHONPATH": str(Path(__file__).parents[2])}


@contextlib.contextmanager
def _started(stub: ProcessStub, folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        stub.words(port), cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        time.sleep(stub.seconds)  # they take one client, so nobody may knock before
        yield stub.target.format(port=port, pid=process.pid)
    finally:
        process.kill()
        process.wait()


def _python() -> Path:
    """One that has udbserver."""
    return cached("pypi/" + "+".join(UDBSERVER), _install) / "bin" / "python"


def _install(folder: Path) -> None:
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--quiet", "install", *UDBSERVER]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"pip could not fetch {UDBSERVER[0]}: {done.stderr.strip()}")
