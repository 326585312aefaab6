"""A pipe with a name that a QEMU of this machine can be told to write its log to, and who does write there."""

from __future__ import annotations

import fcntl
import os
import tempfile
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import trio

from transports.errors import CannotListen

PIPE_BYTES = 1 << 20
READ_BYTES = 1 << 16
MOST_PROCESSES = 100_000


class LogPipe:
    """Made in a folder that nobody else can enter; gone at `close`, or from the file system at `unlink`."""

    def __init__(self) -> None:
        """Raises `CannotListen`."""
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        self._folder = self.path = ""
        try:
            self._folder = tempfile.mkdtemp(prefix="dr6-log-", dir=runtime if os.path.isdir(runtime) else None)
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
            self.unlink()

    def logged_before(self) -> tuple[str, str] | None:
        """What the QEMU that has the pipe open logs by its own command line (``-d``), and where to (``-D``); None where
        none is seen to have it open."""
        words = self.writer()
        return None if words is None else log_options(words)

    def writer(self) -> tuple[str, ...] | None:
        """The command line of the process that has the pipe open for writing; None where none can be seen."""
        me, mine = os.getpid(), os.fstat(self._fd)
        for process in list(Path("/proc").iterdir())[:MOST_PROCESSES]:
            if not process.name.isdecimal() or int(process.name) == me:
                continue
            with suppress(OSError):
                for link in (process / "fd").iterdir():
                    found = link.stat()
                    if (found.st_ino, found.st_dev) == (mine.st_ino, mine.st_dev):
                        words = (process / "cmdline").read_bytes().split(b"\0")
                        return tuple(os.fsdecode(word) for word in words if word)
        return None


def log_options(words: tuple[str, ...]) -> tuple[str, str]:
    """What a QEMU with this command line logs by itself, and where to: the values of ``-d`` and ``-D``."""
    found = {"-d": "", "-D": ""}
    for word, value in pairwise(words):
        name = "-" + word.lstrip("-") if word.startswith("-") else ""
        if name in found:
            found[name] = value
    return found["-d"], found["-D"]
