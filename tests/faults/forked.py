"""dr6 in a fork of this process, which has loaded it already: from start to end in a tenth of a second instead of half
a second. Everything but the start of the interpreter is real: descriptors, signals, sockets, files, the exit.

What it opens for writing, removes, renames or starts is written down (`sys.addaudithook`), and must be what its words
name.
"""

from __future__ import annotations

import gc
import os
import re
import resource
import select
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tests.faults.verdict import SECONDS, Ended

MOST_WRITTEN = 64 << 20
_PROBE = re.compile(r"(open|os\.remove) (/tmp|/var/tmp|/usr/tmp)/[a-z0-9_]{8}")
"""`tempfile` tries whether it could write there, where it could not in TMPDIR; the file is empty, and gone at once."""
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_TOUCHING = frozenset(
    ("os.remove", "os.rename", "os.rmdir", "os.truncate", "os.link", "os.symlink", "os.chmod", "os.chown", "os.mkdir")
)
_STARTING = frozenset(("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "os.fork", "os.forkpty"))


class Ran(NamedTuple):
    """``touched``: what was written, removed or started, a line for each."""

    ended: Ended
    touched: tuple[str, ...]

    def faults(self, named: Sequence[str] = ()) -> list[str]:
        """What must not be; ``named`` begin the paths that the words name."""
        allowed = (*named, "/dev/null")
        strange = [line for line in self.touched if not line.partition(" ")[2].startswith(allowed)]
        strange = [line for line in strange if not _PROBE.fullmatch(line)]
        return self.ended.faults + [f"it touches {line}" for line in strange[:3]]


class Surroundings(NamedTuple):
    """Where dr6 is started. ``closed`` are descriptors of its own; ``limits`` bounds of `resource`; ``prepare`` is
    called in the fork before anything else."""

    environment: Mapping[str, str] = {}
    encoding: str = "utf-8"
    closed: tuple[int, ...] = ()
    limits: tuple[tuple[int, int], ...] = ()
    out: str = ""
    prepare: Callable[[], object] | None = None


PLAIN = Surroundings()


def preload() -> None:
    """Everything that a run may load, so that a fork need not."""
    import tests.faults.sick_stub  # noqa: F401

    __import__("defusedxml.expatbuilder")
    __import__("capstone")
    gc.freeze()  # forks share these pages as long as no collection writes to them


def run(
    words: Sequence[str],
    folder: Path,
    around: Surroundings = PLAIN,
    seconds: float = SECONDS,
    ending: tuple[float, Callable[[int], object]] | None = None,
) -> Ran:
    """dr6 with these words, in ``folder``, which is its HOME and its place for temporary files as well. ``ending`` is
    what is done after so many seconds, with its process id."""
    out, err, log = (tempfile.TemporaryFile() for _ in range(3))  # noqa: SIM115 - the fork has them, too
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    child = os.fork()
    if child == 0:
        # until dr6 is there, Ctrl-C ends this process as it ends a Python that does not yet run anything
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        _be(words, folder, around, (out.fileno(), err.fileno(), log.fileno()))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    if ending is not None and not _ended_within(child, ending[0]):
        ending[1](child)
    hung = not _ended_within(child, seconds)
    if hung:
        os.kill(child, signal.SIGKILL)
    _, status, used = os.wait4(child, 0)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    texts = []
    for file in (out, err, log):
        file.seek(0)
        texts.append(file.read(MOST_WRITTEN).decode("utf-8", "surrogateescape"))
        file.close()
    code = os.waitstatus_to_exitcode(status)
    return Ran(Ended(code, texts[0], texts[1], hung, used.ru_maxrss * 1024), tuple(texts[2].splitlines()))


def _ended_within(child: int, seconds: float) -> bool:
    handle = os.pidfd_open(child)
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


def _be(words: Sequence[str], folder: Path, around: Surroundings, streams: tuple[int, int, int]) -> None:
    """The fork's whole life."""
    code = 99
    try:
        os.setsid()
        os.chdir(folder)
        _environment(folder, around)
        out, err, log = streams
        log = os.dup2(log, 63)
        null = os.open(os.devnull, os.O_RDWR)
        result = os.open(around.out, os.O_WRONLY | os.O_CREAT, 0o600) if around.out else out
        for number, source in ((0, null), (1, result), (2, err)):
            os.dup2(source, number)
        os.closerange(3, 63)
        sys.stdin, sys.stdout, sys.stderr = (
            os.fdopen(number, mode, encoding=around.encoding, closefd=False)
            for number, mode in ((0, "r"), (1, "w"), (2, "w"))
        )
        for name, stream in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
            if stream in around.closed:
                os.close(stream)
                setattr(sys, name, None)
        if around.prepare is not None:
            around.prepare()
        sys.addaudithook(_listener(log))
        for kind, bound in around.limits:
            resource.setrlimit(kind, (bound, bound))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        code = _main(words)
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(BaseException):
            sys.stderr.flush()
        os._exit(code)


def _main(words: Sequence[str]) -> int:
    from frontend.cli.parser import main

    try:
        code = main(tuple(words))
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    if sys.stdout is not None:  # as the interpreter does at its end
        sys.stdout.flush()
    return code


def _environment(folder: Path, around: Surroundings) -> None:
    for name in ("XDG_STATE_HOME", "XDG_RUNTIME_DIR", "CLICOLOR_FORCE", "NO_COLOR"):
        os.environ.pop(name, None)
    os.environ.update(HOME=str(folder), TMPDIR=str(folder), TERM="dumb")
    os.environ.update(around.environment)
    tempfile.tempdir = None


def _listener(log: int) -> Callable[[str, tuple[object, ...]], None]:
    def hear(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            path, _, flags = arguments[:3]
            if isinstance(flags, int) and flags & _WRITES and not isinstance(path, int):
                os.write(log, f"{event} {os.fsdecode(path)}\n".encode("utf-8", "replace"))  # type: ignore[arg-type]
        elif (event in _TOUCHING and not isinstance(arguments[0], int)) or event in _STARTING:
            os.write(log, f"{event} {arguments[0]}\n".encode("utf-8", "replace"))

    return hear


@contextmanager
def stub_before(serve: Callable[[socket.socket], None], folder: Path) -> Iterator[tuple[str, int]]:
    """``serve`` in a fork of its own, behind a listening socket; the TARGET, and the process id."""
    path = folder / "stub"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        child = os.fork()
        if child == 0:
            try:
                with suppress(KeyboardInterrupt, BrokenPipeError):
                    serve(listener)
            finally:
                os._exit(0)
    try:
        yield f"unix:{path}", child
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        path.unlink(missing_ok=True)
