"""Engine two: drgn, in a worker thread that alone has its Program. What it is asked are functions of the Program that
give plain values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import trio

from frontend.symbols.drgn_library import FaultError, ObjectAbsentError, ObjectNotFoundError, Program
from frontend.symbols.drgn_program import Facts, open_program
from frontend.symbols.guest_memory import GuestMemory
from gdbstub.errors import BadExpression

T = TypeVar("T")


class DrgnEngine:
    """Of one guest. ``memory`` is its memory while it is stopped."""

    def __init__(self, memory: GuestMemory) -> None:
        self.memory = memory
        self._one_at_a_time = trio.CapacityLimiter(1)
        self._program: Program | None = None
        self._facts: Facts | None = None

    async def run(self, facts: Facts, question: Callable[[Program], T]) -> T:
        """``question`` of the Program that ``facts`` make. Raises `GdbError`: `BadExpression` for what does not fit the
        guest's types and memory."""
        self.memory.renew()
        return await trio.to_thread.run_sync(self._answer, facts, question, limiter=self._one_at_a_time)

    def _answer(self, facts: Facts, question: Callable[[Program], T]) -> T:
        try:
            program = self._program
            if program is None or facts != self._facts:
                self._program = None
                program = open_program(facts, self.memory)
                self._program, self._facts = program, facts
            return question(program)
        except FaultError as error:
            raise BadExpression(f"Cannot access memory at address {error.address:#x}.") from error
        except ObjectNotFoundError as error:
            raise BadExpression(f'No symbol "{error.name}" in current context.') from error
        except ObjectAbsentError as error:
            raise BadExpression("The value has been optimized out.") from error
        except (LookupError, TypeError, ValueError, SyntaxError, ArithmeticError, AttributeError) as error:
            raise BadExpression(_sentence(error)) from error


def _sentence(error: Exception) -> str:
    text = str(error.args[0]) if error.args else type(error).__name__
    return text[:1].upper() + text[1:].rstrip(".") + "."
