"""A program that we start: it dies with us, however we die, and what it says on stderr is kept.

The kernel sends it SIGKILL when our thread ends (PR_SET_PDEATHSIG, prctl(2)). That is asked for by a guard
that becomes the program: a line of Python between fork and exec, run as a program of its own because code
in a forked copy of us (``preexec_fn``) is not safe. The guard looks at its parent after asking, so that our
death in between is noticed as well. The request belongs to the *thread* that forks: never start programs
from a worker thread.

The program leads a session of its own: Ctrl-C at our terminal is for us, not for the guest.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence

import trio

from transports.drain import Drain

_GUARD = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
for number in (signal.SIGPIPE, signal.SIGXFSZ):
    signal.signal(number, signal.SIG_DFL)  # Python ignores them, and what is ignored stays so over exec
try:
    os.execvp(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.exit(f"{sys.argv[2]}: {error.strerror}")
"""

TERMINATE_SECONDS = 2.0
KILL_SECONDS = 5.0
DYING_SECONDS = 1.0
"""How long a program may take from closing its streams to its end, when we want to know how it ended."""


class Process:
    """A started program. Must be made inside trio, and stopped with `stop`.

    ``name`` is what sentences call it; `messages` is its stderr (for QEMU its stdout too); `ended` is set
    when it has ended, and `status` is then its exit status, or minus the signal that killed it.
    """

    def __init__(self, name: str, popen: subprocess.Popen[bytes], messages: Drain) -> None:
        self.name = name
        self.pid = popen.pid
        self.messages = messages
        self.status: int | None = None
        self.ended = trio.Event()
        self._popen = popen
        self._pidfd = os.pidfd_open(popen.pid)
        trio.lowlevel.spawn_system_task(self._watch)

    async def _watch(self) -> None:
        try:
            await trio.lowlevel.wait_readable(self._pidfd)
            # Left a zombie until `stop`, so that its number still names its process group.
            result = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222 (it has ended)
            if result is not None:
                exited = result.si_code == os.CLD_EXITED
                self.status = result.si_status if exited else -result.si_status
        finally:
            os.close(self._pidfd)
            self.ended.set()

    async def stop(self, *, patience: float = 0.0) -> None:
        """End it and what it started: after ``patience`` seconds SIGTERM, then SIGKILL. Not cancellable."""
        if self._popen.returncode is not None:
            return
        with trio.CancelScope(shield=True):
            await self._ends_within(patience)
            for number, seconds in ((signal.SIGTERM, TERMINATE_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
                if not self.ended.is_set():
                    self._kill_group(number)
                    await self._ends_within(seconds)
            if self.ended.is_set():
                self._kill_group(signal.SIGKILL)  # what it leaves behind
                self._popen.wait()
            await self.messages.aclose()

    def _kill_group(self, number: int) -> None:
        with contextlib.suppress(PermissionError):  # it became another user (sudo); closed streams must do
            os.killpg(self.pid, number)

    async def _ends_within(self, seconds: float) -> bool:
        with trio.move_on_after(seconds):
            await self.ended.wait()
        return self.ended.is_set()

    async def exit_reason(self) -> str:
        """How it ended, as one sentence; empty while it runs, and when it ended well."""
        if not await self._ends_within(DYING_SECONDS) or not self.status:
            return ""
        with trio.move_on_after(DYING_SECONDS):  # a grandchild may keep stderr open for ever
            await self.messages.ended.wait()
        how = f"ended with status {self.status}" if self.status > 0 else f"was killed by {_signal(-self.status)}"
        said = first_complaint(self.messages.head)
        return f"{self.name} {how}: {said}" if said else f"{self.name} {how} and said nothing."


def spawn(
    name: str,
    argv: Sequence[str],
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: int | None = None,
    pass_fds: Iterable[int] = (),
) -> Process:
    """Start ``argv`` so that it dies with us. ``stdout`` None sends its stdout where its stderr goes."""
    reading, writing = os.pipe()
    guarded = [sys.executable, "-I", "-S", "-c", _GUARD, str(os.getpid()), *argv]
    try:
        popen = subprocess.Popen(
            guarded,
            stdin=stdin,
            stdout=writing if stdout is None else stdout,
            stderr=writing,
            pass_fds=tuple(pass_fds),
            start_new_session=True,
        )
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    return Process(name, popen, Drain(trio.lowlevel.FdStream(reading), limit=1 << 16))


def first_complaint(output: bytes) -> str:
    """The first line of a program's stderr that is not a mere warning, fit for a sentence on a terminal. GLib puts a
    line of asterisks in front of what it says."""
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines() if line.strip(" *")]
    chosen = next((line for line in lines if "warning:" not in line), lines[0] if lines else "")
    return "".join(c if c.isprintable() else "?" for c in chosen)[:300]


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
