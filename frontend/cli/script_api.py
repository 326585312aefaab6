"""What a script gets as ``debugger``: the guest, and the trace that its stops go to. docs/traces.md shows it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping

from frontend.commands import parse_break, parse_vectors, parse_watch
from frontend.commands.session import Session
from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.record import StopRecord
from gdbstub.errors import GdbError
from gdbstub.explain.explanation import CauseName
from gdbstub.trace.errors import NotAsExpected
from gdbstub.x86.breakpoints import BreakpointKind

Callback = Callable[[StopRecord], object]
"""Called at a hit; may be ``async``. What is true ends `resume` there, else the guest goes on."""


class ScriptEnded(BaseException):
    """The script's time is over, or the guest is gone."""


class ScriptedGuest:
    """The guest, while it is stopped. Places are as in ``break``: a symbol, ``*0x100400``, with ``hw:`` or ``sw:`` in
    front. Every method that makes it go records the stop and returns it as a `StopRecord`."""

    def __init__(self, session: Session, keep: Callable[[StopRecord], None]) -> None:
        self._session = session
        self._keep = keep
        self._callbacks: dict[int, Callback] = {}
        self.closing = False
        self.ended = False

    @property
    def debugger(self) -> Debugger:
        """gdbstub's own (docs/api.md), for all that is not here. What is done by it is no row."""
        return self._session.debugger

    @property
    def record(self) -> StopRecord:
        """The newest stop."""
        return self._session.record

    @property
    def registers(self) -> Mapping[str, int]:
        """Of the vCPU that stopped: ``rax`` … ``rip``, ``rflags``, as far as the stub has them."""
        return self.record.state.registers

    @property
    def pc(self) -> int:
        """The linear address of the next instruction."""
        return self.record.state.pc

    async def step(self, count: int = 1) -> StopRecord:
        """``count`` instructions."""
        for _ in range(count):
            await self._stopped(await self.debugger.step())
        return self.record

    async def resume(self) -> StopRecord:
        """Run to the next stop; to that of a breakpoint with a callback only where it says so."""
        while True:
            record = await self._stopped(await self.debugger.resume())
            called = [self._callbacks[number] for number in self._hit(record) if number in self._callbacks]
            if not called:
                return record
            for callback in called:
                answer = callback(record)
                if inspect.isawaitable(answer):
                    answer = await answer
                if answer:
                    return record

    async def until(self, place: str) -> StopRecord:
        """Run to ``place``; raises `GdbError` where another stop comes first."""
        where = await parse_break(self._session, place)
        row = await self.debugger.add_breakpoint(
            BreakpointKind.EXECUTE, where.address, means=where.means, temporary=True, text=where.text
        )
        record = await self.resume()
        if row.number in self.debugger.breakpoints:
            await self.debugger.delete_breakpoint(row.number)
        if record.state.pc != where.address:
            raise GdbError(f"The guest did not get to {place}: {record.explanation.summary}")
        return record

    async def breakpoint(self, place: str, callback: Callback | None = None) -> int:
        """Stop at ``place``; the number of the breakpoint, for `delete`."""
        where = await parse_break(self._session, place)
        row = await self.debugger.add_breakpoint(
            BreakpointKind.EXECUTE, where.address, means=where.means, text=where.text
        )
        return self._with(row.number, callback)

    async def watch(self, place: str, callback: Callback | None = None) -> int:
        """``[r|w|rw:]PLACE[/LEN]``: stop behind what reads or writes it."""
        where = await parse_watch(self._session, place)
        row = await self.debugger.add_breakpoint(where.kind, where.address, where.length, text=where.text)
        return self._with(row.number, callback)

    async def catch(self, vector: str, callback: Callback | None = None) -> int:
        """Stop at the guest's handler of a vector: ``db``, ``bp``, ``gp``, ``pf``, a number."""
        (number,) = parse_vectors(vector)
        row = await self.debugger.add_breakpoint(BreakpointKind.CATCH, None, vector=number, text=vector)
        return self._with(row.number, callback)

    async def delete(self, number: int) -> None:
        """A breakpoint, watchpoint or caught vector."""
        self._callbacks.pop(number, None)
        await self.debugger.delete_breakpoint(number)

    async def read(self, place: str | int, length: int) -> bytes:
        """Guest memory at a linear address, or a symbol."""
        return await self.debugger.read_memory(await self._address(place), length)

    async def write(self, place: str | int, data: bytes) -> None:
        """Guest memory."""
        await self.debugger.write_memory(await self._address(place), data)

    async def set_register(self, name: str, value: int) -> None:
        """Of the vCPU that stopped."""
        await self.debugger.set_register(name, value)

    def expect(self, holds: object = True, what: str = "", *, cause: CauseName | None = None) -> None:
        """That ``holds`` is true, and that the newest stop has ``cause``; else the trace ends with exit code 4."""
        causes = [found.cause for found in self.record.explanation.causes]
        if cause is not None and cause not in causes:
            raise NotAsExpected(f"expected {cause}, seen {', '.join(causes)}")
        if not holds:
            raise NotAsExpected(what or "what was expected does not hold")

    async def _address(self, place: str | int) -> int:
        return place if isinstance(place, int) else (await parse_break(self._session, place)).address

    def _with(self, number: int, callback: Callback | None) -> int:
        if callback is not None:
            self._callbacks[number] = callback
        return number

    def _hit(self, record: StopRecord) -> list[int]:
        """The numbers of the breakpoints that stopped the guest."""
        hit = [row.number for row in self.debugger.hit_at(record.number)]
        taken = None if record.event is None else record.event.vector
        caught = [row.number for row in self.debugger.breakpoints.values() if taken is not None and row.vector == taken]
        return [*hit, *(number for number in caught if number not in hit)]

    async def _stopped(self, record: StopRecord) -> StopRecord:
        if not self.closing:
            self._keep(record)
        if record.ended:
            self.ended = True
        if record.ended or self.closing:
            raise ScriptEnded
        return record
