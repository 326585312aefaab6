"""Registers: ``g G p P``."""

from __future__ import annotations

from gdbstub.errors import GdbError, RemoteProtocolError
from gdbstub.protocol import Register, decode_number, decode_register
from gdbstub.server.register_file import Write
from gdbstub.server.session import ClientSession
from gdbstub.x86.cpu_state import CpuState


async def read_registers(session: ClientSession, _: bytes) -> bytes:
    raw, state = await _read(session)
    return session.registers.read_all(raw, state)


async def write_registers(session: ClientSession, payload: bytes) -> bytes:
    """``G``, as the ``P`` of each register that changes: QEMU's own ``G`` shifts them outside of 64-bit code."""
    raw, state = await _read(session)
    for write in session.registers.changes(payload[1:], session.registers.read_all(raw, state)):
        session.may_change()
        await _write(session, write)
    return b"OK"


async def read_register(session: ClientSession, payload: bytes) -> bytes:
    register = session.registers.register(decode_number(payload[1:]))
    raw, state = await _read(session, complete=session.registers.is_extra(register))
    return session.registers.read(register, raw, state)


async def write_register(session: ClientSession, payload: bytes) -> bytes:
    number, equals, text = payload[1:].partition(b"=")
    register = session.registers.register(decode_number(number))
    value = decode_register(text)
    if not equals or value is None or len(text) != 2 * register.size:
        raise RemoteProtocolError(f"A value for {register.name} has {2 * register.size} hex digits.")
    try:
        session.may_change()
        await _write(session, session.registers.write(register, value))
    except GdbError:
        if not await _holds(session, register, text):
            raise
    return b"OK"


async def _holds(session: ClientSession, register: Register, text: bytes) -> bool:
    """Is that its value already? gdb writes registers back behind a ``call``, those too that nobody can write."""
    raw, state = await _read(session, complete=session.registers.is_extra(register))
    return session.registers.read(register, raw, state) == text.lower()


async def set_pc(session: ClientSession, address: int) -> None:
    """Have the chosen vCPU go on at ``address``."""
    session.may_change()
    name = "rip" if "rip" in session.registers.layout.by_name else "eip"
    await _write(session, Write(name, address))


async def _read(session: ClientSession, *, complete: bool = False) -> tuple[bytes, CpuState]:
    """The stub's ``g`` and the state of the chosen vCPU, a ``complete`` one as `Debugger.state` has it."""
    debugger = session.debugger

    async def read() -> tuple[bytes, CpuState]:
        cpu = session.chosen_cpu
        return await debugger.raw_registers(cpu), await debugger.state(cpu, complete=complete)

    return await session.reach(read)


async def _write(session: ClientSession, write: Write) -> None:
    cpu = session.chosen_cpu
    await session.reach(lambda: session.debugger.set_register(write.name, write.value, cpu))
