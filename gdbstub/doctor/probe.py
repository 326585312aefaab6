"""What a probe is, and what is seen when it runs: plain values, no I/O.

A probe is one small experiment on a stopped vCPU: a few instructions are placed, breakpoints are armed, the guest
steps or runs, and it is looked at after each move. Behind the instructions stands a jump to itself, where a guest that
nothing stops stays until it is interrupted. A judge names what was seen in a few words, its *outcome*; what the
outcome should be is a row's own knowledge.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from gdbstub.backends import Backend
from gdbstub.x86.breakpoints import BreakpointKind

Base = Literal["code", "data", "handler"]
Move = Literal["s", "c", "x"]
"""A step, a continue, and taking the points out."""
Need = Literal["kernel", "handlers", "stack", "ss"]
Group = Literal["steps", "breakpoints", "watchpoints", "interrupts", "the guest's own #DB"]
Ending = Literal["start", "stop", "silence", "end"]

SPIN = "ebfe"
"""``jmp .``, placed behind the code of every probe."""
SIGINT = 2


class ProbeAddress(NamedTuple):
    """An address of the ground: an offset into the placed code or the data, or the handler of vector ``offset``."""

    base: Base
    offset: int = 0


class PointArmed(NamedTuple):
    """A ``Z`` packet that is armed before the guest moves."""

    kind: BreakpointKind
    at: ProbeAddress
    length: int = 1


class VcpuMoment(NamedTuple):
    """The vCPU after one move.

    ``ending``: a ``stop`` that the stub reported by itself; ``silence``, after which dr6 interrupted the guest; or the
    ``end`` (the guest or its hypervisor gave up); before the first move it is ``start``. ``place`` is where RIP is,
    None for anywhere else. ``seconds`` is what the 0x03 took, where one was sent.
    """

    ending: Ending
    signal: int | None
    place: ProbeAddress | None
    rip: int
    registers: dict[str, int]
    watch: tuple[str, int] | None = None
    """Kind, and the address as an offset into the data."""
    dr6: int | None = None
    seconds: float | None = None


class Logged(NamedTuple):
    """An exception that the guest's handler wrote down (guests/probe/probe.s). ``place`` is the saved RIP."""

    vector: int
    place: ProbeAddress | None
    rip: int
    rflags: int
    dr6: int
    dr7: int


class ProbeLog(NamedTuple):
    """All that a probe saw. ``armed`` counts the points that the stub took before it refused one; ``refusal`` is its
    answer then (empty: it does not know the packet). ``code`` is the ``placed`` code read back while the points were
    armed; ``stack`` are the bytes below the first RSP at the end, ``word`` bytes to a push."""

    start: VcpuMoment
    moments: tuple[VcpuMoment, ...] = ()
    armed: int = 0
    refusal: str | None = None
    placed: bytes = b""
    code: bytes = b""
    stack: bytes = b""
    word: int = 8
    log: tuple[Logged, ...] = ()
    ends: tuple[int, ...] = ()
    """Offsets behind each placed instruction."""

    def instructions(self, moment: VcpuMoment) -> int | None:
        """How many instructions lie before where ``moment`` stands; None where it isn't at one's end."""
        place = moment.place
        if place is None or place.base != "code":
            return None
        return (0, *self.ends).index(place.offset) if place.offset in (0, *self.ends) else None

    def spins(self, moment: VcpuMoment) -> bool:
        """Does it stand in the jump to itself, where nothing stopped it?"""
        return moment.place == ProbeAddress("code", self.ends[-1] if self.ends else 0)


Judge = Callable[[ProbeLog], str]
Value = int | ProbeAddress


class Probe(NamedTuple):
    """One row. ``code`` is hex text, one word for each instruction of ``assembly``.

    ``expects`` is the outcome that the architecture (``source``) or, as a function, the backend's profile promises.
    Probes with the same ``line`` share a line of the report; ``variant`` tells them apart there. ``follows`` says for
    an outcome what it means for somebody who debugs.
    """

    name: str
    group: Group
    line: str
    code: str
    assembly: str
    moves: str
    judge: Judge
    expects: str | Callable[[Backend], str]
    source: str
    points: tuple[PointArmed, ...] = ()
    registers: tuple[tuple[str, Value], ...] = ()
    needs: frozenset[Need] = frozenset()
    follows: tuple[tuple[str, str], ...] = ()
    variant: str = ""
    ideal: str = ""
    """What would be best, where a profile promises less."""
    measure: Callable[[ProbeLog], str] | None = None
    """What is said beside the outcome."""

    @property
    def placed(self) -> bytes:
        return bytes.fromhex(self.code)

    @property
    def ends(self) -> tuple[int, ...]:
        """Offsets behind each instruction."""
        lengths = [len(word) // 2 for word in self.code.split()]
        return tuple(sum(lengths[: n + 1]) for n in range(len(lengths)))

    def expected(self, backend: Backend) -> str:
        return self.expects if isinstance(self.expects, str) else self.expects(backend)


def code(offset: int) -> ProbeAddress:
    return ProbeAddress("code", offset)


def data(offset: int) -> ProbeAddress:
    return ProbeAddress("data", offset)


def handler(vector: int) -> ProbeAddress:
    return ProbeAddress("handler", vector)
