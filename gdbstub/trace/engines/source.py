"""What differs between the ways by which QEMU tells of each instruction: QEMU's log, and dr6's plugin.

A row is complete once the CPU behind its instruction is known, which is where the next one begins; so the newest
instruction is always open, and `InstructionSource.stand` closes it once the guest is known to stand still.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Generic, Protocol, TypeVar

from gdbstub.backends.qemu.exception_log import Delivered
from gdbstub.debugger.instruction_log import InstructionLog
from gdbstub.debugger.record import StopRecord
from gdbstub.trace.columns.batch import Columns
from gdbstub.trace.engines.self_check import MadeRows
from gdbstub.x86.cpu_state import CpuState

R = TypeVar("R", bound=MadeRows)
Taken = TypeVar("Taken", bound=MadeRows, contravariant=True)


class Reader(Protocol):
    """Takes what comes while the guest runs, in a thread. ``failure`` is what handing it over failed with."""

    failure: Exception | None

    def run(self) -> None:
        """In the thread, to the end."""

    def finish(self) -> None:
        """The guest stands: `run` ends once all was taken."""


class Taker(Protocol[Taken]):
    """Who gets the rows. ``left`` is how many more are wanted; None: any number."""

    left: int | None

    def take(self, pieces: Sequence[Taken | Delivered]) -> bool:
        """Are more wanted?"""


class InstructionSource(ABC, Generic[R]):
    """One way, for one trace. ``remarks`` are sentences about what the newest rows lack; who writes them takes them
    out."""

    name: ClassVar[str]
    """In the middle of a sentence."""
    items: ClassVar[str]
    """What QEMU's log is to have."""
    last: ClassVar[int]
    """Rows that are stepped at the end, where the guest can't be stopped behind a certain row."""

    def __init__(self) -> None:
        self.remarks: list[str] = []

    @abstractmethod
    def begin(self, log: InstructionLog) -> None:
        """QEMU logs. Raises `CannotLog`."""

    @abstractmethod
    def end(self) -> None:
        """Nobody reads any more. Harmless where nothing was begun."""

    def learn(self, state: CpuState) -> None:
        """What rows do not show, as the stub has it at the start."""

    @property
    @abstractmethod
    def open(self) -> int:
        """How many rows are begun and not complete, once the guest was stepped or has run."""

    @abstractmethod
    def step(self, record: StopRecord) -> Sequence[R | Delivered]:
        """The stub made one step; what is complete already."""

    @abstractmethod
    async def stepped(self, last: StopRecord) -> Sequence[R | Delivered]:
        """The rest of what was told of the steps."""

    @abstractmethod
    async def stand(self, record: StopRecord) -> Sequence[R | Delivered]:
        """The guest stands as in ``record``, or has ended: all rows are complete."""

    @abstractmethod
    def reader(self, taker: Taker[R], full: Callable[[], None]) -> Reader:
        """For a guest that is about to run. ``full`` is called in its thread once no more rows are wanted."""

    @abstractmethod
    async def while_stopping(self) -> None:
        """QEMU was asked to stop: what it needs to come to that. May go on until it is cancelled."""

    def free(self) -> None:
        """Nothing holds the guest up any more, whatever it was told to wait for."""

    def ran(self, left: int | None, last: StopRecord) -> Sequence[R | Delivered]:
        """The guest stands, and the reader has ended: what it left. Raises `GdbError` where that is not all."""
        return ()

    @abstractmethod
    def columns(self, piece: R, first: int) -> Columns:
        """For a writer, numbered from ``first``."""

    @abstractmethod
    def sum_up(self) -> None:
        """Remarks about the trace as a whole."""
