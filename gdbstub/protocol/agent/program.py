"""Bytecode → a program that needs no more checks: each place that can be reached, with what stands there.

Every way through the code is followed once. A place that is reached with different numbers of values on the stack
is refused: gdb writes no such code (it counts that as a flaw), and so what an operation takes is always there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from gdbstub.errors import RemoteProtocolError
from gdbstub.protocol.agent.operations import END, GOTO, IF_GOTO, OPERATIONS, PICK, PRINTF, Act
from gdbstub.protocol.agent.printf import Piece, read_format

MOST_VALUES: Final = 100
"""On the stack; gdb's own server has room for as many."""
LONGEST_CODE: Final = 4096
"""Bytes of one expression: some 0.8 MB once it is read. What gdb compiles of a condition has dozens; for tracepoints it
allows itself 184 (gdb, MAX_AGENT_EXPR_LEN)."""
_PROGRAMS_KEPT: Final = 64


class BytecodeInstruction(NamedTuple):
    """``after`` is the offset behind it. ``pieces`` are the format of a printf."""

    opcode: int
    act: Act | None
    operand: int
    after: int
    pieces: tuple[Piece, ...]


Program = Mapping[int, BytecodeInstruction]
"""Offset → instruction; 0 is the start."""


@lru_cache(_PROGRAMS_KEPT)
def read_program(code: bytes) -> Program:
    """Raises `RemoteProtocolError` for an unknown opcode, for too much code, for code that runs off its end, and for a
    stack that would run over or dry."""
    if len(code) > LONGEST_CODE:
        raise RemoteProtocolError(f"The client's expression has {len(code)} bytes; {LONGEST_CODE} are the most.")
    program: dict[int, BytecodeInstruction] = {}
    depths = {0: 0}
    to_read = [0]
    while to_read:
        offset = to_read.pop()
        program[offset] = found = _instruction(code, offset)
        depth = _depth_behind(found, offset, depths[offset])
        for target in _targets(found):
            if target not in depths:
                depths[target] = depth
                to_read.append(target)
            elif depths[target] != depth:
                raise RemoteProtocolError(
                    f"The client's expression reaches byte {target} with {depths[target]} and with {depth} values."
                )
    return program


def _instruction(code: bytes, offset: int) -> BytecodeInstruction:
    opcode = _number(code, offset, 1)
    operation = OPERATIONS.get(opcode)
    if operation is None:
        raise RemoteProtocolError(f"The client's expression has the opcode 0x{opcode:02x}, which dr6 does not know.")
    after = offset + 1 + operation.operand
    operand = _number(code, offset + 1, operation.operand)
    pieces: tuple[Piece, ...] = ()
    if opcode == PRINTF:
        start = after + 2
        after = start + _number(code, after, 2)
        pieces = read_format(_bytes(code, start, after - start))
    return BytecodeInstruction(opcode, operation.act, operand, after, pieces)


def _number(code: bytes, offset: int, size: int) -> int:
    return int.from_bytes(_bytes(code, offset, size), "big")


def _bytes(code: bytes, offset: int, size: int) -> bytes:
    found = code[offset : offset + size]
    if len(found) != size:
        raise RemoteProtocolError(f"The client's expression of {len(code)} bytes runs off its end.")
    return found


def _depth_behind(found: BytecodeInstruction, offset: int, depth: int) -> int:
    operation = OPERATIONS[found.opcode]
    takes = operation.takes + (found.operand if found.opcode in (PICK, PRINTF) else 0)
    if depth < takes:
        raise RemoteProtocolError(
            f"The client's expression has {operation.name} at byte {offset}, which takes {takes} of {depth} values."
        )
    behind = depth - takes if found.opcode == PRINTF else depth - operation.takes + operation.gives
    if behind > MOST_VALUES:
        raise RemoteProtocolError(f"The client's expression wants more than {MOST_VALUES} values on the stack.")
    return behind


def _targets(found: BytecodeInstruction) -> Iterator[int]:
    if found.opcode in (IF_GOTO, GOTO):
        yield found.operand
    if found.opcode not in (GOTO, END):
        yield found.after
