"""Where a process is behind the stub, and no machine: what dr6 has no opinion on is asked of the stub as it is.

gdb reads the program's file, its libraries and its auxiliary vector through the stub (``vFile``, ``qXfer``), and places
a program by them that is linked to run anywhere. Source: gdb manual, "General Query Packets", "Host I/O Packets".
"""

from __future__ import annotations

from gdbstub.protocol import decode_number, server_messages
from gdbstub.server.handlers import queries
from gdbstub.server.session import ClientSession


async def pass_on(session: ClientSession, payload: bytes) -> bytes:
    """The stub's own answer, about the thread that the client has chosen."""
    cpu = session.chosen_cpu
    return await session.reach(lambda: session.debugger.ask_about(cpu, payload))


async def pass_on_at_once(session: ClientSession, payload: bytes) -> bytes:
    """``qSymbol``: gdbserver waits, inside of it, for the answer to a question of its own."""
    return await session.reach(lambda: session.debugger.ask_stub(payload))


async def attached(session: ClientSession, payload: bytes) -> bytes:
    """Where the client may end the process it learns who started it, and a client that quits ends what the stub did;
    otherwise 1, and it detaches."""
    return await pass_on(session, payload) if session.policy.kill else b"1"


async def threads_object(session: ClientSession, payload: bytes) -> bytes:
    """gdb asks for it at each stop."""
    if server_messages.parse_object_part(payload)[1] == 0:
        await session.reach(session.debugger.process.threads)
    return await pass_on(session, payload)


async def detach(session: ClientSession, payload: bytes) -> bytes:
    """One of several processes goes, and the client stays; or it leaves."""
    process = session.debugger.process
    cpu = await session.reach(lambda: process.leave(decode_number(payload.partition(b";")[2]), session.debugger.cpu))
    if cpu is None:
        return await queries.detach(session, payload)
    if cpu != session.debugger.cpu:
        await session.reach(lambda: session.debugger.select_cpu(cpu))
    return b"OK"


async def first_threads(session: ClientSession, payload: bytes) -> bytes:
    threads = await session.reach(session.debugger.process.threads)
    features, process = session.features, session.debugger.process
    named = [features.thread(cpu) for thread in threads if (cpu := process.number_of(thread)) is not None]
    return server_messages.format_threads(named)
