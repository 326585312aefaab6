"""A pipe with a name that a QEMU of this machine can be told to write its log to, and who does write there.

A dr6 that is killed can't tell QEMU to stop logging. What QEMU has to be told then lies as a note where the pipe was.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import trio

from transports.errors import CannotListen

PIPE_BYTES = 1 << 20
FEW_BYTES = 1 << 16
READ_BYTES = 1 << 16
MOST_PROCESSES = 100_000
PREFIX = "dr6-log-"
NOTE = "note"
MOST_NOTES = 1000


class Writer(NamedTuple):
    """Who has the pipe open for writing, and its command line."""

    process: int
    words: tuple[str, ...]


class KilledLog(NamedTuple):
    """A note of a dr6 that is no more: ``qemu`` is the process, ``undo`` what its monitor has to be told."""

    folder: Path
    qemu: int
    undo: tuple[str, ...]

    def forget(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class LogPipe:
    """Made in a folder that nobody else can enter; gone at `close`, or from the file system at `unlink`."""

    def __init__(self) -> None:
        """Raises `CannotListen`."""
        self._folder = self.path = ""
        try:
            self._folder = tempfile.mkdtemp(prefix=PREFIX, dir=_where())
            self.path = os.path.join(self._folder, "log")
            os.mkfifo(self.path, 0o600)
            self._fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            self.unlink()
            raise CannotListen(f"A pipe for QEMU's log can't be made: {error.strerror}.") from error
        with suppress(OSError):  # more than the user may have: it works with less
            fcntl.fcntl(self._fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._closed = False
        self.ended = False
        """Has the last writer closed it? Nobody is awaited as the first."""

    def read_ready(self) -> bytes:
        """What is in the pipe now; nothing where that is nothing, or nobody writes."""
        try:
            data = b"" if self._closed else os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return b""
        self.ended = not data
        return data

    def fileno(self) -> int:
        return self._fd

    def hold_little(self) -> None:
        """Hold no more than a page or two, so that who writes is soon held up by who does not read."""
        with suppress(OSError):
            fcntl.fcntl(self._fd, fcntl.F_SETPIPE_SZ, FEW_BYTES)

    async def wait_readable(self) -> None:
        """Until there is something to read, or the last writer has gone. Raises `trio.ClosedResourceError`."""
        await trio.lowlevel.wait_readable(self._fd)

    def unlink(self) -> None:
        """Take the name away; who has the pipe open goes on writing to it."""
        with suppress(OSError):
            os.unlink(self.path)
        with suppress(OSError):
            os.rmdir(self._folder)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            trio.lowlevel.notify_closing(self._fd)
            os.close(self._fd)
            with suppress(OSError):
                os.unlink(os.path.join(self._folder, NOTE))
            self.unlink()

    def keep_note(self, undo: Sequence[str]) -> None:
        """Write down what the monitor of who writes to the pipe has to be told, should this process not come to it; the
        note goes with `close`."""
        found = self.writer()
        if found is None:
            return
        note = {"dr6": _identity(os.getpid()), "qemu": _identity(found.process), "undo": list(undo)}
        with suppress(OSError):  # where there is no place for a note, all else works
            Path(self._folder, NOTE).write_text(json.dumps(note), encoding="utf-8")

    def logged_before(self) -> tuple[str, str] | None:
        """What the QEMU that has the pipe open logs by its own command line (``-d``), and where to (``-D``); None where
        none is seen to have it open."""
        found = self.writer()
        return None if found is None else log_options(found.words)

    def writer(self) -> Writer | None:
        """Who has the pipe open for writing; None where nobody can be seen."""
        me, mine = os.getpid(), os.fstat(self._fd)
        for process in list(Path("/proc").iterdir())[:MOST_PROCESSES]:
            if not process.name.isdecimal() or int(process.name) == me:
                continue
            with suppress(OSError):
                for link in (process / "fd").iterdir():
                    found = link.stat()
                    if (found.st_ino, found.st_dev) == (mine.st_ino, mine.st_dev):
                        words = (process / "cmdline").read_bytes().split(b"\0")
                        return Writer(int(process.name), tuple(os.fsdecode(word) for word in words if word))
        return None


def killed_logs() -> tuple[KilledLog, ...]:
    """The notes of dr6 that were killed while the QEMU that they had made log lives on. Others are taken away."""
    found = []
    for note in list(Path(_where()).glob(f"{PREFIX}*/{NOTE}"))[:MOST_NOTES]:
        with suppress(OSError, ValueError, KeyError, TypeError):  # nobody's note, or another user's
            said = json.loads(note.read_text(encoding="utf-8"))
            if _lives(said["dr6"]) or note.parent.stat().st_uid != os.getuid():
                continue
            left = KilledLog(note.parent, int(said["qemu"]["process"]), tuple(map(str, said["undo"])))
            if _lives(said["qemu"]):
                found.append(left)
            else:
                left.forget()
    return tuple(found)


def _where() -> str:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return runtime if os.path.isdir(runtime) else tempfile.gettempdir()


def _identity(process: int) -> dict[str, int]:
    """A process, told from a later one with the same number by when it began: field 22 of proc_pid_stat(5)."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return {"process": process, "began": int(fields[19])}


def _lives(said: dict[str, int]) -> bool:
    try:
        return _identity(int(said["process"])) == said
    except OSError:
        return False


def log_options(words: tuple[str, ...]) -> tuple[str, str]:
    """What a QEMU with this command line logs by itself, and where to: the values of ``-d`` and ``-D``."""
    found = {"-d": "", "-D": ""}
    for word, value in pairwise(words):
        name = "-" + word.lstrip("-") if word.startswith("-") else ""
        if name in found:
            found[name] = value
    return found["-d"], found["-D"]
