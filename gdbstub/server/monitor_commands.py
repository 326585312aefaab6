"""``monitor`` in stock gdb: dr6's own words first, the hypervisor's monitor for the rest, as the policy allows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from gdbstub.debugger.breakpoints import Breakpoint
from gdbstub.errors import GdbError, did_you_mean
from gdbstub.server.access_policy import word_of
from gdbstub.server.physical_memory import check_physical, xp_range
from gdbstub.server.session import ClientSession
from gdbstub.x86.breakpoints import BreakpointKind

Answer = Callable[[ClientSession, str], Awaitable[str]]


class MonitorCommand(NamedTuple):
    """A command of dr6 for a client's console."""

    name: str
    arguments: str
    help: str
    answer: Answer


async def _help(session: ClientSession, _: str) -> str:
    lines = ["dr6's own monitor commands:"]
    lines += [f"  monitor {f'{row.name} {row.arguments}':<20} {row.help}" for row in WORDS]
    lines.append("What is none of these goes to the hypervisor's monitor.")
    return "\n".join(lines)


async def _why(session: ClientSession, text: str) -> str:
    return await session.command(f"why {text}")


async def _events(session: ClientSession, text: str) -> str:
    return await session.command(f"events {text}")


async def _dr(session: ClientSession, _: str) -> str:
    return await session.command("dr")


async def _catch(session: ClientSession, text: str) -> str:
    if not text:
        raise GdbError("catch needs vectors: monitor catch db, monitor catch gp,pf, monitor catch off.")
    caught = {row.vector: row for row in session.own_breakpoints() if row.kind is BreakpointKind.CATCH}
    if text == "off":
        for row in caught.values():
            await _let_go(session, row)
        return "No vectors are caught for this client any more."
    for number in session.words.vectors(text):
        if number not in caught:
            await _catch_vector(session, number)
    lines = []
    for row in session.own_breakpoints():
        if row.kind is BreakpointKind.CATCH:
            where = "no handler yet" if row.address is None else f"handler at {row.address:#x}"
            lines.append(f"Vector {row.vector} is caught ({where}).")
    return "\n".join(lines)


async def _catch_vector(session: ClientSession, vector: int) -> None:
    owner, kind, debugger = session.participant.number, BreakpointKind.CATCH, session.debugger
    await session.reach(lambda: debugger.add_breakpoint(kind, None, vector=vector, text=str(vector), owner=owner))


async def _let_go(session: ClientSession, row: Breakpoint) -> None:
    await session.reach(lambda: session.debugger.delete_breakpoint(row.number))


async def _clients(session: ClientSession, _: str) -> str:
    return "\n".join(session.shared.participants.describe(session.participant))


async def _drive(session: ClientSession, _: str) -> str:
    session.shared.participants.take(session.participant)
    return "This client drives the guest now."


async def _give(session: ClientSession, _: str) -> str:
    session.shared.give(session.participant)
    return "Whoever lets the guest run next drives it."


async def _dr6(session: ClientSession, text: str) -> str:
    name, _, rest = text.partition(" ")
    if name in ("", "help", "dr6"):
        return await _help(session, "")
    row = _BY_NAME.get(name)
    return await (row.answer(session, rest.strip()) if row is not None else session.command(text))


WORDS: tuple[MonitorCommand, ...] = (
    MonitorCommand("why", "[N]", "explain the last stop, or stop N", _why),
    MonitorCommand("events", "[all]", "the caught events so far; all: every stop", _events),
    MonitorCommand("dr", "", "the guest's debug registers, bit by bit", _dr),
    MonitorCommand("catch", "VECTORS|off", "stop at the guest's handlers: db, gp, pf, numbers", _catch),
    MonitorCommand("clients", "", "who shares this guest, and who drives", _clients),
    MonitorCommand("drive", "", "take the guest over: this client lets it run", _drive),
    MonitorCommand("give", "", "give the guest away to whoever asks next", _give),
    MonitorCommand("dr6", "COMMAND", "one of these, or any command of dr6 that only looks", _dr6),
)
_BY_NAME = {row.name: row for row in WORDS}


async def answer(session: ClientSession, command: str) -> str:
    """What ``monitor COMMAND`` prints. Raises `GdbError` where it may not be, or went wrong."""
    name, _, rest = command.strip().partition(" ")
    row = _BY_NAME.get(name)
    if row is not None:
        return await row.answer(session, rest.strip())
    if command.strip() == "help":
        return await _all_help(session)
    return await _passed_on(session, command)


async def _all_help(session: ClientSession) -> str:
    """The hypervisor's own help, where there is any that may be seen; dr6's, which is short, stands at the end."""
    own = await _help(session, "")
    try:
        return f"{(await _passed_on(session, 'help')).rstrip()}\n\n{own}"
    except GdbError:
        return own


async def _passed_on(session: ClientSession, command: str) -> str:
    try:
        session.policy.check_monitor(command)
    except GdbError as error:
        guess = did_you_mean(word_of(command), _BY_NAME)
        if not guess:
            raise
        raise GdbError(f"{error} Of dr6's own, {guess}") from error
    if word_of(command) == "xp" and not session.policy.devices:
        await check_physical(session, *xp_range(command))
    return await session.reach(lambda: session.debugger.monitor(command))
