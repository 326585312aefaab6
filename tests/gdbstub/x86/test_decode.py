"""What is read from instructions: where they lead, what they touch, what they are."""

from __future__ import annotations

import pytest

from gdbstub.x86.decode import decode, may_stay, predecessors, shape, successors
from gdbstub.x86.instructions import Trait
from gdbstub.x86.operands import touched
from gdbstub.x86.registers import RFLAGS, Mode, flag_names, part


@pytest.mark.parametrize(
    ("code", "mode", "text"),
    [
        ("90", 64, "nop"),
        ("ebfe", 64, "jmp 0x1000"),
        ("7402", 64, "je 0x1004"),
        ("e8fbffffff", 32, "call 0x1000"),
        ("e9fdff", 16, "jmp 0x1000"),
        ("f1", 64, "int1"),
        ("488903", 64, "mov qword ptr [rbx], rax"),
        ("c7f802000000", 64, "xbegin 0x1008"),
    ],
)
def test_an_instruction_has_its_text_with_absolute_targets(code: str, mode: Mode, text: str) -> None:
    found = decode(bytes.fromhex(code) + b"\x90" * 4, 0x1000, mode)
    assert found is not None
    assert found.text == text
    assert found.address == 0x1000
    assert found.bytes.hex() == code


@pytest.mark.parametrize("code", ["", "48", "0f", "e8ff"])
def test_half_an_instruction_is_none(code: str) -> None:
    assert decode(bytes.fromhex(code), 0, 64) is None


@pytest.mark.parametrize(
    ("code", "traits"),
    [
        ("8ed0", {"mov-ss", "descriptor"}),
        ("17", {"mov-ss", "descriptor"}),
        ("0fb223", {"descriptor"}),
        ("1f", {"descriptor"}),
        ("cb", {"descriptor", "branch", "indirect", "far"}),
        ("0f21f0", {"mov-dr"}),
        ("fb", {"sti"}),
        ("9d", {"popf"}),
        ("cf", {"iret", "branch", "indirect"}),
        ("cd80", {"int-n", "gate", "branch", "indirect"}),
        ("f3a4", {"string", "rep"}),
        ("f36e", {"string", "rep", "out"}),
        ("ec", {"in"}),
        ("f390", set()),
        ("f00fc103", {"lock"}),
        ("8703", {"lock"}),
        ("87d8", set()),
        ("ff20", {"branch", "indirect"}),
        ("ff10", {"branch", "indirect"}),
        ("e2fe", {"branch", "conditional"}),
    ],
)
def test_an_instruction_has_its_traits(code: str, traits: set[Trait]) -> None:
    found = shape(bytes.fromhex(code), 32)
    assert found is not None
    assert found.traits == traits


@pytest.mark.parametrize(
    ("code", "mode", "leads"),
    [
        ("90", 64, (0x1001,)),
        ("7402", 64, (0x1002, 0x1004)),
        ("ebfe", 64, (0x1000,)),
        ("f3a4", 64, (0x1002, 0x1000)),
        ("c3", 64, ()),
    ],
)
def test_where_an_instruction_leads(code: str, mode: Mode, leads: tuple[int, ...]) -> None:
    found = shape(bytes.fromhex(code), mode)
    assert found is not None
    assert successors(found, 0x1000, mode) == leads


def test_rip_wraps_at_its_width() -> None:
    found = shape(b"\x90", 16)
    assert found is not None
    assert successors(found, 0xFFFF, 16) == (0,)


@pytest.mark.parametrize(
    ("code", "mode", "registers", "executed", "address"),
    [
        ("488903", 64, {"rbx": 0x5000}, True, 0x5000),
        ("488903", 64, {}, True, None),
        ("48890c8b", 64, {"rbx": 0x5000, "rcx": 2}, True, 0x5008),
        ("48890c8b", 64, {"rbx": 0x5000}, True, None),
        ("4889054e000000", 64, {}, True, 0x1055),
        ("48891c2500600000", 64, {}, True, 0x6000),
        ("aa", 64, {"rdi": 0x5001}, True, 0x5000),
        ("aa", 64, {"rdi": 0x5001, "rflags": 0x400}, True, 0x5002),
        ("aa", 64, {"rdi": 0x5001}, False, 0x5001),
        ("50", 64, {"rsp": 0x8000}, False, 0x7FF8),
        ("50", 64, {"rsp": 0x7FF8}, True, 0x7FF8),
        ("58", 64, {"rsp": 0x8000}, True, 0x7FF8),
        ("64488903", 64, {"rbx": 0x10, "fs_base": 0x7000}, True, 0x7010),
        ("64488903", 64, {"rbx": 0x10}, True, None),
        ("8903", 32, {"rbx": 0x5000}, True, 0x5000),
        ("8903", 32, {"rbx": 0x5000, "ds_base": 0x100}, True, 0x5100),
        ("8907", 16, {"rbx": 0x10, "ds": 0x100}, True, 0x1010),
        ("8907", 16, {"rbx": 0x10}, True, None),
        ("488b1b", 64, {"rbx": 0x5000}, False, 0x5000),
        ("488b1b", 64, {"rbx": 0x5000}, True, None),
        ("c20800", 64, {"rsp": 0x8000}, False, 0x8000),
        ("c20800", 64, {"rsp": 0x8000}, True, None),
        ("c9", 64, {"rbp": 0x8000}, False, 0x8000),
        ("d7", 64, {"rbx": 0x5000, "rax": 0x111}, False, 0x5011),
        ("0fab0b", 64, {"rbx": 0x5000, "rcx": 0}, False, None),
        ("0fae23", 64, {"rbx": 0x5000}, False, None),
        ("67488943f0", 64, {"rbx": 8}, False, 0xFFFFFFF8),
        ("6c", 64, {"rdi": 0x5000}, False, 0x5000),
        ("6e", 64, {"rsi": 0x5000}, False, 0x5000),
    ],
)
def test_what_an_instruction_touches(
    code: str, mode: Mode, registers: dict[str, int], executed: bool, address: int | None
) -> None:
    found = shape(bytes.fromhex(code), mode)
    assert found is not None
    behind = 0x1000 + len(found.bytes)
    assert touched(found.memory[0], registers, behind, mode, executed=executed) == address


