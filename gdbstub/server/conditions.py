"""Conditions and commands of a client's breakpoint, as gdb compiled them: evaluated here at each hit."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar, assert_never

from gdbstub.debugger.breakpoints import Breakpoint, Condition, HitContext
from gdbstub.errors import GdbError, RemoteProtocolError
from gdbstub.protocol import decode_register
from gdbstub.protocol.agent import (
    LONGEST_CODE,
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
from gdbstub.server.register_file import RegisterFile

MOST_READS = 8
"""Addresses of a condition that are read ahead."""

T = TypeVar("T")


class AgentPrograms:
    """What one ``Z`` packet says of its breakpoint. Raises `GdbError` for a program that can't be one: refused now
    rather than at the first hit. ``say`` takes a line for the client, ``print_`` what a dprintf prints."""

    def __init__(
        self, options: bytes, registers: RegisterFile, say: Callable[[str], None], print_: Callable[[str], None]
    ) -> None:
        self._conditions, self._commands = conditions(options), commands(options).expressions
        self._registers = registers
        self._say = say
        self._print = print_
        programs = (*self._conditions, *self._commands)
        if sum(map(len, programs)) > LONGEST_CODE:
            raise GdbError(f"The conditions and commands of a breakpoint may have {LONGEST_CODE} bytes of code.")
        for code in programs:
            read_program(code)

    def condition(self, row: Breakpoint) -> Condition | None:
        """Whether the guest is to stop at a hit of ``row``; None where it always is."""
        if not self._conditions and not self._commands:
            return None

        async def stops(hit: HitContext) -> bool:
            try:
                met = not self._conditions or any(
                    [await self._run(evaluate(code), row, hit) for code in self._conditions]
                )
                for code in self._commands if met else ():
                    await self._run(execute(code), row, hit)
            except GdbError as error:  # gdb's rule for a condition that can't be evaluated: stop
                self._say(f"a condition or command of a breakpoint failed: {error}")
                return True
            return met and not self._commands

        return stops

    async def _run(self, asking: Generator[Request, int, T], row: Breakpoint, hit: HitContext) -> T:
        """Answer what an expression asks for; its result."""
        try:
            request = next(asking)
            while True:
                request = asking.send(await self._answer(request, row, hit))
        except StopIteration as end:
            result: T = end.value
            return result

    async def _answer(self, request: Request, row: Breakpoint, hit: HitContext) -> int:
        match request:
            case ReadRegister(number=number):
                return self._register(number, hit)
            case ReadMemory(address=address, size=size):
                if len(row.test_reads) < MOST_READS:
                    row.test_reads.add(address)
                return int.from_bytes(await hit.read_memory(address, size), "little")
            case Print(text=text):
                self._print(text.decode("utf-8", "replace"))
                return 0
            case _:
                assert_never(request)

    def _register(self, number: int, hit: HitContext) -> int:
        register = self._registers.register(number)
        if self._registers.is_extra(register):
            raise GdbError(f"{register.name} can't be read in a condition")
        text = hit.registers[2 * register.offset : 2 * (register.offset + register.size)]
        value = decode_register(text)
        if value is None:
            raise RemoteProtocolError(f"the stub does not have {register.name}")
        return value
