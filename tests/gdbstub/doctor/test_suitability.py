"""What may be tested on a guest that is not ours: pure answers from its state."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gdbstub.backends.qemu.monitor import parse_info_registers
from gdbstub.doctor.suitability import descriptor_address, is_loaded_as, own_breakpoint_in, unsuitable
from gdbstub.x86.cpu_state import CpuState, DebugState, DescriptorTables, Segment
from gdbstub.x86.registers import Mode
from tests.gdbstub.backends.qemu.test_monitor import golden

FLAT = Segment(0x10, 0, 0xFFFF_FFFF, 0x00CF_9300)
NULL = Segment(0, 0, 0, 0)


def state(mode: Mode = 64, **segments: Segment) -> CpuState:
    held = dict.fromkeys(("cs", "ss", "ds", "es", "fs", "gs"), FLAT) | segments
    tables = DescriptorTables((0x1000, 0x2F), (0, 0), NULL, NULL)
    return CpuState(0, {"rip": 0x1000}, DebugState(0, 0, 0, 0, 0xFFFF0FF0, 0x400), mode, 0, held, tables)


def armed(dr7: int, **registers: int) -> CpuState:
    dr0, dr1, dr2, dr3 = (registers.get(f"dr{n}", 0) for n in range(4))
    debug = DebugState(dr0, dr1, dr2, dr3, 0xFFFF0FF0, dr7)
    return CpuState(0, {"rip": 0x1000}, debug, 64, 0)


def test_code_of_64_bit_and_flat_code_of_32_bit_suit() -> None:
    assert unsuitable(state(64)) is None
    assert unsuitable(state(64, ds=FLAT._replace(base=0x1000))) is None
    assert unsuitable(state(32)) is None


@pytest.mark.parametrize("name", ["cs", "ss", "ds", "es"])
def test_a_segment_that_does_not_begin_at_0_does_not_suit(name: str) -> None:
    assert "begin at 0" in (unsuitable(state(32, **{name: FLAT._replace(base=0x8000)})) or "")


def test_16_bit_code_does_not_suit_nor_32_bit_code_of_which_no_bases_are_known() -> None:
    assert "16-bit" in (unsuitable(state(16)) or "")
    bare = CpuState(0, {"rip": 0, "cr0": 0x11}, DebugState(), 32, 0)
    assert "bases" in (unsuitable(bare) or "")


def test_code_of_a_mode_that_is_not_known_does_not_suit() -> None:
    reset = CpuState(0, {"rip": 0xFFF0, "cs": 0xF000, "r8": 0}, DebugState(), 64, 0)
    assert "the CPU mode is not known" in (unsuitable(reset) or "")
    assert unsuitable(replace(reset, registers=reset.registers | {"cs": 0x33})) is None


@pytest.mark.parametrize(
    ("dr7", "registers", "number"),
    [
        (0x400, {"dr0": 0x1010}, None),
        (0x401, {"dr0": 0x1010}, 0),
        (0x408, {"dr1": 0x1010}, 1),
        (0x480, {"dr3": 0x1010}, 3),
        (0x401, {"dr1": 0x1010}, None),
        (0x401, {"dr0": 0x1040}, None),
        (0x401, {"dr0": 0xFF8}, None),
        (0x401, {"dr0": 0xFF9}, 0),
    ],
)
def test_an_armed_register_of_the_guest_is_found_where_it_covers_what_is_borrowed(
    dr7: int, registers: dict[str, int], number: int | None
) -> None:
    assert own_breakpoint_in(armed(dr7, **registers), ((0x1000, 64),)) == number


def test_debug_registers_that_are_not_known_are_not_in_the_way() -> None:
    assert own_breakpoint_in(CpuState(0, {}, DebugState(), 64, 0), ((0, 64),)) is None


def test_the_descriptor_of_ss_is_where_the_gdt_has_it() -> None:
    assert descriptor_address(state()) == 0x1010


@pytest.mark.parametrize("selector", [0, 3, 0x14, 0x30])
def test_a_selector_that_the_gdt_does_not_have_has_no_descriptor(selector: int) -> None:
    assert descriptor_address(state(ss=FLAT._replace(selector=selector))) is None


def test_a_descriptor_is_the_loaded_one_down_to_its_accessed_bit() -> None:
    flat = bytes.fromhex("ffff00000093cf00")
    assert is_loaded_as(state(), flat)
    assert not is_loaded_as(state(), bytes.fromhex("ffff00000092cf00"))
    assert not is_loaded_as(state(), bytes.fromhex("ffff00100093cf00"))
    assert not is_loaded_as(state(), bytes.fromhex("feff00000093cf00"))
    assert not is_loaded_as(state(), b"")


def test_what_qemu_shows_of_a_segment_is_compared_with_what_a_gdt_holds() -> None:
    shown = parse_info_registers(golden("registers-64"))
    ss = shown.segments["ss"]
    held = CpuState(0, {}, shown.debug, 64, 0, shown.segments, shown.tables)
    low = ss.limit >> 12 & 0xFFFF | (ss.base & 0xFFFF) << 16
    high = ss.attributes | ss.limit >> 12 & 0xF_0000
    assert is_loaded_as(held, low.to_bytes(4, "little") + high.to_bytes(4, "little"))
