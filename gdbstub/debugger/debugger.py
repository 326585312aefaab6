"""One guest, and everything that is concluded about its stops: the way in for every screen, trace and command.

What a stop means is left to `gdbstub.explain`; what is read at it, and how the guest is made to go, to rooms around.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import trio
from trio.abc import Stream

from gdbstub.debugger.arguments import check_range, check_value, checked_kind
from gdbstub.debugger.boot_walk import first_places
from gdbstub.debugger.breakpoints import Breakpoint, Condition, Means
from gdbstub.debugger.interrupt_table import CR0_PE
from gdbstub.debugger.kernel_code import NO_CODE
from gdbstub.debugger.options import DEFAULTS, DebuggerOptions
from gdbstub.debugger.running import Running, lines_of
from gdbstub.errors import GdbError
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.cpu_state import CpuState
from gdbstub.x86.registers import Mode

__all__ = ["Debugger", "DebuggerOptions"]

LEAVE_SECONDS = 5.0
"""How long leaving may take at the end of ``async with``, whoever cancels."""


class Debugger(Running):
    """One stopped-or-running guest. All methods are for one trio task at a time, except `interrupt`.

    Raises `GdbError` branches only, each one sentence. Build, then `attach`; at the end `detach` or `kill`. ``async
    with`` attaches, and at the end of the block detaches: breakpoints are out, and the guest runs on, unless the block
    has left or killed it. Whoever gave the stream opened it; leaving closes it.
    """

    def __init__(self, stream: Stream, target: str, options: DebuggerOptions = DEFAULTS) -> None:
        """``stream`` is connected to the stub, with nothing sent or read yet; ``target`` is its name in messages."""
        super().__init__(stream, target, options)
        self._hints: tuple[int, ...] | None = options.lidt_hints

    async def __aenter__(self) -> Self:
        try:
            await self.attach()
        except BaseException as error:
            await self._leave(error)
            raise
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        await self._leave(error)

    async def _leave(self, error: BaseException | None) -> None:
        """`detach`, whatever happened. What goes wrong is a note where something else went wrong before."""
        try:
            with trio.move_on_after(LEAVE_SECONDS, shield=True):
                await self.detach()
        except GdbError as another:
            if error is None:
                raise
            error.add_note(str(another))

    # -- state, memory ----------------------------------------------------------------------------------------

    async def state(self, cpu: int | None = None, *, complete: bool = False) -> CpuState:
        """The state of a vCPU (the selected one) now, numbered from 0: registers, segments, debug registers. A
        ``complete`` one has the debug registers that were passed over at a step, too. Raises `GdbError` for a vCPU that
        does not exist."""
        return await self._reader.state(self.cpu if cpu is None else cpu, complete=complete)

    async def raw_registers(self, cpu: int | None = None) -> bytes:
        """The stub's own answer to ``g`` for a vCPU (the selected one), hex digits as `layout` orders them."""
        return await self._remote.read_registers(self.cpu if cpu is None else cpu, self.cpu)

    def kept_registers(self, cpu: int) -> bytes | None:
        """`raw_registers`, where they were read since the guest stopped."""
        return self._remote.kept_registers(cpu)

    def kept_memory(self, address: int, length: int) -> bytes | None:
        """`read_memory`, where all of it was read since the guest stopped."""
        data = self._remote.kept_memory(address, length)
        return None if data is None else self._table.points.unpatched(address, data)

    def kept_digits(self, address: int, length: int) -> bytes | None:
        """`kept_memory` as hex digits, where that is at hand."""
        return None if self._table.points.patches_memory else self._remote.kept_digits(address, length)

    def expect_same_reads(self) -> None:
        """From now on ask, where a run ends, for what was read where the one before it ended, together with the
        registers: who evaluates a condition at each hit reads the same each time."""
        self._remote.reads_again = True

    async def read_ahead(self) -> None:
        """Read what a debugger asks for at every stop: the code at RIP and the top of the stack."""
        seen = self._reader.seen
        if seen is not None and not self.ended and self._remote.pipelined:
            await self._remote.read_lines(lines_of(seen.state.registers | {"rip": seen.state.pc}))

    async def read_memory(self, address: int, length: int) -> bytes:
        """``length`` bytes of linear memory as the guest sees it, our own int3s taken out. Raises `Refused` naming the
        first bad page."""
        check_range(address, length)
        return await self._table.points.read_memory(address, length)

    @property
    def generation(self) -> int:
        """A number that changes when the guest runs or is written to: until then what was read of it holds."""
        return self._remote.generation

    async def read_aside(self, address: int, length: int, *, physical: bool = False) -> bytes:
        """Memory as the stub has it, our own int3s too, with nothing kept for `read_memory`: for who reads a lot and
        has a cache. Raises `Refused`; `Unsupported` where the stub can't read at ``physical`` addresses."""
        return await self._remote.read_uncached(address, length, physical=physical)

    async def write_memory(self, address: int, data: bytes) -> None:
        """Write linear memory; int3s of ours stay over it. Raises `Refused` where the stub does not."""
        check_range(address, len(data))
        await self._table.points.write_memory(address, data)
        self._reader.stale = True

    async def set_register(self, name: str, value: int, cpu: int | None = None) -> None:
        """Write one register of a vCPU (the selected one) by our name (``rflags``); ``value`` is unsigned. Debug
        registers can't be written here. Raises `GdbError` for a register that the stub does not have, and for a value
        that does not fit into it."""
        cpu = self.cpu if cpu is None else cpu
        known = self._remote.layout.by_name
        theirs = "eflags" if name == "rflags" and name not in known else name
        if theirs in known:
            check_value(name, value, known[theirs].bits)
        await self._remote.select(cpu)
        await self._remote.write_register(theirs, value)
        if cpu != self.cpu:
            await self._remote.select(self.cpu)
        self._reader.stale = True

    def set_architecture(self, mode: Mode | None) -> None:
        """How code is to be read from now on, as the user says; None: as the CPU does, which not every stub shows."""
        self._reader.set_architecture(mode)

    async def monitor(self, command: str) -> str:
        """A command of the stub's own monitor, and its output. What it changes is read again. Raises `Unsupported`
        where the stub has none, `Refused` where it does not like the command."""
        text = await self._remote.monitor(command)
        self._reader.stale = True
        self._note_log_command(command)
        return text

    async def ask_about(self, cpu: int, payload: bytes) -> bytes:
        """As `ask_stub`, where the answer is about the vCPU that the stub has selected."""
        await self._remote.select(cpu)
        try:
            return await self.ask_stub(payload)
        finally:
            if cpu != self.cpu:
                await self._remote.select(self.cpu)

    async def select_cpu(self, cpu: int) -> None:
        """Make ``cpu``, counted from 0, the one that is stepped and shown. Raises `GdbError` where there is none."""
        self._remote.thread(cpu)
        self._reader.cpu = cpu
        await self._remote.select(cpu)
        await self._reader.read_again(cpu)

    # -- breakpoints ------------------------------------------------------------------------------------------

    @property
    def breakpoints(self) -> dict[int, Breakpoint]:
        """Those that `add_breakpoint` made and are neither hidden nor another's, by number."""
        return self._table.listed

    def owned_by(self, participant: int) -> tuple[Breakpoint, ...]:
        """The breakpoints of one participant that shares the guest."""
        return self._table.owned_by(participant)

    def hit_at(self, stop: int) -> tuple[Breakpoint, ...]:
        """The breakpoints, anybody's, that caused the stop of this number."""
        return self._table.hit_at(stop)

    async def add_breakpoint(
        self,
        kind: BreakpointKind,
        address: int | None = None,
        length: int = 1,
        *,
        means: Means = "auto",
        temporary: bool = False,
        vector: int | None = None,
        text: str = "",
        hidden: bool = False,
        owner: int | None = None,
        test: Condition | None = None,
    ) -> Breakpoint:
        """Arm a breakpoint: ``EXECUTE`` at a linear address, ``WRITE``, ``READ`` or ``ACCESS`` of ``length`` bytes
        there, ``CATCH`` at the handler of ``vector``, whose address is found in the guest's IDT, now and later.

        ``means``: "sw" is an int3 in the guest's memory, "hw" a debug register; "auto" leaves that to dr6. ``text`` is
        how it is listed. A ``temporary`` one goes with its first hit. `Breakpoint.ignore` and `Breakpoint.predicate`
        may be set afterwards. ``hidden``, ``owner`` and ``test`` are for those who share a guest. Raises `Refused`
        where the target has no such breakpoint, or none free, and for arguments that do not go together.
        """
        kind = checked_kind(kind, address, length, vector)
        if kind is BreakpointKind.CATCH:
            means = self._parts.backend.catch_by if means == "auto" else means
            await self._mark_lidt()
        row = await self._table.add(
            kind,
            address,
            length,
            means=means,
            temporary=temporary,
            vector=vector,
            text=text,
            hidden=hidden,
            owner=owner,
            test=test,
        )
        if kind is BreakpointKind.CATCH:
            self._runner.look_soon()
            await self._catcher.refresh(await self.state())
            try:
                await self._witness_what_is_caught()
            except GdbError:
                await self._table.remove(row.number)
                raise
        return row

    def on_handler(self, told: Callable[[Breakpoint], None]) -> None:
        """Call ``told`` with a caught vector each time that its handler is found, or another one, or none any more."""
        self._catcher.on_move = told

    def why_no_handler(self, vector: int) -> str:
        """Why a caught vector has no handler although the guest's table has an entry, in a clause; else empty."""
        return self._catcher.why_none(vector)

    async def delete_breakpoint(self, number: int) -> None:
        """Take it out. Raises `GdbError` where there is none of that number."""
        await self._table.remove(number)
        await self._catcher.refresh(await self.state())
        await self._witness_what_is_caught()

    async def move_breakpoint(self, number: int, address: int) -> None:
        """Give it another linear address. Raises `GdbError` where there is none of that number, or none can be
        there."""
        row = self._table.get(number)
        if row is None:
            raise GdbError(f"There is no breakpoint number {number}.")
        await self._table.move(row, address)

    async def enable_breakpoint(self, number: int, enabled: bool) -> None:
        """Arm or disarm it; it stays in the list. Raises `GdbError` where there is none of that number."""
        await self._table.enable(number, enabled)
        await self._catcher.refresh(await self.state())
        await self._witness_what_is_caught()

    async def _mark_lidt(self) -> None:
        """Once, before the guest has booted: mark the LIDT instructions of its image, given or found in its memory."""
        hints, self._hints = self._hints, None
        state = await self.state()
        if hints is None or state.tables is None or state.registers.get("cr0", 0) & CR0_PE:
            return
        sure = self._options.lidt_sure
        if not hints and self._options.lidt_places is not None:
            hints, found = await self._options.lidt_places()
            sure = frozenset(found)
        hints = hints or await self._parts.find_lidt(self.read_memory) or await self._look_at_kernel(state)
        await self._catcher.watch_lidt(hints, sure)

    async def _look_at_kernel(self, state: CpuState) -> tuple[int, ...]:
        """The LIDT instructions of the kernel's file, and where a walk to those is to begin that no file shows."""
        path = await self._parts.find_kernel()
        code = NO_CODE if path is None else self._options.kernel_code(path)
        if self._catcher.watch_gates:
            await self._walk.begin_at(await first_places(state, self.read_memory, code.entry))
        return code.lidt
