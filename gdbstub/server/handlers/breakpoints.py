"""``Z`` and ``z``."""

from __future__ import annotations

from gdbstub.errors import Unsupported
from gdbstub.protocol.server_messages import parse_breakpoint
from gdbstub.server.client_breakpoints import key_of
from gdbstub.server.conditions import AgentPrograms
from gdbstub.server.session import ClientSession


async def answer_breakpoint(session: ClientSession, payload: bytes) -> bytes:
    request = parse_breakpoint(payload)
    key = key_of(request)
    row = session.breakpoints.get(key)
    if request.insert:
        programs = AgentPrograms(request.options, session.registers, session.said, session.print_soon)
        if row is None:
            try:
                row = await session.reach(lambda: session.breakpoints.insert(key))
            except Unsupported:
                return b""  # so gdb makes a read watchpoint of one for any access
        row.removal_pending = False
        row.test = programs.condition(row)
    else:
        session.breakpoints.mark(key)
    return b"OK"
