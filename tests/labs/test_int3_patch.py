"""The patch of QEMU's INT3: its code does what it says, and a program that is not the known one is refused."""

from __future__ import annotations

import ctypes
import mmap
import platform

import pytest

from tests.labs.errors import LabError
from tests.labs.int3_patch import CAVE, Code, patched

SITE = bytes.fromhex("4c89c9 31d2 be75000000 e8")
FUNCTION = bytes.fromhex("4189f4 4963e8") + bytes(20) + SITE + bytes(4)
CODE = Code(0x1000, 0x1800)


def program(code: bytes = FUNCTION) -> bytes:
    """A file whose code holds ``code``, with padding behind it up to the end of the page."""
    return bytes(CODE.start) + code.ljust(CODE.end - CODE.start, b"\x90") + bytes(0x2000 - CODE.end) + b"data"


def test_only_the_site_and_the_padding_change() -> None:
    before, after = program(), patched(program(), CODE)
    changed = {at for at, (a, b) in enumerate(zip(before, after, strict=True)) if a != b}
    site = before.index(SITE) + 5
    assert changed <= {*range(site, site + 5), *range(CODE.end, CODE.end + len(CAVE))}
    assert after[site] == 0xE8
    target = site + 5 + int.from_bytes(after[site + 1 : site + 5], "little", signed=True)
    assert after[target : target + len(CAVE)] == CAVE


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (program(b"\x90"), "found 0 times"),
        (program(FUNCTION * 2), "found 2 times"),
        (program(FUNCTION.replace(bytes.fromhex("4189f4"), b"\x90" * 3)), "registers"),
        (program()[: CODE.end] + b"\1" + program()[CODE.end + 1 :], "no room"),
    ],
)
def test_a_program_that_is_not_the_known_one_is_refused_in_one_sentence(data: bytes, why: str) -> None:
    with pytest.raises(LabError, match=why):
        patched(data, CODE)


def test_code_that_fills_its_last_page_has_no_room() -> None:
    full = Code(0x1000, 0x1FF8)
    with pytest.raises(LabError, match="no room"):
        patched(bytes(0x1000) + FUNCTION.ljust(0xFF8, b"\x90") + bytes(0x100), full)


CALLED = bytes.fromhex(
    "4154 55"  #     push %r12; push %rbp
    "4189fc 89f5"  # mov %edi,%r12d; mov %esi,%ebp
    "e805000000"  #  call the cave
    "89f0"  #        mov %esi,%eax
    "5d 415c c3"  #  pop %rbp; pop %r12; ret
)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the patch is x86 code, and is run here")
@pytest.mark.parametrize(
    ("vector", "length", "exit_code"),
    [(3, 1, 0x43), (3, 2, 0x75), (1, 2, 0x75), (1, 1, 0x75), (4, 1, 0x75), (0x80, 2, 0x75), (0x103, 1, 0x75)],
)
def test_the_one_byte_int3_asks_for_the_intercept_of_bp_and_nothing_else_does(
    vector: int, length: int, exit_code: int
) -> None:
    """The vector is in r12d, the length of the instruction in ebp; the exit code to look for comes back in esi."""
    code = CALLED.replace(bytes.fromhex("e805000000"), b"\xe8" + (len(CALLED) - 13).to_bytes(4, "little")) + CAVE
    with mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) as memory:
        memory.write(code)
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        run = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int)(address)
        assert run(vector, length) == exit_code
        del run
