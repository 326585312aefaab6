"""Reading a stopped vCPU: the requests of one stop, and the facts that come of their answers."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from gdbstub.backends.interface import StateSource, Stepped
from gdbstub.errors import GdbError
from gdbstub.explain.evidence import ABSENT, CpuFacts, Fact, Known, Unknown
from gdbstub.remote.link_stream import Token
from gdbstub.remote.target import RemoteTarget
from gdbstub.x86.cpu_state import CpuState, Registers
from gdbstub.x86.registers import Mode, cpl_by_registers

NAMES = (
    *("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp"),
    *("r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"),
    *("rip", "rflags", "cs", "ss", "ds", "es", "fs", "gs"),
    *("fs_base", "gs_base", "k_gs_base", "cr0", "cr2", "cr3", "cr4", "cr8", "efer"),
)
"""The registers of a `CpuState`, in the order in which it holds them."""

_ALIASES = {"eflags": "rflags", "eip": "rip"} | {
    f"e{name}": f"r{name}" for name in ("ax", "bx", "cx", "dx", "si", "di", "bp", "sp")
}
_NO_DEBUGCTL = Unknown("no stub shows DEBUGCTL")
_NO_CODE = Unknown("the bytes at RIP could not be read")
_known = lru_cache(maxsize=4096)(Known)
"""Facts are kept with each stop, and most are those of the stop before."""
_NO_SEGMENTS = Unknown("this stub does not show the hidden parts of segment registers")


class Asked(NamedTuple):
    """The state requests of one vCPU, under way."""

    cpu: int
    registers: Token
    beside: Token | None


class CpuReader:
    """Asks for the state of a stopped vCPU in one write, and reads the answers when they are wanted."""

    def __init__(self, target: RemoteTarget, source: StateSource) -> None:
        """``source`` is where the state comes from that ``g`` does not show."""
        self._target = target
        self._source = source
        self.architecture: Mode | None = None
        """What the user says that code is."""
        self._wanted = self._columns()

    @property
    def shows_tables(self) -> bool:
        """Does the stub show descriptor tables and hidden parts at all?"""
        return self._source.shows_tables

    def _columns(self) -> tuple[tuple[str, str], ...]:
        """(our name, the description's name) of the registers that are kept."""
        named = {_ALIASES.get(r.name, r.name): r.name for r in self._target.layout.registers}
        return tuple((name, named[name]) for name in NAMES if name in named)

    async def ask(self, cpu: int, *, source: bool = True) -> Asked:
        """Queue the requests; they go out with the next thing that is awaited. Without ``source``, ``g`` only."""
        await self._target.select(cpu)
        registers = self._target.ask_registers()
        return Asked(cpu, registers, await self._source.ask(cpu) if source else None)

    async def registers(self, asked: Asked) -> dict[str, int]:
        """The ``g`` answer by our names. Raises `Refused` where the stub has none."""
        return self.decode(await self._target.registers(asked.registers, asked.cpu))

    def decode(self, payload: bytes) -> dict[str, int]:
        """The registers of an answer to ``g``, hex digits, by our names. Raises `GdbError` where RIP is none of
        them: then nobody knows where the guest is."""
        if not self._target.layout.registers:
            raise GdbError("The stub was not attached to yet; nothing is known of its registers before that.")
        values = self._target.layout.decode_g(payload)
        registers = Registers({ours: values[theirs] for ours, theirs in self._wanted if theirs in values})
        if "rip" not in registers:
            raise GdbError(
                f"The stub's answer to g has no RIP: {len(payload) // 2} bytes, where its description has "
                f"{self._target.layout.size}, or the register is marked as unavailable."
            )
        return registers

    async def state(
        self, asked: Asked, registers: dict[str, int], before: Stepped | None = None, *, fresh: bool = False
    ) -> CpuState:
        """All of it. ``before`` is where the last step began; without it, or with ``fresh``, nothing that is read
        beside ``g`` is taken as unchanged."""
        step = before if self._target.stepped and not fresh else None
        state = await self._source.state(asked.cpu, asked.beside, registers, step)
        said = self.architecture
        if said is None:
            return state
        if state.shows_mode:
            return replace(state, architecture=said)
        return replace(state, architecture=said, mode=said, cpl=cpl_by_registers(registers, said))


def moment(state: CpuState, code: bytes) -> CpuFacts:
    """What is known of ``state`` as evidence; ``code`` are the guest's bytes at its linear RIP."""
    registers = state.registers
    debug = state.debug

    def register(name: str) -> Fact[int]:
        value = registers.get(name)
        return ABSENT if value is None else _known(value, "registers")

    source, unread = debug.source, Unknown(debug.unread)
    dr: list[Fact[int]] = [unread if value is None else _known(value, source) for value in debug[:6]]
    if debug.derived_dr6 is not None:
        dr[4] = _known(debug.derived_dr6, "derived")
    segments, tables = state.segments, state.tables
    if segments is not None and state.mode != 64:
        registers = registers | {f"{name}_base": segment.base for name, segment in segments.items()}
    return CpuFacts(
        rip=_known(registers["rip"], "registers"),
        rflags=register("rflags"),
        rsp=register("rsp"),
        rcx=register("rcx"),
        cs=register("cs"),
        cs_base=_NO_SEGMENTS if segments is None else _known(segments["cs"].base, "monitor"),
        tr=_NO_SEGMENTS if tables is None else _known(tables.tr.selector, "monitor"),
        cr2=register("cr2"),
        cr4=register("cr4"),
        debugctl=_NO_DEBUGCTL,
        dr0=dr[0],
        dr1=dr[1],
        dr2=dr[2],
        dr3=dr[3],
        dr6=dr[4],
        dr7=dr[5],
        bytes=Known(code, "guest memory") if code else _NO_CODE,
        registers=Known(registers, "registers"),
    )
