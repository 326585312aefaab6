"""Where a vCPU stands: RIP is an offset in CS, breakpoints are linear addresses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gdbstub.errors import GdbError
from gdbstub.x86.cpu_state import CpuState, DebugState, Registers, Segment
from gdbstub.x86.registers import VM, Mode, code_mode, cpl_by_registers, mode_by_registers


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


PAGED, UNPAGED = 0x8000_0011, 0x11


@pytest.mark.parametrize(
    ("registers", "mode", "cpl"),
    [
        ({"r8": 0, "cs": 0x33}, 64, 3),
        ({"cs": 0x23}, 32, 3),
        ({"r8": 0}, 64, None),
        ({"r8": 0, "cs": 0x7C3, "cr0": 0x10}, 16, 0),
        ({"r8": 0, "cs": 8, "cr0": UNPAGED}, 32, 0),
        ({"r8": 0, "cs": 8, "cr0": PAGED}, 64, 0),
        ({"r8": 0, "cs": 8, "cr0": PAGED, "efer": 0x100}, 32, 0),
        ({"r8": 0, "cs": 8, "efer": 0x500}, 64, 0),
        ({"r8": 0, "cs": 0x7C0, "cr0": PAGED, "rflags": VM}, 16, 3),
    ],
)
def test_the_registers_alone_tell_real_mode_and_where_long_mode_cannot_be(
    registers: dict[str, int], mode: Mode, cpl: int | None
) -> None:
    assert mode_by_registers(registers) == mode
    assert cpl_by_registers(registers, mode) == cpl


def bare(rip: int = 0xFFF0, cs: int = 0xF000, **more: int) -> CpuState:
    return CpuState(0, {"rip": rip, "cs": cs, "r8": 0, **more}, DebugState(), 64, cs & 3)


SEGMENTS = {"cs": Segment(8, 0, 0xFFFF_FFFF, 0x20_9B00)}


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(bare(cr0=0x10), id="control registers"),
        pytest.param(bare(efer=0x500), id="long mode is on"),
        pytest.param(bare(0xFFFF_FFFF_8100_0000, 0x10), id="only 64-bit code runs there"),
        pytest.param(bare(0x401000, 0x33), id="the 64-bit user code of Linux"),
        pytest.param(replace(bare(), segments=SEGMENTS), id="the hidden part of CS"),
        pytest.param(replace(bare(), debug=DebugState(source="xenctx")), id="another source than g"),
    ],
)
def test_the_mode_is_known_where_something_tells_it(state: CpuState) -> None:
    assert state.shows_mode
    assert state.code_mode == 64
    assert replace(state, architecture=16).code_mode == 16, "code is read as the user says"


def test_a_32_bit_layout_beyond_64_kib_is_that_of_32_bit_code() -> None:
    low = CpuState(0, {"rip": 0xFFF0, "cs": 0xF000}, DebugState(), 32, 0)
    assert low.code_mode is None
    kernel = replace(low, registers={"rip": 0xC010_0000, "cs": 0x60})
    assert kernel.code_mode == 32


def test_a_stub_without_control_registers_does_not_show_the_mode() -> None:
    assert not bare().shows_mode
    assert bare().code_mode is None
    assert not bare(efer=0).shows_mode, "16-bit and 32-bit code run without long mode"
    assert replace(bare(), architecture=32).code_mode == 32


def test_the_base_of_a_segment_is_its_hidden_part_or_that_of_real_mode_or_what_the_stub_says() -> None:
    shown = replace(bare(ss=0x10, fs_base=0x7000), segments=SEGMENTS)
    assert [shown.segment_base(name) for name in ("cs", "ss", "fs")] == [0, None, 0x7000]
    real = replace(bare(ss=0x9000), mode=16)
    assert [real.segment_base(name) for name in ("cs", "ss", "es")] == [0xF_0000, 0x9_0000, None]
    assert real.pc == 0xF_FFF0
