"""Whatever is typed: an answer or one sentence, never a traceback, never a control character."""

from __future__ import annotations

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from frontend.commands import COMMANDS, Quit, complete, execute, parse_line
from gdbstub.errors import GdbError
from tests.frontend.programs import CALLER
from tests.frontend.terminal import Terminal

WRITES_FILES = frozenset(("trace", "record", "source", "symbol-file"))
SAFE = [row.name for row in COMMANDS if row.group != "running" and row.name not in WRITES_FILES]
TOKENS = (
    "$pc $rax $eax $nope $1 $ $$ 0 1 4 -1 0x1000 0x9fff 0x10000000000000000 * & ( ) { } /x /4xg /i /s /c , + - : = "
    "== if hw: rw: r: /8 /0 db pf 255 256 start registers dr symbol display threads all \"a\" 'a' {int} (u8*) # end"
)
WORDS = st.one_of(st.sampled_from(TOKENS.split()), st.text(max_size=8))
LINES = st.tuples(st.sampled_from(SAFE), st.lists(WORDS, max_size=5)).map(lambda row: f"{row[0]} {' '.join(row[1])}")
GLUED = st.tuples(st.sampled_from(SAFE), st.lists(WORDS, max_size=5)).map(lambda row: row[0] + "".join(row[1]))


def is_safe(line: str) -> bool:
    """Random text may also be a command that runs the fake off its program, or writes files."""
    try:
        return parse_line(line.strip())[0].name in SAFE
    except GdbError:
        return True


TEXTS = st.text(max_size=30).filter(is_safe)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(LINES, GLUED.filter(is_safe), TEXTS), max_size=4))
def test_any_lines_are_answered(lines: list[str]) -> None:
    terminal = Terminal(CALLER)
    errors: list[str] = []

    async def type_them() -> None:
        for line in lines:
            complete(terminal.session, line)
            try:
                await execute(terminal.session, line)
            except GdbError as error:
                errors.append(str(error))
            except Quit:
                return

    trio.run(type_them)
    for text in errors:
        assert text.endswith((".", "?")), text
    for text in terminal.lines + errors:
        assert all(char.isprintable() or char == "\t" for char in text), ascii(text)
