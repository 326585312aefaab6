"""Names of registers and their parts, read and written as gdb does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from frontend.commands.registers import is_real_mode, merged, register_names, register_value
from gdbstub.x86.cpu_state import CpuState, DebugState, DescriptorTables, Segment
from tests.fakes.records import state

VALUES = state(rax=0xFFFF_FFFF_8765_43F1, rip=0x100, rsp=0x200, rbp=0x300, cr0=0x10, rflags=0x46, r8=0xABCD)


def sixteen() -> CpuState:
    """Real mode with CS base 8000h and SS base 9000h."""
    segments = {name: Segment(0x800, 0x8000, 0xFFFF, 0) for name in ("cs", "ds", "es", "fs", "gs")}
    segments["ss"] = Segment(0x900, 0x9000, 0xFFFF, 0)
    tables = DescriptorTables((1, 2), (3, 4), Segment(5, 6, 7, 8), Segment(9, 10, 11, 12))
    return replace(VALUES, mode=16, segments=segments, tables=tables)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("rax", 0xFFFF_FFFF_8765_43F1 - (1 << 64)),
        ("eax", 0x8765_43F1),
        ("ax", 0x43F1),
        ("al", 0xF1),
        ("ah", 0x43),
        ("r8d", 0xABCD),
        ("r8b", 0xCD),
        ("EAX", 0x8765_43F1),
        ("eflags", 0x46),
        ("pc", 0x100),
        ("sp", 0x200),
        ("fp", 0x300),
        ("dr6", 0xFFFF0FF0),
        ("cs", 8),
        ("fs_base", 0),
    ],
)
def test_a_register_or_a_part_of_one_has_its_value(name: str, number: int) -> None:
    value = register_value(VALUES, name)
    assert value is not None
    assert value.number == number


@pytest.mark.parametrize("name", ["nope", "cs_base", "idt_base", "dr4", "xmm0"])
def test_what_this_target_does_not_show_is_none(name: str) -> None:
    assert register_value(VALUES, name) is None


def test_an_unknown_debug_register_is_none_and_not_zero() -> None:
    assert register_value(replace(VALUES, debug=DebugState()), "dr0") is None


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("pc", 0x8100),
        ("sp", 0x9200),
        ("fp", 0x9300),
        ("cs_base", 0x8000),
        ("ip", 0x100),
        ("gdt_base", 1),
        ("idt_limit", 4),
        ("tr", 9),
        ("ldt_base", 6),
    ],
)
def test_in_real_mode_pc_sp_and_fp_are_linear(name: str, number: int) -> None:
    value = register_value(sixteen(), name)
    assert value is not None
    assert value.number == number


@pytest.mark.parametrize(
    ("name", "value", "whole"),
    [
        ("rax", 1, ("rax", 1)),
        ("eax", 0xFFFF_FFFF_0000_0001, ("rax", 0xFFFF_FFFF_0000_0001)),
        ("al", 0x1FF, ("rax", 0xFFFF_FFFF_8765_43FF)),
        ("ah", 0, ("rax", 0xFFFF_FFFF_8765_00F1)),
        ("eflags", 2, ("rflags", 2)),
        ("cs", 0x10, ("cs", 0x10)),
        ("dr7", 0x401, ("dr7", 0x401)),
        ("nope", 1, None),
    ],
)
def test_writing_a_part_keeps_the_rest(name: str, value: int, whole: tuple[str, int] | None) -> None:
    assert merged(VALUES, name, value) == whole


def test_writing_pc_in_real_mode_takes_the_base_off() -> None:
    assert merged(sixteen(), "pc", 0x8123) == ("rip", 0x123)


def test_real_mode_is_told_by_cr0_and_by_virtual_8086() -> None:
    assert is_real_mode(sixteen())
    assert not is_real_mode(VALUES)
    protected = replace(sixteen(), registers=VALUES.registers | {"cr0": 0x11})
    assert not is_real_mode(protected)
    assert is_real_mode(replace(protected, registers=protected.registers | {"rflags": 1 << 17}))


def test_completion_knows_parts_and_tables() -> None:
    names = register_names(sixteen())
    assert {"rax", "al", "r8d", "pc", "dr7", "idt_base", "cs_base"} <= set(names)
    assert names == sorted(set(names))
