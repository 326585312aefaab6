"""Where a vCPU stands: RIP is an offset in CS, breakpoints are linear addresses."""

from __future__ import annotations

import pytest

from gdbstub.errors import GdbError
from gdbstub.x86.cpu_state import CpuState, DebugState, Registers, Segment
from gdbstub.x86.registers import Mode, code_mode


def state(mode: Mode, rip: int, base: int | None) -> CpuState:
    segments = None if base is None else {"cs": Segment(8, base, 0xFFFF, 0)}
    return CpuState(0, {"rip": rip}, DebugState(), mode, 0, segments)


@pytest.mark.parametrize(
    ("mode", "rip", "base", "pc"),
    [
        (16, 0xFFF0, 0xFFFF_0000, 0xFFFF_FFF0),
        (32, 0x1000, 0xFFFF_F800, 0x800),
        (64, 0x1000, 0xFFFF_F800, 0x1000),
        (32, 0x1000, None, 0x1000),
    ],
)
def test_the_linear_address_is_that_of_cs_and_rip(mode: Mode, rip: int, base: int | None, pc: int) -> None:
    assert (state(mode, rip, base).rip, state(mode, rip, base).pc) == (rip, pc)


def test_dr6_alone_may_be_left_out() -> None:
    assert DebugState(0, 0, 0, 0, None, 0x400).is_partly_read
    assert not DebugState(0, 0, 0, 0, 0xFFFF0FF0, 0x400).is_partly_read
    assert not DebugState().is_partly_read


@pytest.mark.parametrize(
    ("attributes", "efer", "mode"),
    [(0x209B00, 0x500, 64), (0x209B00, 0, 16), (0x409B00, 0x500, 32), (0x409B00, 0, 32), (0x9B00, 0x500, 16)],
)
def test_l_counts_only_in_long_mode_and_d_otherwise(attributes: int, efer: int, mode: int) -> None:
    assert code_mode(attributes, efer) == mode


def test_a_register_that_the_stub_does_not_show_is_a_sentence_with_its_name() -> None:
    registers = Registers(rip=0x1000)
    assert registers["rip"] == 0x1000
    assert registers.get("rbp") is None
    with pytest.raises(GdbError, match="shows no RBP"):
        registers["rbp"]
