"""What the panes in sight read at a stop beyond the code and the top of the stack.

Reading is `read_extras`; the rest is plain data. A pane that was not in sight has None: nothing was read for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from frontend.commands.cpu_tables import gdt_lines, idt_lines
from frontend.commands.displaying import Shown, shown
from frontend.commands.frames import stack_base
from frontend.commands.memory_view import CPUS, MEMORY, PAGES, STACK, TABLES, WATCH, MemoryArea, read_area
from frontend.commands.session import Session
from frontend.commands.translate import walk_lines
from frontend.tui.telescope import Chain, StackWord, Telescope
from gdbstub.errors import GdbError, ProtocolError, TransportError
from gdbstub.x86.cpu_state import CpuState

MOST_CPUS = 64
NOTHING_FOLLOWED = MemoryArea("")


class WatchRow(NamedTuple):
    """A display as it is at a stop."""

    number: int
    shown: Shown


class CpuRow(NamedTuple):
    """A vCPU as it is at a stop. ``why`` says why nothing else is known of it."""

    number: int
    state: CpuState | None
    where: str = ""
    why: str = ""


class Extras(NamedTuple):
    """By pane; ``chains`` go with the words of the stack. Tables and page walk are lines of text."""

    memory: MemoryArea | None = None
    watch: tuple[WatchRow, ...] | None = None
    chains: tuple[Chain, ...] | None = None
    cpus: tuple[CpuRow, ...] | None = None
    tables: tuple[str, ...] | None = None
    pages: tuple[str, ...] | None = None


NONE = Extras()


async def read_extras(session: Session, state: CpuState, stack: tuple[StackWord, ...]) -> Extras:
    """For the panes that are in sight (`PaneSubjects.seen`), of a guest that stands still with the selected vCPU in
    ``state``. Errors of the link are raised; what else fails is said in the pane."""
    seen = session.panes.seen
    return Extras(
        await _memory(session) if MEMORY in seen else None,
        await _watch(session) if WATCH in seen else None,
        await _chains(session, state, stack) if STACK in seen else None,
        await _cpus(session) if CPUS in seen else None,
        await _tables(session) if TABLES in seen else None,
        await _said(lambda: walk_lines(session, session.panes.walked)) if PAGES in seen else None,
    )


async def _memory(session: Session) -> MemoryArea:
    return await read_area(session, session.panes.memory) if session.panes.memory else NOTHING_FOLLOWED


async def _watch(session: Session) -> tuple[WatchRow, ...]:
    rows = [display for display in session.displays.values() if display.enabled]
    return tuple([WatchRow(display.number, await shown(session, display)) for display in rows])


async def _chains(session: Session, state: CpuState, stack: tuple[StackWord, ...]) -> tuple[Chain, ...]:
    return await Telescope(session, session.symbols, state).chains(stack, stack_base(state))


async def _cpus(session: Session) -> tuple[CpuRow, ...]:
    rows = []
    for cpu in session.debugger.capabilities.cpus[:MOST_CPUS]:
        try:
            state = await session.debugger.state(cpu)
        except (TransportError, ProtocolError):
            raise
        except GdbError as error:
            rows.append(CpuRow(cpu, None, why=str(error)))
            continue
        near = session.symbols.nearest(state.pc)
        name = "" if near is None else f"{near[0]}+{near[1]}" if near[1] else near[0]
        rows.append(CpuRow(cpu, state, name))
    return tuple(rows)


async def _tables(session: Session) -> tuple[str, ...]:
    return (*await _said(lambda: idt_lines(session)), "", *await _said(lambda: gdt_lines(session)))


async def _said(lines: Callable[[], Awaitable[list[str]]]) -> tuple[str, ...]:
    """The lines, or in their place why there are none."""
    try:
        return tuple(await lines())
    except (TransportError, ProtocolError):
        raise
    except GdbError as error:
        return (str(error),)
