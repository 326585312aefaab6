"""What could stand at the end of a line: commands, subjects, breakpoints, vectors, registers, symbols."""

from __future__ import annotations

import re

from frontend.commands.dispatch import COMMANDS, find_command
from frontend.commands.info import SUBJECTS
from frontend.commands.registers import register_names
from frontend.commands.session import Session
from frontend.commands.table import Command
from gdbstub.errors import GdbError
from gdbstub.x86.exceptions import VECTORS

MOST = 200
Candidate = tuple[str, str]
_WORD = re.compile(r"[^\s,()*+\-/&|^~!<>={}\[\]:%]*$")


def word_at_end(text: str) -> str:
    """The part of ``text`` that a candidate of `complete` replaces."""
    match = _WORD.search(text)
    return match[0] if match else ""


def complete(session: Session, text: str) -> list[Candidate]:
    """``(word, what it is)`` for the word at the end of ``text``, in order; it replaces `word_at_end`."""
    text = text.lstrip()
    word = word_at_end(text)
    if re.fullmatch(r"[\w-]*", text):
        return _words(session, text)
    head = text[: len(text) - len(word)]
    try:
        command = find_command(re.split(r"[\s/]", head.strip(), maxsplit=1)[0])
    except GdbError:
        return []
    return _arguments(session, command, head, word)[:MOST]


def _words(session: Session, begun: str) -> list[Candidate]:
    """Commands, the user's own too."""
    names = {row.name: row.help for row in COMMANDS}
    names |= {name: row.help.splitlines()[0] if row.help else "" for name, row in session.definitions.items()}
    return [(name, names[name]) for name in sorted(names) if name.startswith(begun)]


def whole_lines(session: Session, text: str) -> list[str]:
    """The lines that ``text`` could become."""
    head = text[: len(text) - len(word_at_end(text))]
    return [f"{head}{word}" for word, _ in complete(session, text)]


def _arguments(session: Session, command: Command, head: str, word: str) -> list[Candidate]:
    match command.completes:
        case "command":
            return _words(session, word)
        case "info":
            parts = head.split()
            if len(parts) < 2:
                return [(row.name, row.help) for row in SUBJECTS if row.name.startswith(word)]
            return _names(session, word) if parts[1] in ("registers", "r", "reg") else _places(session, word)
        case "vector":
            names = ((row.mnemonic, f"{row.name} {row.title}") for row in VECTORS if row.mnemonic)
            return [row for row in names if row[0].startswith(word.lstrip("#").lower())]
        case "breakpoint":
            rows = [row for row in session.debugger.breakpoints.values() if not row.hidden]
            return [(str(row.number), row.text) for row in rows if str(row.number).startswith(word)]
        case "location":
            return _places(session, word)
    return []


def _places(session: Session, word: str) -> list[Candidate]:
    if word.startswith("$"):
        return [(f"${name}", what) for name, what in _names(session, word[1:])]
    if not word:
        return []
    found: list[Candidate] = []
    for name in session.symbols.starting_with(word, MOST):
        address = session.symbols.lookup(name)
        found.append((name, "" if address is None else f"{address:#x}"))
    return found


def _names(session: Session, word: str) -> list[Candidate]:
    records = session.debugger.records
    names = register_names(records[-1].state) if records else []
    variables = [name for name in session.variables if name not in names]
    return [(name, "register") for name in names if name.startswith(word.lower())] + [
        (name, "variable") for name in variables if name.startswith(word)
    ]
