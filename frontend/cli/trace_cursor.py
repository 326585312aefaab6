"""A place in a trace: the row that is looked at, what is around it, and how one comes elsewhere."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from frontend.cli.row_text import one_row, whole_row
from frontend.commands.expressions import evaluate, parse
from frontend.commands.registers import DEBUG_REGISTERS, register_value
from frontend.commands.table import CommandError
from frontend.commands.values import Value
from frontend.symbols.names import Symbols
from gdbstub.errors import BadExpression
from gdbstub.trace import Row
from gdbstub.trace.walk.criteria import Criterion
from gdbstub.trace.walk.walked import WalkedTrace
from gdbstub.x86.cpu_state import CpuState, DebugState

T = TypeVar("T")
NO_MEMORY = "A trace has no memory to read; written PLACE and accessed PLACE find who touched it."


class TraceCursor:
    """``at`` is the number of the row that is looked at. ``width`` is that of the answers, in characters."""

    def __init__(self, trace: WalkedTrace, symbols: Symbols, width: int) -> None:
        self.trace = trace
        self.symbols = symbols
        self.width = width
        self.at = trace.first

    def go(self, to: int) -> list[str]:
        """Look at row ``to``; it in one line."""
        self.trace.row(to)
        self.at = to
        return [self.one(to)]

    def one(self, of: int) -> str:
        """A row in one line, with the symbol of its instruction."""
        row = self.trace.row(of)
        text, insn = one_row(row), row.get("insn")
        name = self.symbols.text(int(insn["address"], 16)) if insn else ""
        return text.replace(f"  {insn['address']}  ", f"  {insn['address']}{name}  ", 1) if insn and name else text

    def around(self, above: int, below: int) -> list[tuple[int, str]]:
        """Rows in front of the one that is looked at, it, and rows behind it: numbers and lines."""
        before, behind = list[int](), list[int]()
        for found, count, forwards in ((before, above, False), (behind, below, True)):
            to = self.at
            while len(found) < count and (beside := self.trace.beside(to, forwards=forwards)) is not None:
                to = beside
                found.append(to)
        return [(n, self.one(n)) for n in (*reversed(before), self.at, *behind)]

    def whole(self) -> list[str]:
        """All of the row that is looked at."""
        row = self.trace.row(self.at)
        return list(whole_row(row, self.trace.before(row), self.trace.accesses(self.at)))

    def step(self, count: int, *, forwards: bool) -> list[str]:
        """So many rows on; at the end it says so."""
        to = self.at
        for _ in range(count):
            beside = self.trace.beside(to, forwards=forwards)
            if beside is None:
                end = self.trace.end
                last = f"The trace ends here: {end['reason']}." if end else "The trace was cut off here."
                return [*self.go(to), last if forwards else "The trace begins here."]
            to = beside
        return self.go(to)

    def seek(self, criterion: Criterion, nothing: str, *, forwards: bool) -> list[str]:
        """To the nearest row of which ``criterion`` holds; else ``nothing`` of what was looked for is said."""
        found = next(self.trace.matching(criterion, self.at, forwards=forwards), None)
        if found is None:
            where = "behind" if forwards else "in front of"
            raise CommandError(f"No row {where} #{self.at} {nothing}.{self.missing()}")
        return self.go(found)

    def evaluate(self, text: str) -> Value:
        """An expression over the registers behind the row that is looked at, and symbols."""
        return _at_once(evaluate(parse(text), _RowEnvironment(self.trace.row(self.at), self.symbols)))

    def missing(self) -> str:
        """What can't be read of the trace, behind a sentence."""
        return "".join(f" {sentence}" for sentence in self.trace.damaged)


class _RowEnvironment:
    def __init__(self, row: Row, symbols: Symbols) -> None:
        registers = {name: int(value, 16) for name, value in row["regs"].items()}
        shown = [int(row["dr"][name], 16) if row["dr"].get(name) else None for name in DEBUG_REGISTERS]
        debug = DebugState(shown[0], shown[1], shown[2], shown[3], shown[4], shown[5])
        self._state = CpuState(row["cpu"] or 0, registers, debug, row["mode"] or 64, registers.get("cs", 0) & 3)
        self._pc = row["pc"]
        self._symbols = symbols

    async def variable(self, name: str) -> Value | None:
        if name.lower() == "pc":
            return None if self._pc is None else Value(int(self._pc, 16))
        try:
            return register_value(self._state, name)
        except KeyError:  # computed from a register that this row does not have
            return None

    def symbol(self, name: str) -> int | None:
        return self._symbols.lookup(name)

    async def read_memory(self, address: int, length: int) -> bytes:
        raise BadExpression(NO_MEMORY)


def _at_once(work: Coroutine[Any, Any, T]) -> T:
    """What waits for nothing: there is no guest to wait for."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise BadExpression(NO_MEMORY)
