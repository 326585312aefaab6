"""Commands of ``dr6 replay TRACE``: through a trace, forwards and backwards, and to what one looks for.

Names are gdb's where it has them. A console answers with lines that are not cleaned yet.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

from frontend.cli.columns import listed
from frontend.cli.explain_row import explained
from frontend.cli.row_text import heading
from frontend.cli.trace_cursor import TraceCursor
from frontend.commands.memory_format import format_value
from frontend.commands.table import CommandError, Quit, number
from frontend.commands.words import near
from gdbstub.trace.walk.criteria import changed, events, ran, touched

LISTED = 10
"""Events that ``events`` shows, around the row that is looked at."""
NO_ACCESSES = "Nobody saw memory in this trace: dr6 trace --engine plugin does."


class WalkConsole(TraceCursor):
    """One line after another."""

    _last = ""

    def run(self, line: str) -> list[str]:
        """Carry out one line; an empty one repeats. Raises a `GdbError` with one sentence, or `Quit`."""
        line = line.strip() or self._last
        if not line or line.startswith("#"):
            return []
        word, _, rest = line.partition(" ")
        command = find(word)
        self._last = line if command.repeats else ""
        return command.handler(self, rest.strip())


# -- the commands ------------------------------------------------------------------------------------------------


def _stepi(console: WalkConsole, text: str, *, forwards: bool = True) -> list[str]:
    return console.step(number(text, "number of rows") if text else 1, forwards=forwards)


def _event(console: WalkConsole, text: str, *, forwards: bool = True) -> list[str]:
    return console.seek(events(), "is an exception or interrupt of the guest's", forwards=forwards)


def _goto(console: WalkConsole, text: str) -> list[str]:
    ends = {"first": console.trace.first, "last": console.trace.last}
    return console.go(ends[text] if text in ends else number(text.removeprefix("#"), "row: a number, first or last"))


def _events(console: WalkConsole, text: str) -> list[str]:
    most = number(text, "number of events") if text else LISTED
    behind = list(islice(console.trace.matching(events(), console.at, forwards=True), most))
    kept = max(most // 2, most - len(behind))
    before = [*reversed([*islice(console.trace.matching(events(), console.at + 1, forwards=False), kept)])]
    found = [*before, *behind][:most]
    if not found:
        return ["The trace has no events."]
    return [f"{'>' if one == console.at else ' '} {console.one(one)}" for one in found]


def _search(console: WalkConsole, text: str) -> list[str]:
    forwards, text = _way(text, usually=True)
    if not text:
        raise CommandError("search takes a part of an instruction, as in search cli.")
    wanted = text.lower()
    found = console.trace.instructions(lambda address, shown: wanted in shown.lower())
    return console.seek(ran(found), f"ran an instruction with {text!r} in it", forwards=forwards)


def _advance(console: WalkConsole, text: str) -> list[str]:
    forwards, text = _way(text, usually=True)
    address = console.evaluate(text.removeprefix("*")).address
    found = console.trace.instructions(lambda one, shown: one == address)
    return console.seek(ran(found), f"ran the instruction at {address:#x}", forwards=forwards)


def _changed(console: WalkConsole, text: str) -> list[str]:
    forwards, text = _way(text, usually=False)
    name = text.removeprefix("$").lower()
    row = console.trace.row(console.at)
    if name not in row["regs"] and name not in row["dr"]:
        raise CommandError(f"${name} is no register of this row; it has {', '.join(row['regs'])}.")
    return console.seek(changed(name), f"changes {name}", forwards=forwards)


def _touched(console: WalkConsole, text: str, *, writes_only: bool) -> list[str]:
    forwards, text = _way(text, usually=False)
    place, slash, size = text.rpartition("/")
    place, length = (place, number(size, "length in bytes")) if slash else (text, 1)
    if length < 1:
        raise CommandError("The length is 1 byte at least.")
    if not console.trace.has_accesses:
        raise CommandError(NO_ACCESSES + console.missing())
    address = console.evaluate(place.removeprefix("*")).address
    did = f"{'writes' if writes_only else 'reads or writes'} {length} {'byte' if length == 1 else 'bytes'}"
    criterion = touched(address, length, writes_only=writes_only)
    return console.seek(criterion, f"{did} at {address:#x}", forwards=forwards)


def _way(text: str, *, usually: bool) -> tuple[bool, str]:
    """Forwards? By ``-f`` and ``-b`` in front, else as ``usually``; and the rest."""
    flag, _, rest = text.partition(" ")
    return (flag == "-f", rest.strip()) if flag in ("-f", "-b") else (usually, text)


def _why(console: WalkConsole, text: str) -> list[str]:
    row = console.trace.row(console.at)
    return explained(console.trace.header, console.trace.before(row), row, console.width)


def _print(console: WalkConsole, text: str) -> list[str]:
    value = console.evaluate(text)
    return [f"{format_value(value, 'x', console.symbols.text)}  ({value.number})"]


def _info(console: WalkConsole, text: str) -> list[str]:
    trace = console.trace
    end = trace.end
    ended = f"ended: {end['reason']}, after {end['seconds']:.2f} s" if end else "it was cut off: it has no end row"
    gaps = [f"gap at #{row['from']}: {row['why']}" for row in trace.gaps]
    return [heading(trace.header), f"rows {trace.first} to {trace.last}; {ended}", *gaps, *trace.damaged]


def _source(console: WalkConsole, text: str) -> list[str]:
    try:
        with open(text, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError as error:
        raise CommandError(f"{text} can't be read: {error.strerror}.") from error
    return [said for line in lines if line.strip() for said in console.run(line)]


def _help(console: WalkConsole, text: str) -> list[str]:
    return list(listed(((f"{one.name} {one.arguments}".rstrip(), one.help) for one in COMMANDS), console.width))


def _quit(console: WalkConsole, text: str) -> list[str]:
    raise Quit(number(text, "exit code") if text else 0)


class WalkCommand(NamedTuple):
    """``short`` are abbreviations; ``repeats``: does an empty line do it again?"""

    name: str
    short: tuple[str, ...]
    arguments: str
    help: str
    handler: Callable[[WalkConsole, str], list[str]]
    repeats: bool = False


COMMANDS = (
    WalkCommand("stepi", ("si", "step", "s", "nexti", "ni"), "[N]", "N rows on", _stepi, True),
    WalkCommand("reverse-stepi", ("rsi",), "[N]", "N rows back", lambda c, t: _stepi(c, t, forwards=False), True),
    WalkCommand("continue", ("c",), "", "to the next exception or interrupt", _event, True),
    WalkCommand("reverse-continue", ("rc",), "", "to the one before", lambda c, t: _event(c, t, forwards=False), True),
    WalkCommand("goto", ("g",), "N|first|last", "to a row by its number", _goto),
    WalkCommand("events", ("e",), "[N]", "N events around this row", _events),
    WalkCommand("advance", ("until",), "[-b] PLACE", "to where the instruction at a place ran next", _advance, True),
    WalkCommand("search", ("/",), "[-b] TEXT", "to the next instruction with TEXT in it", _search, True),
    WalkCommand(
        "written",
        ("w",),
        "[-f] PLACE[/LEN]",
        "to the last write of that memory before this row",
        lambda c, t: _touched(c, t, writes_only=True),
        True,
    ),
    WalkCommand(
        "accessed",
        (),
        "[-f] PLACE[/LEN]",
        "to the last read or write of it",
        lambda c, t: _touched(c, t, writes_only=False),
        True,
    ),
    WalkCommand("changed", (), "[-f] REGISTER", "to the last row before this one that changed it", _changed, True),
    WalkCommand("show", (), "", "all of this row", lambda c, t: c.whole()),
    WalkCommand("why", (), "", "why: what was concluded, or follows now", _why),
    WalkCommand("print", ("p",), "EXPRESSION", "of registers behind this row, and symbols", _print),
    WalkCommand("info", ("i",), "", "the trace: whose, how long, what is missing", _info),
    WalkCommand("source", (), "FILE", "commands from a file", _source),
    WalkCommand("help", ("h",), "", "this list; -f looks forwards, -b backwards", _help),
    WalkCommand("quit", ("q", "exit"), "[CODE]", "leave", _quit),
)


def find(word: str) -> WalkCommand:
    """By name, abbreviation or unique prefix. Raises CommandError."""
    word = word.lower()
    for one in COMMANDS:
        if word == one.name or word in one.short:
            return one
    found = [one for one in COMMANDS if one.name.startswith(word)]
    if len(found) == 1:
        return found[0]
    names = [one.name for one in COMMANDS]
    if found:
        raise CommandError(f"{word} is ambiguous; it could be {', '.join(one.name for one in found)}.")
    raise CommandError(f"{word} is no command of a trace; {near(word, names)}")
