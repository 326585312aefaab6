"""``struct kvm_run`` of the stub's QEMU, read on its host: this machine, or the one behind ``--host 'ssh root@host'``.

Another host gets `transports.kvm_run_reader` as one line of text, for a Python that takes statements from its standard
input. What is sent as words is plain, so it does not matter whether the prefix hands them to a shell or not.
"""

from __future__ import annotations

import shlex
import socket
from pathlib import Path
from typing import NamedTuple

import trio

from transports import kvm_run_reader
from transports.child import CommandStream, open_program
from transports.errors import HelperFailed, PeerDied
from transports.kvm_run_reader import CannotLook, KvmRun
from transports.process import Process

PYTHON = ("python3", "-I", "-q", "-u", "-i")
"""Interactive, it runs each statement as it comes; its prompts go to standard error."""
FIRST_SECONDS, SECONDS = 60.0, 20.0
"""For one answer; the first has to wait for ssh, and for Python."""
MARK = b"kvm_run "
MOST_LINE = 4096
ENDED = "the program there ended"
UNREAD = "DR6 and DR7 of the exits are not read from KVM's struct kvm_run: {}. {}"
HERE = "Run dr6 as root or as QEMU's user, with the right to trace it, or say --host 'ssh root@HOST' where QEMU runs."
THERE = "Its words have to lead to a user of QEMU's host who may trace QEMU, and to a Python 3 there."


class StubSocket(NamedTuple):
    """The stub's end of the connection, as QEMU's host sees it: its TCP port and ours, or the path of its socket."""

    server: int = 0
    client: int = 0
    path: str = ""


def reader_statement() -> str:
    """The reader as one line of Python."""
    return f"exec({Path(kvm_run_reader.__file__).read_text(encoding='utf-8')!r})"


def stub_socket(stream: trio.abc.Stream) -> StubSocket:
    """Of a connected stream; nothing is known of what is no socket."""
    if not isinstance(stream, trio.SocketStream):
        return StubSocket()
    sock = stream.socket
    if sock.family == socket.AF_UNIX:
        name = sock.getpeername()
        return StubSocket(path=name if isinstance(name, str) else "")
    return StubSocket(sock.getpeername()[1], sock.getsockname()[1])


class LocalKvmRun:
    """On this machine."""

    def __init__(self, stub: StubSocket) -> None:
        self._stub = stub
        self._run: KvmRun | None = None

    async def read(self, cpu: int) -> bytes:
        """The first bytes of a stopped vCPU's. Raises `HelperFailed` with one sentence."""
        try:
            if self._run is None:
                self._run = KvmRun(*self._stub)
            return self._run.read(cpu)
        except CannotLook as error:
            raise HelperFailed(UNREAD.format(error, HERE)) from None

    async def aclose(self) -> None:
        if self._run is not None:
            self._run.close()
            self._run = None


class RemoteKvmRun:
    """On the machine that ``prefix`` leads to, by one Python there for the whole session."""

    def __init__(self, prefix: str, stub: StubSocket) -> None:
        """Raises `HelperFailed` where the words don't end as a shell's would."""
        try:
            self._prefix = shlex.split(prefix)
        except ValueError as error:
            raise HelperFailed(f"--host {prefix!r} can't be cut into words: {error}.") from None
        self._stub = stub._replace(client=0)  # the connection may come there from another port
        self._python: tuple[CommandStream, Process] | None = None
        self._heard = b""

    async def read(self, cpu: int) -> bytes:
        """As `LocalKvmRun.read`."""
        said = "it did not answer in time"
        with trio.move_on_after(FIRST_SECONDS if self._python is None else SECONDS):
            try:
                answer = await self._ask(f"answer({cpu}, {', '.join(map(repr, self._stub))})")
                if not answer.startswith("!"):
                    return bytes.fromhex(answer)
                said = answer[1:]
            except (PeerDied, ValueError, OSError) as error:
                said = str(error)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                said = ENDED
        where = shlex.join(self._prefix)
        raise HelperFailed(UNREAD.format(f"behind --host '{where}' {said}".rstrip("."), THERE))

    async def _ask(self, statement: str) -> str:
        if self._python is None:
            self._python = open_program(f"'{self._prefix[0]}'", [*self._prefix, *PYTHON])
            statement = f"{reader_statement()}\n\n{statement}"
        stream, process = self._python
        await stream.send_all(f"{statement}\n".encode())
        while True:
            line, end, rest = self._heard.partition(b"\n")
            if end:
                self._heard = rest
                if line.startswith(MARK):
                    return line[len(MARK) :].decode("ascii", "replace").strip()
                continue
            data = await stream.receive_some()
            if not data or len(self._heard) > MOST_LINE:
                raise ValueError(await process.exit_reason() or ENDED)
            self._heard += data

    async def aclose(self) -> None:
        if self._python is not None:
            await self._python[0].aclose()
            self._python = None
