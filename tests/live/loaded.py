"""dr6 from start to end in a fork of a process that has loaded it, which saves the better part of each start.

Everything but the start of the interpreter and the imports is real: descriptors, environment, folder, signals, the
shutdown. That process belongs to the one that runs the tests and ends with it, and so does what it has forked.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, NoReturn

PRELOADED = ("capstone", "defusedxml.expatbuilder", "frontend.cli.attach", "frontend.cli.trace", "frontend.cli.doctor")
"""What most runs import; the rest is imported where it is wanted, as ever."""
MARK = "DR6_TESTS_"
"""Begins the variable by which tests find what they have started; the process that is kept is none of that."""
LARGEST = 1 << 20


class Ended(NamedTuple):
    """One dr6; ``memory`` is the most that it held, in bytes."""

    code: int
    out: bytes
    err: bytes
    memory: int


class Loaded:
    """The process that is kept, in ``environment``."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._interpreter = _interpreter(environment)
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", __name__, str(theirs.fileno())]
            plain = {name: value for name, value in environment.items() if not name.startswith(MARK)}
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),), start_new_session=True, env=plain
            )

    def fits(self, environment: Mapping[str, str]) -> bool:
        """Would an interpreter that starts in ``environment`` be as this one?"""
        return _interpreter(environment) == self._interpreter

    def run(self, words: Sequence[str], environment: Mapping[str, str], seconds: float) -> Ended:
        """`TimeoutError` where it does not end; it is killed then."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            request = json.dumps([words, dict(environment), os.getcwd()]).encode()
            socket.send_fds(self._control, [request], [out.fileno(), err.fileno()])
            (child,) = self._hear(None)
            handle = os.pidfd_open(child)
            try:
                code, memory = self._hear(seconds)
            except BaseException:  # a test's bound as well: the next one starts with a silent line
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                self._hear(None)
                raise
            finally:
                os.close(handle)
            out.seek(0)
            err.seek(0)
            return Ended(code, out.read(), err.read(), memory)

    def _hear(self, seconds: float | None) -> list[int]:
        self._control.settimeout(seconds)
        said = self._control.recv(LARGEST)
        assert said, "the process that keeps dr6 loaded is gone"
        return [int(number) for number in said.split()]


def _interpreter(environment: Mapping[str, str]) -> dict[str, str]:
    """What Python itself reads at its start."""
    return {name: value for name, value in environment.items() if name.startswith("PYTHON")}


def _serve(control: socket.socket) -> tuple[str, ...]:
    """Fork for each request; returns in each fork, with dr6's words."""
    while True:
        request, descriptors, _, _ = socket.recv_fds(control, LARGEST, 2)
        if not request:
            raise SystemExit
        child = os.fork()
        if child == 0:
            control.close()
            return _settle(request, descriptors)
        for number in descriptors:
            os.close(number)
        with suppress(BrokenPipeError):
            control.send(b"%d" % child)
        end = _end_of(child, control)
        with suppress(BrokenPipeError):
            control.send(b"%d %d" % end)


def _end_of(child: int, control: socket.socket) -> tuple[int, int]:
    """Its exit code, and the most memory that it held."""
    handle = os.pidfd_open(child)
    ready, _, _ = select.select([handle, control.fileno()], [], [])
    if control.fileno() in ready:  # nobody asks before the answer: the tests are gone
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    os.close(handle)
    _, status, used = os.wait4(child, 0)
    return os.waitstatus_to_exitcode(status), used.ru_maxrss * 1024


def _settle(request: bytes, descriptors: list[int]) -> tuple[str, ...]:
    """Be a process that was just started."""
    words, environment, folder = json.loads(request)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    null = os.open(os.devnull, os.O_RDWR)
    for number, source in enumerate((null, *descriptors)):
        os.dup2(source, number)
    os.closerange(3, 256)
    sys.stdin = os.fdopen(0, "r", encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    tempfile.tempdir = None
    return tuple(words)


def _main() -> NoReturn:
    import dr6

    for name in PRELOADED:
        __import__(name)
    gc.freeze()  # forks share these pages as long as no collection writes to them
    sys.argv = ["dr6", *_serve(socket.socket(fileno=int(sys.argv[1])))]
    sys.exit(dr6.main())


if __name__ == "__main__":
    _main()
