"""A line → its command: abbreviations, unique prefixes, the empty line, ``commands`` … ``end``."""

from __future__ import annotations

import re
from collections import deque

import trio

from frontend.clean import clean
from frontend.commands import (
    blocks,
    breaking,
    code,
    defining,
    displaying,
    examine,
    explaining,
    finding,
    general,
    hitting,
    info,
    linux,
    memory_view,
    printing,
    running,
    saving,
    scopes,
    setting,
    sharing,
    shell,
    source_listing,
    symbol_files,
    tracing,
    translate,
    undoing,
)
from frontend.commands.collecting import BlockLine, Collecting
from frontend.commands.defining import expand
from frontend.commands.helping import help_command
from frontend.commands.restoring import restore_command
from frontend.commands.session import Session
from frontend.commands.sourcing import source_command
from frontend.commands.table import Arguments, Command, CommandError
from frontend.commands.words import elsewhere, near

LONGEST_LINE = 4096
MOST_COMMANDS = 1000
NAMELESS = frozenset(("quit", "help", "detach", "kill", "panes"))
"""Commands that do not wait for the files with symbols."""
_LINE = re.compile(r"(?P<name>!|[A-Za-z][\w-]*)(?:/(?P<format>\S*))?\s*(?P<rest>.*)", re.DOTALL)


async def execute(session: Session, line: str) -> None:
    """Carry out one line, and what it sets off (the commands of a breakpoint that it runs into).

    An empty line repeats the last one that may be repeated. Raises a `GdbError` with one sentence, or `Quit`.
    """
    session.note("command", line)
    session.interrupted = False
    block: deque[str] = deque()
    session.blocks.append(block)
    try:
        await _one(session, line)
        while queue := block or (session.pending if len(session.blocks) == 1 else None):
            following = queue.popleft()
            await trio.lowlevel.checkpoint()  # a loop of commands can be interrupted
            if following.strip():
                await _one(session, following, repeat=False)
            if not queue:
                session.collecting = None  # where an interrupt took the rest of a block
    except BaseException:
        session.pending.clear()
        session.collecting = None
        raise
    finally:
        session.blocks.pop()


async def _one(session: Session, line: str, *, repeat: bool = True) -> None:
    if len(line) > LONGEST_LINE:
        raise CommandError(f"The line is longer than {LONGEST_LINE} characters.")
    line = line.strip()
    if session.collecting is not None:
        await _collect(session, session.collecting, line)
        return
    if line.startswith("#"):
        return
    if not line:
        line = session.last_line
        if not line:
            return
    name, _, rest = line.partition(" ")
    if (defined := session.definitions.get(name)) is not None:
        expand(session, name, defined, rest)
        return
    command, arguments = parse_line(line)
    if repeat and command.repeat != "other":
        session.last_line = {"same": line, "bare": command.name, "": ""}[command.repeat]
    _check_needs(session, command)
    if command.name not in NAMELESS:
        await session.names_ready()
        await session.look_for_slide()
    withheld = None if session.may_use_files or not arguments.text else command.without_files
    await (withheld or command.handler)(session, arguments)


def parse_line(line: str) -> tuple[Command, Arguments]:
    """The row and the arguments of a line that is not empty. CommandError where it names no command."""
    match = _LINE.fullmatch(line)
    if match is None:
        raise CommandError(f"{clean(line[:40])!r} is no command; help lists them.")
    form, rest = match["format"], match["rest"].strip()
    word = match["name"].lower()
    if rest and word in _BY_NAME and (other := elsewhere(word)) is not None:
        raise CommandError(other)
    command = find_command(word)
    if form is None and command.slash and rest.startswith("/"):  # gdb takes "x /4xw ADDRESS" as well
        form, _, rest = rest[1:].partition(" ")
    if form is not None and not command.slash:
        raise CommandError(f"{command.name} takes no /{clean(form)}.")
    return command, Arguments(rest.strip(), form or "")


def find_command(name: str) -> Command:
    """By name, gdb's abbreviation or unique prefix. CommandError lists the candidates."""
    exact = _BY_NAME.get(name.lower())
    if exact is not None:
        return exact
    if (other := elsewhere(name.lower())) is not None:
        raise CommandError(other)
    found = [row for row in COMMANDS if row.name.startswith(name.lower())]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(row.name for row in found)
        raise CommandError(f"{name} is ambiguous; it could be {names}.")
    raise CommandError(f"{clean(name)} is no command of dr6; {near(name.lower(), [row.name for row in COMMANDS])}")


def _check_needs(session: Session, command: Command) -> None:
    if not command.needs:
        return
    if session.debugger.ended:
        raise CommandError(f"{command.name} needs a guest, and the guest is gone.")
    if command.needs == "stopped" and session.debugger.running:
        raise CommandError(f"{command.name} needs a stopped guest, and the guest is running; interrupt it first.")


async def _collect(session: Session, collected: Collecting, line: str) -> None:
    if line == "end" and collected.depth == 0:
        session.collecting = None
        await collected.keep(collected.lines)
        return
    if len(collected.lines) >= MOST_COMMANDS:
        session.collecting = None
        raise CommandError(f"A block may have at most {MOST_COMMANDS} lines.")
    if collected.nests and line == "end":
        collected.depth -= 1
    if (line and not line.startswith("#")) or not collected.nests:
        collected.lines.append(BlockLine(line, collected.depth))
    if collected.nests and _opens(line):
        collected.depth += 1


def _opens(line: str) -> bool:
    """Does a block begin that has an ``end`` of its own? A line that is no command says so when it is run."""
    try:
        return bool(line) and parse_line(line)[0].opens
    except CommandError:
        return False


COMMANDS: tuple[Command, ...] = (
    *running.COMMANDS,
    *breaking.COMMANDS,
    *hitting.COMMANDS,
    *blocks.COMMANDS,
    *defining.COMMANDS,
    *saving.COMMANDS,
    *examine.COMMANDS,
    *finding.COMMANDS,
    *printing.COMMANDS,
    *displaying.COMMANDS,
    *memory_view.COMMANDS,
    *setting.COMMANDS,
    *undoing.COMMANDS,
    *code.COMMANDS,
    *source_listing.COMMANDS,
    *translate.COMMANDS,
    *info.COMMANDS,
    *explaining.COMMANDS,
    *sharing.COMMANDS,
    *symbol_files.COMMANDS,
    *tracing.COMMANDS,
    *scopes.COMMANDS,
    *linux.COMMANDS,
    *shell.COMMANDS,
    *general.COMMANDS,
    source_command(execute),
    restore_command(execute),
    help_command(lambda: COMMANDS, find_command),
)
_BY_NAME = {short: row for row in COMMANDS for short in (row.name, *row.short)}
