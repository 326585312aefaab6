"""Reading a stopped vCPU: the requests of one stop, and the facts that come of their answers."""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.backends import MonitorRegisters, Profile, guest_of, parse_info_registers
from gdbstub.backends.xen.dom0 import Dom0, Stepped, may_have_changed
from gdbstub.errors import Refused, RemoteProtocolError
from gdbstub.explain.evidence import ABSENT, CpuFacts, Fact, Known, Unknown
from gdbstub.remote.connection import Token
from gdbstub.remote.target import RemoteTarget
from gdbstub.x86.cpu_state import CpuState, DebugState
from gdbstub.x86.registers import Mode

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
NO_DEBUG_REGISTERS = DebugState()
_NO_DEBUGCTL = Unknown("no stub shows DEBUGCTL")
_NO_CODE = Unknown("the bytes at RIP could not be read")
_NO_SEGMENTS = Unknown("this stub does not show the hidden parts of segment registers")


class Asked(NamedTuple):
    """The state requests of one vCPU, under way."""

    cpu: int
    registers: Token
    monitor: Token | None


class CpuReader:
    """Asks for the state of a stopped vCPU in one write, and reads the answers when they are wanted."""

    def __init__(self, target: RemoteTarget, profile: Profile, dom0: Dom0 | None = None) -> None:
        """``dom0`` is where the debug registers come from instead of a monitor."""
        self._target = target
        self._dom0 = dom0
        self._monitor = profile.capabilities.debug_registers
        self._source = f"{profile.title} monitor"
        self._wanted = self._columns()

    @property
    def shows_tables(self) -> bool:
        """Does the stub show debug registers and hidden parts at all?"""
        return self._monitor

    def _columns(self) -> tuple[tuple[str, str], ...]:
        """(our name, the description's name) of the registers that are kept."""
        named = {_ALIASES.get(r.name, r.name): r.name for r in self._target.layout.registers}
        return tuple((name, named[name]) for name in NAMES if name in named)

    async def ask(self, cpu: int, *, monitor: bool = True) -> Asked:
        """Queue the requests; they go out with the next thing that is awaited. Without ``monitor``, ``g`` only."""
        target = self._target
        await target.select(cpu)
        registers = target.ask_registers()
        if not self._monitor or not monitor:
            return Asked(cpu, registers, None)
        return Asked(cpu, registers, target.ask_monitor("info registers" + (f" {cpu}" if cpu else "")))

    async def registers(self, asked: Asked) -> dict[str, int]:
        """The ``g`` answer by our names. Raises `Refused` where the stub has none."""
        return self.decode(await self._target.registers(asked.registers, asked.cpu))

    def decode(self, payload: bytes) -> dict[str, int]:
        """The registers of an answer to ``g``, hex digits, by our names."""
        values = self._target.layout.decode_g(payload)
        return {ours: values[theirs] for ours, theirs in self._wanted if theirs in values}

    async def state(
        self, asked: Asked, registers: dict[str, int], before: Stepped | None = None, *, fresh: bool = False
    ) -> CpuState:
        """All of it; where the monitor's text is not understood the debug registers are unknown. ``before`` is where
        the last step began; without it, or with ``fresh``, nothing that is read from the side is taken as unchanged."""
        shown = await self._shown(asked)
        if shown is None:
            wide = "r8" in registers
            mode: Mode = 64 if wide else 32
            cs = registers.get("cs")
            debug = NO_DEBUG_REGISTERS
            if self._dom0 is not None:
                stepped = self._target.stepped and before is not None and not fresh
                due = not stepped or before is None or may_have_changed(before, registers)
                debug = await self._dom0.debug(asked.cpu, due=due, pv=guest_of(cs) == "pv")
                mode = 32 if self._dom0.width(asked.cpu) == 32 else mode
            return CpuState(asked.cpu, registers, debug, mode, None if cs is None else cs & 3)
        return CpuState(
            asked.cpu,
            registers,
            shown.debug,
            shown.mode,
            shown.cpl,
            shown.segments,
            shown.tables,
            shown.halted,
        )

    async def _shown(self, asked: Asked) -> MonitorRegisters | None:
        if asked.monitor is None:
            return None
        try:
            shown = parse_info_registers(await self._target.text(asked.monitor, "info registers"))
        except (RemoteProtocolError, Refused):
            return None
        return shown if shown.cpu in (None, asked.cpu) else None


def moment(state: CpuState, code: bytes) -> CpuFacts:
    """What is known of ``state`` as evidence; ``code`` are the guest's bytes at its linear RIP."""
    registers = state.registers
    debug = state.debug

    def register(name: str) -> Fact[int]:
        value = registers.get(name)
        return ABSENT if value is None else Known(value, "registers")

    source, unread = debug.source, Unknown(debug.unread)
    dr: list[Fact[int]] = [unread if value is None else Known(value, source) for value in debug[:6]]
    if debug.derived_dr6 is not None:
        dr[4] = Known(debug.derived_dr6, "derived")
    segments, tables = state.segments, state.tables
    if segments is not None and state.mode != 64:
        registers = registers | {f"{name}_base": segment.base for name, segment in segments.items()}
    return CpuFacts(
        rip=Known(registers["rip"], "registers"),
        rflags=register("rflags"),
        rsp=register("rsp"),
        rcx=register("rcx"),
        cs=register("cs"),
        cs_base=_NO_SEGMENTS if segments is None else Known(segments["cs"].base, "monitor"),
        tr=_NO_SEGMENTS if tables is None else Known(tables.tr.selector, "monitor"),
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
