"""An expression, run: it yields what it has to know, and is sent the answers."""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

from gdbstub.errors import RemoteProtocolError
from gdbstub.protocol.agent.operations import END, GOTO, IF_GOTO, MASK, PRINTF, REF, REG
from gdbstub.protocol.agent.printf import render
from gdbstub.protocol.agent.program import read_program
from gdbstub.protocol.agent.requests import Print, ReadMemory, ReadRegister, Request

MOST_INSTRUCTIONS: Final = 10_000
"""gdb writes no loops; whoever does gets an end."""
MOST_READS: Final = 512
"""Reads of memory in one run, each a question to the stub while the guest stands."""
MOST_PRINTED: Final = 1 << 16
"""Bytes that one run prints."""

Run = Generator[Request, int, int]
"""Start it with ``send(None)``. Memory that can't be read ends it: close it, or throw the `GdbError` into it,
which comes out again except where a printf can print something instead."""


def evaluate(code: bytes) -> Run:
    """The value of an expression, 0 <= value < 2**64; a condition holds where it is not 0.

    Raises `RemoteProtocolError` for code that `read_program` refuses, for a division by zero, for more than
    `MOST_INSTRUCTIONS`, `MOST_READS` or `MOST_PRINTED`, and for an end without a value.
    """
    stack = yield from execute(code)
    if not stack:
        raise RemoteProtocolError("The client's expression ends without a value.")
    return stack[-1]


def execute(code: bytes) -> Generator[Request, int, list[int]]:
    """The stack at the end. For a command, which has no value, and is run for what it prints; raises as `evaluate`."""
    program = read_program(code)
    stack: list[int] = []
    at = reads = printed = 0
    for _ in range(MOST_INSTRUCTIONS):
        opcode, act, operand, at, pieces = program[at]
        if act is not None:
            act(stack, operand)
        elif opcode == REG:
            stack.append((yield ReadRegister(operand)) & MASK)
        elif opcode in REF:
            reads += 1
            if reads > MOST_READS:
                raise RemoteProtocolError(f"The client's expression reads memory more than {MOST_READS} times.")
            stack[-1] = (yield ReadMemory(stack[-1], REF[opcode])) & MASK
        elif opcode == IF_GOTO:
            at = operand if stack.pop() else at
        elif opcode == GOTO:
            at = operand
        elif opcode == PRINTF:
            del stack[-2:]  # a function and a channel of the client's, 0 in dprintf-style agent
            arguments = stack[len(stack) - operand :][::-1]
            del stack[len(stack) - operand :]
            text = yield from render(pieces, arguments)
            printed += len(text)
            if printed > MOST_PRINTED:
                raise RemoteProtocolError(f"The client's expression prints more than {MOST_PRINTED} bytes.")
            yield Print(text)
        else:
            assert opcode == END
            return stack
    raise RemoteProtocolError(f"The client's expression did not end within {MOST_INSTRUCTIONS} instructions.")
