"""``monitor`` in stock gdb: dr6's own words first, the hypervisor's monitor for the rest, as the policy allows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from gdbstub.errors import GdbError
from gdbstub.x86.breakpoints import BreakpointKind

if TYPE_CHECKING:
    from gdbstub.server.session import Client

Answer = Callable[["Client", str], Awaitable[str]]


class MonitorCommand(NamedTuple):
    """A command of dr6 for a client's console."""

    name: str
    arguments: str
    help: str
    answer: Answer


async def _help(client: Client, _: str) -> str:
    lines = ["dr6's own monitor commands:"]
    lines += [f"  monitor {f'{row.name} {row.arguments}':<20} {row.help}" for row in WORDS]
    lines.append("What is none of these goes to the hypervisor's monitor.")
    return "\n".join(lines)


async def _why(client: Client, text: str) -> str:
    return await client.command(f"why {text}")


async def _events(client: Client, text: str) -> str:
    return await client.command(f"events {text}")


async def _dr(client: Client, _: str) -> str:
    return await client.command("dr")


async def _catch(client: Client, text: str) -> str:
    if not text:
        raise GdbError("catch needs vectors: monitor catch db, monitor catch gp,pf, monitor catch off.")
    caught = {row.vector: row for row in client.own_breakpoints() if row.kind is BreakpointKind.CATCH}
    if text == "off":
        for row in caught.values():
            await client.uncatch(row)
        return "No vectors are caught for this client any more."
    for number in client.words.vectors(text):
        if number not in caught:
            await client.catch(number)
    lines = []
    for row in client.own_breakpoints():
        if row.kind is BreakpointKind.CATCH:
            where = "no handler yet" if row.address is None else f"handler at {row.address:#x}"
            lines.append(f"Vector {row.vector} is caught ({where}).")
    return "\n".join(lines)


async def _clients(client: Client, _: str) -> str:
    return "\n".join(client.shared.describe(client.party))


async def _drive(client: Client, _: str) -> str:
    client.shared.take(client.party)
    return "This client drives the guest now."


async def _give(client: Client, _: str) -> str:
    client.shared.give(client.party)
    return "Whoever lets the guest run next drives it."


async def _dr6(client: Client, text: str) -> str:
    name, _, rest = text.partition(" ")
    if name in ("", "help", "dr6"):
        return await _help(client, "")
    row = _BY_NAME.get(name)
    return await (row.answer(client, rest.strip()) if row is not None else client.command(text))


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


async def answer(client: Client, command: str) -> str:
    """What ``monitor COMMAND`` prints. Raises `GdbError` where it may not be, or went wrong."""
    name, _, rest = command.strip().partition(" ")
    row = _BY_NAME.get(name)
    if row is not None:
        return await row.answer(client, rest.strip())
    client.policy.check_monitor(command)
    return await client.reach(lambda: client.debugger.monitor(command))
