"""``dr6 attach --plain``, and by itself without a terminal that can show a screen: lines in, lines out.

For screen readers, pipes, ``TERM=dumb``. The commands are those of the screen's prompt; ``complete`` says what could
stand at the end of a line.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

import trio

from frontend.cli.attach import complain, print_stop, speak
from frontend.cli.connect import TargetOptions, open_session
from frontend.cli.exit_codes import DONE, FAILED, INTERRUPTED, NO_CONNECTION
from frontend.cli.interrupts import Interrupts
from frontend.commands import Quit, execute
from frontend.commands.session import Session
from gdbstub.errors import GdbError, ProtocolError, TransportError

PROMPT = "(dr6) "
BLOCK = 4096
LONGEST = 1 << 20
"""Bytes without a line feed that are still a line."""


class LineReader:
    """The lines of a file descriptor, as they come, while other tasks go on."""

    def __init__(self, descriptor: int = 0) -> None:
        self._descriptor = descriptor
        self._rest = b""
        self._ended = False

    async def line(self) -> str | None:
        """The next line without its end; None at the end of the input. The last one may lack a line feed."""
        while b"\n" not in self._rest and not self._ended and len(self._rest) < LONGEST:
            await self._more()
        if not self._rest:
            return None
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode("utf-8", "backslashreplace").removesuffix("\r")

    async def _more(self) -> None:
        try:
            await trio.lowlevel.wait_readable(self._descriptor)
        except OSError:  # a file, which never keeps anybody waiting (epoll knows none)
            await trio.lowlevel.checkpoint()
        try:
            block = os.read(self._descriptor, BLOCK)
        except OSError:  # the terminal is gone
            block = b""
        self._ended = not block
        self._rest += block


async def plain(connection: TargetOptions, startup: Iterable[str], interrupts: Interrupts) -> int:
    """Serve standard input to its end; the exit code is the status of the last command, or what ``quit`` gave."""
    async with open_session(connection) as session:
        speak(session, interrupts)
        if sys.stdin.isatty():
            session.confirm = _confirm
        for record in session.debugger.records:
            print_stop(session, record)
        try:
            return await _serve(session, [*startup], interrupts)
        except Quit as end:
            return end.code
        except (TransportError, ProtocolError) as error:
            complain(str(error))
            return NO_CONNECTION


async def _serve(session: Session, waiting: list[str], interrupts: Interrupts) -> int:
    status, reader = DONE, LineReader()
    while True:
        interrupts.seen = 0  # a Ctrl-C that stopped the guest was that and no more
        line = waiting.pop(0) if waiting else await _next_line(reader)
        if line is None:
            return INTERRUPTED if interrupts.seen else status
        try:
            await execute(session, line)
            status = DONE
        except (TransportError, ProtocolError):
            raise
        except GdbError as error:
            complain(str(error))
            status = FAILED


async def _next_line(reader: LineReader) -> str | None:
    if sys.stdin.isatty():
        print(PROMPT, end="", flush=True)
    return await reader.line()


async def _confirm(question: str) -> bool:
    """Ask before what cannot be taken back."""
    print(f"{question} (y or n) ", end="", flush=True)
    answer = await LineReader().line()
    return answer is not None and answer.strip().lower() in ("y", "yes")
