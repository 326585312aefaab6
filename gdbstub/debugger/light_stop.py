"""A plain step as the stub sent it, to be decoded when somebody looks."""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Callable
from typing import NamedTuple

from gdbstub.debugger.cpu_reader import moment
from gdbstub.debugger.snapshot import Snapshot
from gdbstub.explain.evidence import CpuFacts
from gdbstub.protocol.stops import Stopped
from gdbstub.x86.breakpoints import ArmedBreakpoint
from gdbstub.x86.cpu_state import CpuState, DebugState


class CpuAsSent(NamedTuple):
    """A vCPU at a plain step: ``g`` and the bytes at linear RIP, as hex digits. The rest is as in ``like``."""

    like: CpuState
    registers: bytes
    code: bytes


class LightStop(NamedTuple):
    """A plain step as it came, to be decoded when somebody looks (`StopReader.decoded`). ``pc`` is linear."""

    at: CpuAsSent
    stop: Stopped
    pc: int
    before: CpuFacts | CpuAsSent
    armed: tuple[ArmedBreakpoint, ...]


def decoded(light: LightStop, decode: Callable[[bytes], dict[str, int]]) -> Snapshot:
    """A plain step without its debug registers and hidden parts; ``decode`` takes an answer to ``g``."""
    before = light.before if isinstance(light.before, CpuFacts) else _decoded(light.before, decode)[1]
    state, facts = _decoded(light.at, decode)
    code = unhexlify(light.at.code)
    return Snapshot(light.stop, light.stop, state, code, facts, before, armed=light.armed)


def _decoded(sent: CpuAsSent, decode: Callable[[bytes], dict[str, int]]) -> tuple[CpuState, CpuFacts]:
    like, registers = sent.like, decode(sent.registers)
    state = CpuState(
        like.cpu, registers, DebugState(), like.mode, like.cpl, like.segments, None, False, like.architecture
    )
    return state, moment(state, unhexlify(sent.code))
