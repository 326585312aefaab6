"""A command line in a test: lines in, text out."""

from __future__ import annotations

from frontend.commands import execute
from frontend.commands.session import Session
from frontend.symbols.names import Symbols
from tests.fakes.debugger import FakeDebugger


class Terminal:
    """``await run(line, …)`` gives what the lines print; errors pass through."""

    def __init__(self, code: bytes = b"\x90" * 64, symbols: Symbols | None = None, cpus: int = 1) -> None:
        self.fake = FakeDebugger(code, cpus=cpus)
        self.lines: list[str] = []
        self.session = Session(self.fake.as_debugger(), symbols or Symbols(), self.lines.append)

    async def run(self, *lines: str) -> str:
        self.lines.clear()
        for line in lines:
            await execute(self.session, line)
        return "\n".join(self.lines)
