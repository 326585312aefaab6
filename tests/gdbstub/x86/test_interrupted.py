"""The registers of interrupted code, from those at the handler and the frame."""

from __future__ import annotations

import pytest

from gdbstub.x86.exceptions import Frame
from gdbstub.x86.interrupted_registers import interrupted
from gdbstub.x86.registers import VM, Mode


@pytest.mark.parametrize(
    ("mode", "rsp", "frame", "expected"),
    [
        (32, 0x7FF4, Frame(0x1000, 8, 2, size=12), 0x8000),
        (32, 0xFFFF_FFFC, Frame(0x1000, 8, 2, size=12), 8),
        (16, 0xFFFA, Frame(0x1000, 8, 2, size=6), 0),
        (16, 0x1_FFFA, Frame(0x1000, 8, 2, size=6), 0x2_0000),
        (32, 0x7FF4, Frame(0x1000, 8, 2), None),
        (32, None, Frame(0x1000, 8, 2, size=12), None),
        (32, 0x7FF4, Frame(0x1000, 8, 2, rsp=0x500, size=12), 0x500),
        (64, 0x7FD8, Frame(0x1000, 8, 2, rsp=0x8000, size=40), 0x8000),
    ],
)
def test_rsp_is_as_pushed_or_above_the_frame(mode: Mode, rsp: int | None, frame: Frame, expected: int | None) -> None:
    registers = {"rax": 7} if rsp is None else {"rax": 7, "rsp": rsp}
    found = interrupted(registers, frame, mode, None)
    assert found.get("rsp") == expected
    assert found["rax"] == 7


def test_64_bit_code_has_the_flags_and_cs_of_the_frame_and_no_bases() -> None:
    registers = {"cs": 0x10, "rflags": 2, "ss": 0, "ds": 0x23}
    found = interrupted(registers, Frame(0x1000, 0x33, 0x102, 0x8000, 0x2B), 64, 0x5000)
    assert found == {"cs": 0x33, "rflags": 0x102, "ss": 0, "ds": 0x23, "rsp": 0x8000}


def test_a_base_is_known_for_the_same_selector_or_from_the_frame() -> None:
    registers = {"ss": 0x10, "ss_base": 0x4000, "cs_base": 1}
    same = interrupted(registers, Frame(0, 8, 2, 0x100, 0x10), 32, 0x9000)
    assert same == {"ss": 0x10, "ss_base": 0x4000, "cs_base": 0x9000, "cs": 8, "rflags": 2, "rsp": 0x100}
    other = interrupted(registers, Frame(0, 8, 2, 0x100, 0x23), 32, None)
    assert other == {"ss": 0x23, "cs": 8, "rflags": 2, "rsp": 0x100}
    given = interrupted(registers, Frame(0, 8, 2, 0x100, 0x10, ss_base=0x6000), 32, None)
    assert given["ss_base"] == 0x6000


def test_delivery_from_virtual_8086_mode_has_zeroed_the_data_segments() -> None:
    registers = dict.fromkeys(("ds", "es", "fs", "gs", "ds_base", "es_base", "fs_base", "gs_base"), 0)
    found = interrupted(registers, Frame(0, 0x100, VM | 2, 0x100, 0x200), 16, 0x1000)
    assert found == {"cs": 0x100, "cs_base": 0x1000, "rflags": VM | 2, "rsp": 0x100, "ss": 0x200}
    kept = interrupted(registers, Frame(0, 0x100, 2, 0x100, 0x200), 16, 0x1000)
    assert kept["ds"] == kept["gs_base"] == 0
