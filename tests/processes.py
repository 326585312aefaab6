"""Nothing that a test starts outlives the process that runs the tests, however that ends.

What is started inherits an environment variable of its own name for each such process. A watcher, in a session of its
own, reads a pipe whose other end only that process has; at its end (SIGKILL and a time-out of faulthandler included) it
kills what still has the variable: grandchildren, daemons and other sessions too, which PR_SET_PDEATHSIG does not reach.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

END_SECONDS = 60.0
"""How long what was killed, or told to end, may take to be gone on a busy machine."""
LOOK = 0.02


def marked(name: str) -> dict[int, str]:
    """The running processes that have the variable ``name`` in their first environment: id → command line."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (line := _marked(folder, name.encode())) is not None:
            found[int(folder.name)] = line
    return found


def _marked(folder: Path, name: bytes) -> str | None:
    with contextlib.suppress(OSError):  # it has ended, or is another user's
        if b"\0" + name + b"=" in b"\0" + (folder / "environ").read_bytes():
            return (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    return None


def kill(name: str, kept: frozenset[int] = frozenset()) -> None:
    """Kill all of them but ``kept``, and wait until they are gone."""
    ends = time.monotonic() + END_SECONDS
    while (found := marked(name).keys() - kept) and time.monotonic() < ends:
        for pid in found:
            with contextlib.suppress(OSError):
                handle = os.pidfd_open(pid)
                try:
                    if _marked(Path(f"/proc/{pid}"), name.encode()) is not None:  # the number may be another's by now
                        signal.pidfd_send_signal(handle, signal.SIGKILL)
                finally:
                    os.close(handle)
        time.sleep(LOOK)


class Watcher:
    """Marks what this process starts from now on, and has it killed at this process's end."""

    def __init__(self) -> None:
        self.name = f"DR6_TESTS_{secrets.token_hex(8)}"
        command = [sys.executable, "-S", str(Path(__file__).resolve()), self.name]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        os.environ[self.name] = str(os.getpid())

    def left(self, before: frozenset[int]) -> list[str]:
        """What runs and did not before, once it has had time to end; it is killed then."""
        ends = time.monotonic() + END_SECONDS
        while found := {pid: line for pid, line in marked(self.name).items() if pid not in before}:
            if time.monotonic() > ends:
                kill(self.name, before)
                return [f"{pid}: {line}" for pid, line in found.items()]
            time.sleep(LOOK)
        return []

    def running(self) -> frozenset[int]:
        return frozenset(marked(self.name))

    def close(self) -> None:
        """Kill what is left, now."""
        self._process.communicate(timeout=2 * END_SECONDS)
        os.environ.pop(self.name, None)


def _watch(name: str) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    kill(name)


if __name__ == "__main__":
    _watch(sys.argv[1])
