"""``why`` and ``events``: the explanations of this session's stops."""

from __future__ import annotations

from typing import get_args

from frontend.clean import clean
from frontend.commands.linux import debug_lines
from frontend.commands.session import Session
from frontend.commands.source_place import line_here
from frontend.commands.stop_filter import EVERY, StopFilter
from frontend.commands.stop_text import describe, details, one_line
from frontend.commands.stop_words import kind, phrase
from frontend.commands.table import Arguments, Command, CommandError, number
from gdbstub.debugger.record import StopRecord
from gdbstub.explain.explanation import CauseName, GuestDr6


def find_record(session: Session, text: str) -> StopRecord:
    """Stop ``text`` (its number), or the newest for nothing. CommandError where it is not kept."""
    if not text:
        return session.record
    which = number(text.removeprefix("#"), "stop number")
    records = session.debugger.records
    for record in records:
        if record.number == which:
            return record
    if not records:
        raise CommandError("There is no stop yet.")
    raise CommandError(f"Stop {which} is not kept; there are {records[0].number} to {records[-1].number}.")


async def why(session: Session, arguments: Arguments) -> None:
    record = find_record(session, arguments.text)
    explanation = record.explanation
    detailed = details(explanation)
    place = None if record.ended else await line_here(session, record.state.pc)
    for line in describe(record, session.symbols, "" if place is None else str(place)):
        if line not in detailed:
            session.out(line)
    for line in details(explanation, sources=True):
        session.out(line)
    if explanation.guest_dr6 is not None:
        session.out(f"  {_guest(explanation.guest_dr6)}")
    if record.event is None or explanation.exit_dr6.value is not None:  # a guest's own event is no exit of dr6's
        session.out(f"  {_exit(record)}")
    for text in await _linux(session, record):
        session.out(f"  {text}")


async def _linux(session: Session, record: StopRecord) -> list[str]:
    """Linux's own account of a #DB that the guest stands at."""
    event, newest = record.event, session.debugger.records[-1]
    if event is None or event.vector != DEBUG or record is not newest or session.debugger.running or newest.ended:
        return []
    return await debug_lines(session, record.cpu)


def _guest(dr6: GuestDr6) -> str:
    parts = [f"the guest's DR6 is {dr6.value:#x}"]
    if dr6.set:
        parts.append(f"set by this event: {', '.join(dr6.set)}")
    if dr6.stale:
        parts.append(f"left from before: {', '.join(dr6.stale)}")
    if dr6.reserved_wrong:
        parts.append(f"reserved bits that no CPU shows so: {', '.join(dr6.reserved_wrong)}")
    return "; ".join(parts)


def _exit(record: StopRecord) -> str:
    dr6 = record.explanation.exit_dr6
    if dr6.value is None:
        return "the DR6 of the exit itself is unknown"
    by = "" if record.exit_source is None else f" by {record.exit_source}"
    return f"the DR6 of the exit itself is {dr6.value:#x} ({dr6.provenance}{by})"


async def events(session: Session, arguments: Arguments) -> None:
    if arguments.text not in ("", "all"):
        raise CommandError("events takes nothing, or all for the debugger's stops as well.")
    chosen = [record for record in session.debugger.records if arguments.text or record.event is not None]
    if not chosen:
        session.out("No event was caught yet; catch db catches the guest's #DB.")
    for record in chosen:
        session.out(one_line(record, session.symbols))


DEBUG = 1
CAUSES: tuple[str, ...] = get_args(CauseName)


def parse_filter(text: str) -> StopFilter:
    """The filter that ``text`` says; CommandError names what is none."""
    before, slash, sought = text.partition("/")
    found = EVERY._replace(text=sought.strip().lower())
    if slash and not found.text:
        raise CommandError("A text is missing behind /.")
    words = before.split()
    while words:
        word = words.pop(0)
        if word == "events":
            found = found._replace(events=True)
        elif word == "cpu" and words:
            found = found._replace(cpu=number(words.pop(0), "vCPU"))
        elif word == "cause" and words and words[0] in CAUSES:
            found = found._replace(cause=words.pop(0))
        elif word == "cause":
            raise CommandError(f"A cause is one of {', '.join(CAUSES)}.")
        elif word != "all":
            raise CommandError(f"{clean(word)!r} filters no stops: events, cpu N, cause NAME, /TEXT or all.")
    return found


async def stops(session: Session, arguments: Arguments) -> None:
    """``stops FILTER``: what the screen's list shows; without a screen a list of them."""
    sought = parse_filter(arguments.text)
    if session.filter_stops is not None:
        session.filter_stops(sought)
        return
    found = [line for record in session.debugger.records if (line := _stop_line(session, record, sought)) is not None]
    for line in found or [f"No stop is {sought.words}." if sought.words else "There is no stop yet."]:
        session.out(line)


def _stop_line(session: Session, record: StopRecord, sought: StopFilter) -> str | None:
    where = "" if record.ended else session.symbols.text(record.state.pc).strip()
    told = f"{kind(record):<6} {clean(phrase(record))}"
    if not sought.holds(record, f"{told} {where} {record.explanation.summary}"):
        return None
    return f"#{record.number} cpu{record.cpu} {told}  {where}".rstrip()


COMMANDS = (
    Command(
        "why",
        (),
        "[N]",
        "Explain the last stop, or stop N: causes, owner, evidence, sources.",
        why,
        "explaining",
        needs="",
    ),
    Command(
        "stops",
        (),
        "[events] [cpu N] [cause NAME] [/TEXT] | all",
        "Show only some of the stops in the list, and walk through those; all shows every one.",
        stops,
        "explaining",
        "Several may be given, and all have to hold: stops events cpu 1 /counter. Without a screen they are printed.",
        needs="",
    ),
    Command(
        "events",
        (),
        "[all]",
        "List the events that were caught in this session; all lists every stop.",
        events,
        "explaining",
        needs="",
    ),
)
