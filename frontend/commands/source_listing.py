"""``list``, ``directory``, ``info source``, and the settings of both: the text of the source."""

from __future__ import annotations

import os.path
import shlex

from frontend.clean import clean
from frontend.commands.session import Session
from frontend.commands.source_place import NO_LINES, NO_TEXT, named_place, selected_place
from frontend.commands.source_view import Listed, SourcePlace
from frontend.commands.subject import Subject
from frontend.commands.table import Arguments, Command, CommandError, number, refuse_files

MOST_LINES = 100_000


async def list_(session: Session, arguments: Arguments) -> None:
    """gdb's forms of ``list``."""
    source, text = session.source, arguments.text.strip()
    here = await _stop_key(session)
    listed = source.listed if source.listed is not None and source.listed.at == here else None
    if text in ("", "+", "-", "."):
        await _go_on(session, text, None if text == "." else listed)
        return
    near = listed.place if listed is not None else await selected_place(session)
    first, comma, last = (part.strip() for part in text.partition(","))
    if not comma:
        place = await _relative(session, first, listed, near)
        _show(session, _around(session, place), session.source.size, here)
    elif not first:
        place = await _relative(session, last, listed, near)
        begin = max(1, place.line - source.size + 1)
        _show(session, place._replace(line=begin), place.line - begin + 1, here)
    else:
        place = await _relative(session, first, listed, near)
        count = source.size
        if last.startswith("+") and last[1:].isdigit():
            count = int(last[1:]) + 1
        elif last:
            end = await named_place(session, last, place)
            if end[:2] != place[:2]:
                raise CommandError("Specified first and last lines are in different files.")
            count = end.line - place.line + 1
        if count < 1:
            raise CommandError("Second line of a list is before the first.")
        _show(session, place, count, here)


async def _relative(session: Session, text: str, listed: Listed | None, near: SourcePlace | None) -> SourcePlace:
    """A place; ``+N`` and ``-N`` count from the last line that was listed."""
    if text[:1] in ("+", "-") and text[1:].isdigit():
        if listed is None:
            raise CommandError(f"list {clean(text)} counts from a line that was listed, and none was at this stop.")
        line = listed.last + int(text) if text[0] == "+" else max(1, listed.place.line + int(text))
        return listed.place._replace(line=line)
    if text.startswith("*"):
        address = await session.location(text)
        place = await named_place(session, text, near)
        function = session.symbols.nearest(address)
        place_text = clean(str(place)) if function is None else f"{function[0]} ({clean(str(place))})"
        session.out(f"{address:#x} is in {place_text}.")
        return place
    return await named_place(session, text, near)


async def _go_on(session: Session, way: str, listed: Listed | None) -> None:
    """The lines behind those that were listed last, those in front of them, or those around where the guest stands."""
    here, size = await _stop_key(session), session.source.size
    if listed is None:
        place = await selected_place(session)
        if place is None:
            raise CommandError(NO_LINES.format(of=f" for {session.place((await session.state()).pc)}"))
        around = _around(session, place)
        if way == "-":
            begin = max(1, around.line - size)
            _show(session, place._replace(line=begin), around.line - begin, here)
        else:
            _show(session, around, size, here)
    elif way == "-":
        if listed.place.line <= 1:
            raise CommandError(f"Already at the start of {clean(listed.place.file)}.")
        begin = max(1, listed.place.line - size)
        _show(session, listed.place._replace(line=begin), listed.place.line - begin, here)
    else:
        _show(session, listed.place._replace(line=listed.last + 1), size, here)


