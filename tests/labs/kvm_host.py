"""The Linux of a lab as QEMU's host, for dr6's ``--host``: a Python in it that takes statements, one after the other.

There is one line to that Linux, its shell's, so each statement goes through it: the shell writes it into a pipe that
Python reads, and prints the line that comes back. `tests.labs.host_words` is the other end of the socket.
"""

from __future__ import annotations

import contextlib
import shlex
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import trio

from tests.labs.initrd import Content, program
from tests.labs.packages import unpacked
from tests.labs.paths import short_path
from tests.labs.shell import Shell
from transports.kvm_run import reader_statement

PYTHON = "usr/bin/python3.11"
LIBRARY = "usr/lib/python3.11"
PACKAGES = ("encodings", "re", "collections", "importlib")
ENCODINGS = frozenset(("__init__", "aliases", "utf_8", "ascii", "latin_1"))
NAME = "host.sock"
WORDS = ("--host", f"python3 -m tests.labs.host_words ./{NAME}")
"""For dr6 in the folder of the socket."""
START_SECONDS, ANSWER_SECONDS = 300.0, 120.0
IN, OUT = "/tmp/py.in", "/tmp/py.out"
START = f"mkfifo {IN} {OUT}; exec 6<>{IN} 7<>{OUT}; /{PYTHON} -I -q -u -i <&6 >&7 2>/dev/null & true"
READER = reader_statement()
"""The line with which a session begins."""


def python_files() -> dict[str, Content]:
    """A Python for the lab's Linux: what runs dr6's reader, and no more."""
    root = unpacked("python3.11-minimal", "libpython3.11-minimal")
    library = root / LIBRARY
    paths = [*library.glob("*.py"), *(path for name in PACKAGES for path in (library / name).glob("*.py"))]
    wanted = [path for path in paths if path.parent.name != "encodings" or path.stem in ENCODINGS]
    return program(root, PYTHON) | {str(path.relative_to(root)): path for path in wanted if path.is_file()}


async def _carry(shell: Shell, stream: trio.SocketStream) -> None:
    """The statements of one session, from its start to its end. The reader is there already, and has no QEMU open."""
    await _ask(shell, "_opened.clear(); print('cleared', flush=True)")
    pending = b""
    async for data in stream:
        *lines, pending = (pending + bytes(data)).split(b"\n")
        for line in filter(None, lines):
            if line.decode() == READER:
                continue
            said = await _ask(shell, line.decode())
            await stream.send_all(said.strip().encode() + b"\n")


async def _ask(shell: Shell, statement: str, seconds: float = ANSWER_SECONDS) -> str:
    """The line that a statement prints."""
    return await shell.run(f"printf '%s\\n' {shlex.quote(statement)} >&6; read -r said <&7; echo \"$said\"", seconds)


async def start_python(shell: Shell) -> None:
    """A Python that has dr6's reader; on an emulated machine both take long."""
    await shell.run(START, START_SECONDS)
    await shell.run(f"printf '%s\\n\\n' {shlex.quote(READER)} >&6", START_SECONDS)
    await _ask(shell, "print('ready', flush=True)", START_SECONDS)


@contextlib.asynccontextmanager
async def reachable(shell: Shell, folder: Path) -> AsyncIterator[None]:
    """`WORDS` lead to the Linux of ``shell`` for the length of the block, for one dr6 in ``folder`` after the other."""
    path = folder / NAME
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(short_path(path))
        listening.listen()
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
        line = trio.Lock()

        async def serve() -> None:
            while True:
                async with await listener.accept() as stream, line:
                    with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                        await _carry(shell, stream)

        async with listener, trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            yield
            async with line:  # the shell's line is left between two commands
                nursery.cancel_scope.cancel()
