"""``disassemble``."""

from __future__ import annotations

from frontend.clean import clean
from frontend.commands.arguments import split_arguments
from frontend.commands.examine import NO_MODE, readable
from frontend.commands.memory_format import instruction_line, instructions
from frontend.commands.session import Session
from frontend.commands.table import Arguments, Command, CommandError
from gdbstub.x86.decode import LONGEST

MOST_BYTES = 65536
FEW = 16


async def disassemble(session: Session, arguments: Arguments) -> None:
    """The function around an address, or a range; ``/r`` shows the bytes."""
    unknown = set(arguments.format) - set("rms")
    if unknown:
        raise CommandError(f"disassemble knows /r (the bytes), not /{clean(''.join(sorted(unknown)))}.")
    parts = split_arguments(arguments.text)
    if len(parts) > 2:
        raise CommandError("disassemble takes one address, or START,END, or START,+LENGTH.")
    start = (await session.location(parts[0])) if parts else (await session.state()).pc
    if len(parts) == 2:
        end = (await session.evaluate(parts[1].removeprefix("+"))).address
        end = start + end if parts[1].startswith("+") else end
        if not 0 < end - start <= MOST_BYTES:
            raise CommandError(f"The range has to have 1 to {MOST_BYTES} bytes.")
        await _dump(session, start, end, "", "r" in arguments.format)
        return
    symbol = session.symbols.symbol_at(start)
    if symbol is None:
        await _dump(session, start, None, "", "r" in arguments.format)
        return
    end = min(symbol.limit, symbol.address + MOST_BYTES)
    name = f" for function {symbol.name}" if symbol.kind == "function" else f" from {symbol.name} on"
    if (not symbol.size and start - symbol.address > 512) or (end - symbol.address > 4096 and not symbol.size):
        await _dump(session, start, None, "", "r" in arguments.format)
        return
    await _dump(session, symbol.address, end, name, "r" in arguments.format, symbol.address)


async def _dump(session: Session, start: int, end: int | None, title: str, raw: bool, base: int | None = None) -> None:
    """``end`` None means: a few instructions, because nothing says where the function ends."""
    state = await session.state()
    count = FEW if end is None else MOST_BYTES
    data = await readable(session, start, (FEW * LONGEST) if end is None else end - start + LONGEST - 1)
    session.out(f"Dump of assembler code{title or f' from {start:#x} on'}:")
    read = start
    for found in instructions(data, start, state.code_mode, count):
        if end is not None and found.address >= end:
            break
        read = found.address + len(found.bytes)
        label = None if base is None else f" <+{found.address - base}>"
        session.out(instruction_line(found, state.pc, session.symbols.text, raw=raw, label=label))
    if state.code_mode is None and read < (start + len(data) if end is None else end):
        session.out(NO_MODE.format(place=session.place(read)))
    session.out("End of assembler dump.")


async def code(session: Session, arguments: Arguments) -> None:
    """``code PLACE``: to the code pane; without a screen as ``x/16i``."""
    address = (await session.location(arguments.text)) if arguments.text else None
    if session.show_code is not None:
        await session.show_code(address)
    else:
        await _dump(session, (await session.state()).pc if address is None else address, None, "", raw=False)


COMMANDS = (
    Command(
        "disassemble",
        ("disas",),
        "[/r] [ADDRESS | START,END | START,+LENGTH]",
        "Disassemble the function around an address, or a range, in the CPU's mode.",
        disassemble,
        "data",
        "/r shows the bytes. Our own breakpoints are not in what is shown.",
        completes="location",
        slash=True,
    ),
    Command(
        "code",
        (),
        "[PLACE]",
        "Show the code at a place in the code pane; without one, that of the stop again.",
        code,
        "data",
        "At an event the pane shows where it came from, with the handler folded to a line; F6 opens that and comes "
        "back. Without a screen it prints the instructions.",
        completes="location",
    ),
)
