"""A shell of a Linux in a lab, on a line that carries nothing else once it is ready."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import trio

from tests.labs.errors import LabError

COMMAND_SECONDS = 60.0
READY, FAILED, END = "LAB-READY", "LAB-FAILED", "LAB-END"
PANIC = "Kernel panic"


class Shell:
    """``receive`` gives what comes next from the line, nothing at its end; ``send`` writes to it. ``last_words`` is
    asked why the machine ended; ``on_line`` is told what the line says before the shell is ready."""

    def __init__(
        self,
        receive: Callable[[], Awaitable[bytes | bytearray]],
        send: Callable[[bytes], Awaitable[None]],
        exit_reason: Callable[[], Awaitable[str]],
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        self._receive = receive
        self._send = send
        self._exit_reason = exit_reason
        self._on_line = on_line
        self._pending = ""
        self._last = ""

    async def wait_ready(self, seconds: float) -> None:
        """Until the first program of the Linux takes commands. Raises `LabError`."""
        with trio.move_on_after(seconds):
            while (line := await self._line()) != READY:
                if self._on_line is not None:
                    self._on_line(line)
                if line.startswith(FAILED) or PANIC in line:
                    raise LabError(f"The lab's Linux does not come up: {line}")
            return
        raise LabError(f"The lab's Linux did not come up in {seconds:g} seconds; the last it said was: {self.said()}")

    async def run(self, command: str, seconds: float = COMMAND_SECONDS) -> str:
        """What a line of shell prints. One that fails is a `LabError`."""
        lines: list[str] = []
        with trio.move_on_after(seconds):
            await self._send(f"{{ {command}; }} 2>&1; printf '\\n{END} %d\\n' $?\n".encode())
            while (found := re.fullmatch(rf"{END} (\d+)", line := await self._line())) is None:
                lines.append(line)
            if found[1] == "0":
                return "\n".join(lines)
            raise LabError(f"In the lab's Linux `{command}` ended with status {found[1]}: {_one_line(lines)}")
        raise LabError(
            f"In the lab's Linux `{command}` did not end in {seconds:g} seconds: {_one_line(lines) or self.said()}"
        )

    def said(self) -> str:
        """The newest that its kernel said, or the line: context for whoever reads of a failure."""
        return self._last or "nothing"

    async def _line(self) -> str:
        """The next line, of printable characters."""
        while "\n" not in self._pending:
            data = await self._receive()
            if not data:
                raise LabError(f"The lab's Linux is gone: {await self._exit_reason() or self.said()}")
            self._pending += data.decode("ascii", "replace")
        line, _, self._pending = self._pending.partition("\n")
        clean = printable(line)
        self._last = clean or self._last
        return clean


def printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable())


def _one_line(lines: list[str]) -> str:
    return " ".join(line for line in lines if line)[-300:]