def _around(session: Session, place: SourcePlace) -> SourcePlace:
    """The first of the lines that have ``place`` in their middle, as gdb counts them."""
    return place._replace(line=max(1, place.line - session.source.size // 2))


async def _stop_key(session: Session) -> tuple[int, ...]:
    state = await session.state()
    return session.debugger.records[-1].number if session.debugger.records else -1, state.cpu, session.frame


def _show(session: Session, first: SourcePlace, count: int, here: tuple[int, ...]) -> None:
    lines = session.source.text(first)
    if lines is None:
        raise CommandError(NO_TEXT.format(place=clean(str(first)), file=clean(first.file)))
    shown = lines[first.line - 1 : first.line - 1 + min(count, MOST_LINES)]
    if not shown:
        whole = f"{len(lines)} line{'s' * (len(lines) != 1)}"
        raise CommandError(f"Line number {first.line} out of range; {clean(first.file)} has {whole}.")
    for at, line in enumerate(shown, first.line):
        session.out(f"{at}\t{line}")
    session.source.listed = Listed(first, first.line + len(shown) - 1, here)


async def directory(session: Session, arguments: Arguments) -> None:
    """``directory [DIR]…``: the newest are looked through first; without one, none is any more."""
    files = session.source.files
    if not arguments.text:
        if files.directories and await session.sure("Look for source in no directories any more?"):
            files.directories.clear()
        session.out("Source is looked for where the compiler had it.")
        return
    words = _folders(arguments.text)
    files.directories[:] = [*words, *(path for path in files.directories if path not in words)]
    session.out(f"Source directories searched: {clean(os.pathsep.join(files.directories))}")
    session.on_names()


def _folders(text: str) -> list[str]:
    try:
        words = [path for word in shlex.split(text) for path in word.split(os.pathsep) if path]
    except ValueError as error:
        raise CommandError(f"The arguments of directory do not end: {error}.") from error
    for path in words:
        if not os.path.isdir(os.path.expanduser(path)):
            raise CommandError(f"{clean(path)} is no directory.")
    return words


def substitute_path(session: Session, text: str) -> None:
    """``set substitute-path FROM TO``."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise CommandError(f"The arguments of set substitute-path do not end: {error}.") from error
    if len(words) != 2:
        raise CommandError("set substitute-path needs two paths: what a file's path begins with, and what instead.")
    if not session.may_use_files:
        raise CommandError("A replay reads no files of this machine, so there is no path to be substituted.")
    session.source.files.substitutions.pop(words[0], None)
    session.source.files.substitutions[words[0]] = words[1]
    session.on_names()


def list_size(session: Session, text: str) -> None:
    """``set listsize N``."""
    count = MOST_LINES if text == "unlimited" else number(text, "number of lines")
    if not 1 <= count <= MOST_LINES:
        raise CommandError(f"A listing can have 1 to {MOST_LINES} lines.")
    session.source.size = count


def step_into_handlers(session: Session, text: str) -> None:
    """``set step-into-handlers on|off``."""
    if text not in ("on", "off"):
        raise CommandError("set step-into-handlers takes on or off.")
    session.source.into_handlers = text == "on"


async def source(session: Session, text: str) -> None:
    """``info source``."""
    place = await selected_place(session)
    if place is None:
        session.out("No current source file.")
        return
    found = session.source.files.find(place.file, place.directory)
    session.out(f"Current source file is {clean(place.file)}, line {place.line}")
    if place.directory:
        session.out(f"Compilation directory is {clean(place.directory)}")
    if found is not None:
        session.out(f"Located in {clean(found.path)}")
        session.out(f"Contains {len(found.lines)} line{'s' * (len(found.lines) != 1)}.")
    else:
        session.out(NO_TEXT.format(place="Not located", file=clean(place.file)))


SUBJECTS = (Subject("source", (), "The source file of where the guest stands, and where its text is.", source),)
COMMANDS = (
    Command(
        "list",
        ("l",),
        "[N | FUNCTION | FILE:N | FILE:FUNCTION | *ADDRESS | FIRST,LAST | + | - | .]",
        "List lines of the source.",
        list_,
        "data",
        "Around a place, or, without one, around where the guest stands and then on from there; - lists those in "
        "front, . around the guest again. set listsize N lists N lines.",
        repeat="bare",
        completes="location",
    ),
    Command(
        "directory",
        ("dir",),
        "[DIR]…",
        "Look for source files in directories, too; without one, in none.",
        directory,
        "session",
        "A file is looked for with its whole path below DIR, then with more and more of its beginning left out. "
        "set substitute-path FROM TO rewrites the beginning of paths.",
        needs="",
        without_files=refuse_files,
    ),
)
