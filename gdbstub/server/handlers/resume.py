"""``vCont``, ``c``, ``s`` and their kin: what a client asks for → one run of the debugger."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from gdbstub.errors import GdbError, RemoteProtocolError
from gdbstub.protocol import ALL, ThreadId, decode_number, messages
from gdbstub.protocol.messages import ThreadAction
from gdbstub.server.client_features import cpu_of
from gdbstub.server.plain_steps import ride
from gdbstub.sessions.shared_guest import Tell

if TYPE_CHECKING:
    from gdbstub.server.session import Client

ACTIONS = b"vCont;c;C;s;S;t;r"


class Wish(NamedTuple):
    """What one resume packet asks for. ``steps``: one instruction of vCPU ``cpu``, or as long as RIP is in ``range``;
    otherwise everything runs, or ``cpu`` alone if ``only``. ``others``: the other vCPUs run meanwhile."""

    steps: bool
    cpu: int | None = None
    range: tuple[int, int] | None = None
    others: bool = False
    only: bool = False


def wish_of(actions: tuple[ThreadAction, ...], cpu_of: dict[ThreadAction, int | None]) -> Wish | None:
    """What ``vCont``'s actions come to; None when nothing is to run (``t``). ``cpu_of`` has the vCPU that each names,
    None for all. The first action that steps counts; several vCPUs can't step at once, since a stub reports only the
    first (docs/backends.md)."""
    others = any(action.kind in "cC" for action in actions)
    for action in actions:
        if action.kind in "sSr":
            return Wish(True, cpu_of[action], _range(action), others)
    for action in actions:
        if action.kind in "cC":
            alone = cpu_of[action]
            return Wish(False, alone, only=alone is not None and len(actions) == 1)
    if all(action.kind == "t" for action in actions):
        return None
    raise RemoteProtocolError(f"There is no vCont action {actions[0].kind!r}.")


def _range(action: ThreadAction) -> tuple[int, int] | None:
    if action.kind != "r":
        return None
    start, _, end = action.argument.encode("latin-1").partition(b",")
    return decode_number(start), decode_number(end)


async def resume_threads(client: Client, payload: bytes) -> None:
    wish = _wish(payload, len(client.debugger.capabilities.cpus))
    if wish is None:
        client.repeat_stop()
    else:
        client.go(wish)


@lru_cache(maxsize=64)
def _wish(payload: bytes, cpus: int) -> Wish | None:
    """The same few come again at each step."""
    actions = messages.parse_thread_actions(payload)
    return wish_of(actions, {action: cpu_of(action.thread, cpus) for action in actions})


async def resume(client: Client, payload: bytes) -> None:
    """``c``, ``C``, ``s``, ``S``, with an address to go on at if there is one. Signals mean nothing to a guest."""
    kind, rest = payload[:1], payload[1:]
    address = rest.partition(b";")[2] if kind in b"CS" else rest
    if address:
        client.may_change()
        await client.set_pc(decode_number(address))
    stepping = kind in b"sS"
    client.go(Wish(stepping, client.run_cpu if stepping else None))


async def backwards(client: Client, payload: bytes) -> None:
    """``bs``, ``bc``: they kill a QEMU that is not replaying, and dr6 has no stop that came from going back."""
    raise GdbError("dr6 does not run a guest backwards.")


async def no_file(client: Client, payload: bytes) -> None:
    raise GdbError("No file operation is under way.")


async def run(client: Client, wish: Wish, tell: Tell) -> None:
    """Carry the wish out, in the client's turn. What a client asks for at every stop is read as soon as it is told."""
    debugger = client.debugger
    await client.points.sweep(every=not wish.steps or wish.range is not None)
    if wish.cpu is not None and wish.cpu != debugger.cpu and (wish.steps or wish.only):
        await debugger.select_cpu(wish.cpu)
    if client.party.broke_off and debugger.newest is not None:  # meanwhile
        tell(debugger.newest)
        return
    if not wish.steps:
        record = await debugger.resume(only=wish.cpu if wish.only else None)
    elif wish.range is not None:
        start, end = wish.range
        record = await debugger.run_steps(None, go_on=lambda pc: start <= pc < end and client.here, others=wish.others)
    elif client.shared.light:
        await debugger.step_lightly(tell, others=wish.others)
        await ride(client, wish.others, tell)
        return
    else:
        record = await debugger.run_steps(1, others=wish.others)
    tell(record.brief)
    await debugger.read_ahead()


def thread_of(text: bytes) -> ThreadId:
    """The thread of an ``H`` or ``T`` packet."""
    return ThreadId.parse(text) if text else ThreadId(None, ALL)
