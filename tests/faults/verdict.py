"""dr6 against something sick: it ends, in time, with a code of its own and a sentence, and commands no terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.live.machine import command, environment, loaded

ROOT = Path(__file__).parents[2]
CODES = (0, 1, 2, 3, 130)
MOST_MEMORY = 600 << 20
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
SECONDS = 40.0
"""How long anything may take here: dr6's own deadlines are up to 20 seconds."""


class Tried(NamedTuple):
    """How many inputs there were (packets, lines, files, runs), and what was wrong."""

    inputs: int
    faults: tuple[str, ...] = ()


class Ended(NamedTuple):
    """``hung``: it had to be killed. ``memory``: the most that it held, in bytes."""

    code: int
    out: str
    err: str
    hung: bool
    memory: int

    @property
    def faults(self) -> list[str]:
        """What must not be."""
        found = []
        if self.hung:
            found.append("it hangs")
        elif self.code not in CODES:
            found.append(f"it ends with {self.code}")
        if "Traceback" in self.out + self.err or "Exception Group" in self.err or "an error of dr6's own" in self.err:
            found.append("it has a traceback")
        for name, text in (("output", self.out), ("messages", self.err)):
            if control := UNPRINTABLE.search(text):
                found.append(f"its {name} have {control[0]!r}")
        if self.memory > MOST_MEMORY:
            found.append(f"it takes {self.memory >> 20} MiB")
        if self.code not in (0, 130) and not self.hung and not self.err.strip():
            found.append("it does not say why")
        return found


@contextlib.contextmanager
def sick(name: str, folder: Path) -> Iterator[str]:
    """The stub with the sickness ``name``, as a TARGET."""
    path = folder / "sick"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        words = [sys.executable, "-m", "tests.faults.sick_stub", name, str(listener.fileno())]
        process = subprocess.Popen(words, cwd=ROOT, pass_fds=(listener.fileno(),), stdin=subprocess.DEVNULL)
    try:
        yield f"unix:{path}"
    finally:
        process.kill()
        process.wait()


def run(*words: str, seconds: float = SECONDS, cwd: Path = ROOT, **more: str) -> Ended:
    """dr6 from start to end, in ``cwd``."""
    around = environment(**more)
    if cwd != Path.cwd() or not loaded().fits(around):
        return _start(words, seconds, cwd, more)
    try:
        code, out, err, memory = loaded().run(words, around, seconds)
    except TimeoutError:
        return Ended(-signal.SIGKILL, "", "", True, 0)
    texts = [text.decode("utf-8", "surrogateescape") for text in (out, err)]
    return Ended(code, texts[0], texts[1], False, memory)


def _start(words: Sequence[str], seconds: float, cwd: Path, more: dict[str, str]) -> Ended:
    with subprocess.Popen(
        command(*words),
        cwd=cwd,
        env=environment(PYTHONPATH=str(ROOT), **more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        hung = False
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            hung = True
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    texts = [text.decode("utf-8", "surrogateescape") for text in (out, err)]
    return Ended(process.returncode, texts[0], texts[1], hung, memory)


def run_on_terminal(words: Sequence[str], seconds: float = SECONDS) -> Ended:
    """The same with a terminal for its output, which it may not command but for progress of its own."""
    ours, theirs = pty.openpty()
    shown = bytearray()

    def read() -> None:
        with contextlib.suppress(OSError):  # EIO: the last writer is gone
            while data := os.read(ours, 65536):
                shown.extend(data)

    with subprocess.Popen(
        command(*words), cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        reader = threading.Thread(target=read)
        reader.start()
        hung = False
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            hung = True
            process.kill()
        reader.join()
    os.close(ours)
    own = re.sub(r"\r[^\r\n\x1b]*\x1b\[K|\r\n", "\n", shown.decode("utf-8", "surrogateescape"))
    return Ended(process.returncode, own, own, hung, 0)
