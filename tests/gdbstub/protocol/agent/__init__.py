"""Bytecode written as gdb's `maint agent-eval` prints it, and a guest of two functions to run it on."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

from gdbstub.protocol.agent import OPERATIONS, Print, ReadMemory, ReadRegister, Request

_OPCODES = {operation.name: opcode for opcode, operation in OPERATIONS.items()}
Result = TypeVar("Result")


def assemble(text: str) -> bytes:
    """``const8 5; reg 0; equal; end``; a printf is ``printf 1 %d\\n``, its text without a semicolon."""
    return b"".join(_assemble(line.strip()) for line in text.split(";"))


def _assemble(line: str) -> bytes:
    name, _, operands = line.partition(" ")
    operand, _, text = operands.partition(" ")
    opcode = _OPCODES[name]
    code = bytes([opcode]) + int(operand or "0", 0).to_bytes(OPERATIONS[opcode].operand, "big")
    if name == "printf":
        code += (len(text) + 1).to_bytes(2, "big") + text.encode("latin-1") + b"\0"
    return code


def run(
    expression: Generator[Request, int, Result],
    register: Callable[[int], int],
    memory: Callable[[int, int], int],
    printed: list[bytes] | None = None,
) -> Result:
    """Its result. ``memory`` gets address and size."""
    reply = 0
    try:
        asked = next(expression)
        while True:
            match asked:
                case ReadRegister(number):
                    reply = register(number)
                case ReadMemory(address, size):
                    reply = memory(address, size)
                case Print(text):
                    assert printed is not None, "an expression without a printf prints"
                    printed.append(text)
            asked = expression.send(reply)
    except StopIteration as end:
        result: Result = end.value
        return result
