"""``undo``: what ``set`` wrote into the guest, taken back."""

from __future__ import annotations

from frontend.commands.remembered import MemoryWrite, RegisterWrite
from frontend.commands.session import Session
from frontend.commands.table import Arguments, Command, CommandError, no_arguments
from gdbstub.errors import Refused
from gdbstub.x86.cpu_state import CpuState

UNREAD = "without a screen, set does not read what it writes over"
REFUSED = "it could not be read"


async def write_memory(session: Session, address: int, data: bytes) -> None:
    """As `Debugger.write_memory`, and remember what was there, where that may and can be read."""
    old, why = None, UNREAD
    if session.reads_overwritten:
        try:
            old = await session.read_memory(address, len(data))
        except Refused:
            why = REFUSED
    await session.debugger.write_memory(address, data)
    session.written.append(MemoryWrite(address, old, data, "" if old is not None else why))


async def write_register(session: Session, state: CpuState, name: str, value: int) -> None:
    """As `Debugger.set_register` of the vCPU of ``state``, and remember what was in it."""
    await session.debugger.set_register(name, value)
    old = state.registers.get(name)
    if old is not None and session.debugger.records:
        session.written.append(RegisterWrite(session.debugger.records[-1].number, state.cpu, name, old))


async def undo(session: Session, arguments: Arguments) -> None:
    no_arguments("undo", arguments)
    if not session.written:
        raise CommandError("There is nothing to undo: set has written nothing, or all of it is taken back.")
    last = session.written[-1]
    if isinstance(last, MemoryWrite):
        await _undo_memory(session, last)
    else:
        await _undo_register(session, last)


async def _undo_memory(session: Session, last: MemoryWrite) -> None:
    place = session.place(last.address)
    if last.old is None:
        session.written.pop()
        raise CommandError(f"{place} can't be taken back: nobody knows what was there before ({last.why}).")
    now = await session.read_memory(last.address, len(last.new))
    if now not in (last.new, last.old):
        session.written.pop()
        raise CommandError(f"{place} is left alone: it holds {now.hex(' ')} by now, not what set wrote.")
    await session.debugger.write_memory(last.address, last.old)
    session.written.pop()
    session.out(f"{place}: {last.new.hex(' ')} → {last.old.hex(' ')}")


async def _undo_register(session: Session, last: RegisterWrite) -> None:
    session.written.pop()
    if last.stop != session.record.number:
        raise CommandError(f"${last.name} is left alone: the guest has gone on since it was set.")
    await session.debugger.set_register(last.name, last.old, last.cpu)
    session.out(f"${last.name} = {last.old:#x}")


COMMANDS = (
    Command(
        "undo",
        (),
        "",
        "Take back what set wrote last into memory or a register; again, what it wrote before.",
        undo,
        "data",
        "Memory that has changed since, and a register of a guest that has gone on, are left alone. Memory is taken "
        "back on a screen only: there set reads first what it writes over, which a device may act on where its "
        "registers lie; without a screen (--batch, --plain, a script) it doesn't.",
    ),
)
