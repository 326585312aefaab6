"""``Z`` and ``z``. gdb takes all its breakpoints out at every stop and puts them back when it goes: ``z`` only marks
one, and what is still marked when the guest goes is taken out then. So two breakpoints cost no packet a step."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, TypeVar, assert_never

from gdbstub.debugger.breakpoints import Breakpoint, Condition, HitContext
from gdbstub.errors import GdbError, Refused, RemoteProtocolError
from gdbstub.protocol import decode_register
from gdbstub.protocol.agent import (
    Print,
    ReadMemory,
    ReadRegister,
    Request,
    commands,
    conditions,
    evaluate,
    execute,
    read_program,
)
from gdbstub.protocol.messages import BreakpointRequest, parse_breakpoint
from gdbstub.x86.breakpoints import BY_PACKET, BreakpointKind

if TYPE_CHECKING:
    from gdbstub.server.session import Client

MOST = 1024
"""Breakpoints of one client."""

MOST_READS = 8
"""Addresses of a condition that are read ahead."""

Key = tuple[BreakpointKind, int, int]
T = TypeVar("T")


class ClientBreakpoints:
    """The breakpoints of one client, by what its packets name."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._rows: dict[Key, Breakpoint] = {}
        self._stepped_without: set[Key] = set()
        """What was marked when the guest was stepped last."""

    async def take(self, payload: bytes) -> bytes:
        """Answer one packet."""
        request = parse_breakpoint(payload)
        kind = BY_PACKET[request.kind]
        key = (kind, request.address, request.length if kind.is_watch else 1)
        row = self._rows.get(key)
        if request.insert:
            await self._insert(key, row, request)
        elif row is not None:
            row.removal_pending = True
        return b"OK"

    async def _insert(self, key: Key, row: Breakpoint | None, request: BreakpointRequest) -> None:
        asked = self._expressions(request.options)
        if row is None:
            if len(self._rows) >= MOST:
                raise GdbError(f"A client may have {MOST} breakpoints.")
            row = self._rows[key] = await self._client.reach(lambda: self._add(key))
        row.removal_pending = False
        row.test = None if asked is None else self._test(row, *asked)

    async def _add(self, key: Key) -> Breakpoint:
        try:
            return await self._really_add(key)
        except Refused:
            if not await self.sweep(every=True):
                raise
            return await self._really_add(key)  # one that was marked had the place

    async def _really_add(self, key: Key) -> Breakpoint:
        kind, address, length = key
        return await self._client.debugger.add_breakpoint(
            kind if kind.is_watch else BreakpointKind.EXECUTE,
            address,
            length,
            means="hw" if kind is BreakpointKind.EXECUTE else "auto",
            text=f"Z{kind.packet}",
            owner=self._client.party.number,
        )

    async def sweep(self, *, every: bool) -> bool:
        """Take out what is marked; whether there was anything. A step is not disturbed by an execution breakpoint, and
        gdb takes all of them out to step off one: so those stay in for a step unless ``every``, but not for two."""
        marked = {key for key, row in self._rows.items() if row.removal_pending}
        kept = {key for key in marked if not key[0].is_watch and not every} - self._stepped_without
        self._stepped_without = kept
        for key in marked - kept:
            await self._client.debugger.delete_breakpoint(self._rows.pop(key).number)
        return marked != kept

    # -- conditions and commands, evaluated here --------------------------------------------------------------

    @staticmethod
    def _expressions(options: bytes) -> tuple[tuple[bytes, ...], tuple[bytes, ...]] | None:
        """Conditions and commands; None where there are neither."""
        asked, printed = conditions(options), commands(options).expressions
        for code in (*asked, *printed):
            read_program(code)  # refused now rather than at the first hit
        return (asked, printed) if asked or printed else None

    def _test(self, row: Breakpoint, asked: tuple[bytes, ...], printed: tuple[bytes, ...]) -> Condition:
        async def test(glance: HitContext) -> bool:
            try:
                met = not asked or any([await self._run(evaluate(code), row, glance) for code in asked])
                for code in printed if met else ():
                    await self._run(execute(code), row, glance)
            except GdbError as error:  # gdb's rule for a condition that can't be evaluated: stop
                self._client.said(f"a condition or command of a breakpoint failed: {error}")
                return True
            return met and not printed

        return test

    async def _run(self, asking: Generator[Request, int, T], row: Breakpoint, glance: HitContext) -> T:
        """Answer what an expression asks for; its result."""
        try:
            request = next(asking)
            while True:
                request = asking.send(await self._answer(request, row, glance))
        except StopIteration as end:
            result: T = end.value
            return result

    async def _answer(self, request: Request, row: Breakpoint, glance: HitContext) -> int:
        match request:
            case ReadRegister(number=number):
                return self._register(number, glance)
            case ReadMemory(address=address, size=size):
                if len(row.test_reads) < MOST_READS:
                    row.test_reads.add(address)
                return int.from_bytes(await glance.read_memory(address, size), "little")
            case Print(text=text):
                self._client.print_soon(text.decode("utf-8", "replace"))
                return 0
            case _:
                assert_never(request)

    def _register(self, number: int, glance: HitContext) -> int:
        register = self._client.registers.register(number)
        if self._client.registers.is_extra(register):
            raise GdbError(f"{register.name} can't be read in a condition")
        text = glance.registers[2 * register.offset : 2 * (register.offset + register.size)]
        value = decode_register(text)
        if value is None:
            raise RemoteProtocolError(f"the stub does not have {register.name}")
        return value


async def answer_breakpoint(client: Client, payload: bytes) -> bytes:
    return await client.points.take(payload)
