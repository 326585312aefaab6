"""``why`` and ``events``: the explanations of this session's stops."""

from __future__ import annotations

from frontend.commands.session import Session
from frontend.commands.stop_text import describe, details, one_line
from frontend.commands.table import Arguments, Command, CommandError, number
from gdbstub.debugger.record import StopRecord
from gdbstub.explain.explanation import GuestDr6


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
    for line in describe(record, session.symbols):
        if line not in detailed:
            session.out(line)
    for line in details(explanation, sources=True):
        session.out(line)
    if explanation.guest_dr6 is not None:
        session.out(f"  {_guest(explanation.guest_dr6)}")
    session.out(f"  {_exit(record)}")


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
        "events",
        (),
        "[all]",
        "List the events that were caught in this session; all lists every stop.",
        events,
        "explaining",
        needs="",
    ),
)