@pytest.mark.parametrize(
    ("code", "mode", "size", "reads", "writes"),
    [
        ("0fb10b", 64, 4, True, True),  # cmpxchg [rbx], ecx
        ("dd1b", 64, 8, False, True),  # fstp qword [rbx]
        ("0fae1b", 64, 4, False, True),  # stmxcsr [rbx]
        ("0fae03", 64, 512, False, True),  # fxsave [rbx]
        ("0fc30b", 64, 4, False, True),  # movnti [rbx], ecx
        ("c5fe7f03", 64, 32, False, True),  # vmovdqu [rbx], ymm0
        ("c5fe6f03", 64, 32, True, False),  # vmovdqu ymm0, [rbx]
        ("c4e27d2c0b", 64, 1, True, True),  # vmaskmovps ymm1, ymm0, [rbx]: what the mask says
        ("8503", 64, 4, True, False),  # test [rbx], eax
        ("60", 32, 32, False, True),  # pushad
        ("6a05", 64, 8, False, True),
        ("666a05", 64, 2, False, True),
        ("666a05", 16, 4, False, True),
        ("cb", 64, 8, True, False),
        ("48cb", 64, 16, True, False),
    ],
)
def test_how_an_instruction_touches_memory(code: str, mode: Mode, size: int, reads: bool, writes: bool) -> None:
    found = shape(bytes.fromhex(code), mode)
    assert found is not None
    assert [(one.size, one.reads, one.writes) for one in found.memory] == [(size, reads, writes)]


@pytest.mark.parametrize("code", ["0f1803", "0f0138"])
def test_hints_touch_nothing(code: str) -> None:
    """PREFETCHNTA and INVLPG."""
    found = shape(bytes.fromhex(code), 64)
    assert found is not None
    assert found.memory == ()


def test_lea_and_nop_touch_nothing() -> None:
    for code in ("488d03", "0f1f00"):
        found = shape(bytes.fromhex(code), 64)
        assert found is not None
        assert found.memory == ()


def test_ports_are_read_from_the_bytes() -> None:
    for code, port, size in (("e460", 0x60, 1), ("66ef", None, 2), ("e780", 0x80, 4), ("6d", None, 4)):
        found = shape(bytes.fromhex(code), 64)
        assert found is not None
        assert (found.port, found.port_size) == (port, size)


@pytest.mark.parametrize(
    ("code", "stays"),
    [
        ("90", False),
        ("ebfe", True),  # jmp to itself
        ("75fe", True),  # jne
        ("ebfd", False),
        ("f3a4", False),  # rep movsb: the count changes
        ("f4", True),  # hlt
        ("ffe0", True),  # jmp rax
        ("ffd0", False),  # call rax pushes
        ("e8fbffffff", False),  # call itself
        ("c3", False),  # ret
        ("48cf", True),  # iretq
        ("cc", True),  # a handler on a stack of its own
    ],
)
def test_what_may_leave_everything_as_it_was(code: str, stays: bool) -> None:
    known = shape(bytes.fromhex(code), 64)
    assert known is not None
    assert may_stay(known, 0x1000, 64) is stays


def test_reading_backwards_puts_first_what_most_readings_run_into() -> None:
    found = predecessors(bytes.fromhex("9090488903"), 64)
    assert found[0].text == "mov qword ptr [rbx], rax"
    assert predecessors(b"", 64) == ()
    assert predecessors(b"\x90\x06\x90", 64)[0].text == "nop"


def test_rflags_are_named_and_placed_as_in_the_manuals() -> None:
    assert flag_names(0x3142) == ("ZF", "TF", "IOPL=3")
    assert {field.name: field.bits for field in RFLAGS}["IOPL"] == "13:12"
    assert RFLAGS[0].bits == "0"


def test_parts_of_registers() -> None:
    registers = {"rax": 0x1122334455667788, "r8": 0xFF00FF, "fs_base": 5}
    assert [part(name, registers) for name in ("eax", "ax", "al", "ah", "r8d", "r8w", "r8b", "fs_base")] == [
        *(0x55667788, 0x7788, 0x88, 0x77, 0xFF00FF, 0xFF, 0xFF, 5),
    ]
    assert part("ebx", registers) is None
    assert part("xmm0", registers) is None
