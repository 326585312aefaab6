"""What error codes say."""

from __future__ import annotations

import pytest

from gdbstub.x86.error_codes import describe_error_code, error_code_text, svm_exit
from gdbstub.x86.exceptions import VECTORS


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (14, 0x2, "page not present, write, supervisor mode"),
        (14, 0x15, "protection violation, read, user mode, instruction fetch"),
        (14, 0xB, "protection violation, write, supervisor mode, reserved bit set in a paging entry"),
        (14, 0x27, "protection violation, write, user mode, protection key"),
        (14, 0x45, "protection violation, read, user mode, shadow stack access"),
        (14, 0x80, "page not present, read, supervisor mode, HLAT paging"),
        (14, 0x8007, "protection violation, write, user mode, SGX access control"),
        (14, 0x80000007, "protection violation, write, user mode, RMP violation"),
        (14, 0x100000200, "page not present, read, supervisor mode, unknown bits 0x100000200"),
        (13, 0, "no selector"),
        (13, 1, "no selector, while another event was delivered"),
        (13, 0x33, "IDT vector 6, while another event was delivered"),
        (13, 0x32, "IDT vector 6"),
        (13, 0x30, "GDT selector 0x30"),
        (13, 0x34, "LDT selector 0x30"),
        (13, 4, "LDT selector 0x0"),
        (12, 0x10, "GDT selector 0x10"),
        (10, 0x28, "GDT selector 0x28"),
        (11, 0x103, "IDT vector 32, while another event was delivered"),
        (13, 0x70030, "GDT selector 0x30, reserved bits 0x70000"),
        (8, 0, "as always"),
        (8, 5, "where hardware pushes 0"),
        (17, 0, "as always"),
        (21, 1, "near RET and the shadow stack disagree"),
        (21, 3, "an indirect branch led to no ENDBRANCH"),
        (21, 0x8002, "far RET or IRET and the shadow stack disagree, inside an enclave"),
        (21, 9, ""),
        (29, 0x72, "CPUID"),
        (29, 0x7B, "port I/O"),
        (29, 0x27, "read of DR7"),
        (29, 0x400, "nested page fault"),
        (29, 0x9999, ""),
        (30, 1, "an INIT was redirected"),
        (30, 2, ""),
        (6, 2, ""),
    ],
)
def test_an_error_code_is_taken_apart(number: int, code: int, said: str) -> None:
    assert describe_error_code(number, code) == said


@pytest.mark.parametrize(
    ("number", "code", "text"),
    [(14, 2, "page not present, write, supervisor mode"), (13, 0x32, "0x32 (IDT vector 6)"), (21, 9, "0x9")],
)
def test_the_text_has_the_value_beside_what_it_says(number: int, code: int, text: str) -> None:
    assert error_code_text(number, code) == text


@pytest.mark.parametrize(
    ("code", "name"),
    [
        *(
            (0x00, "read of CR0"),
            (0x18, "write of CR8"),
            (0x3F, "write of DR15"),
            (0x41, "exception 1"),
            (0x60, "INTR"),
        ),
        *(
            (0x6E, "RDTSC"),
            (0x7C, "RDMSR or WRMSR"),
            (0x80, "VMRUN"),
            (0x81, "VMMCALL"),
            (0x87, "RDTSCP"),
            (0x88, "ICEBP"),
        ),
        *((0x8B, "MWAIT"), (0x8D, "XSETBV"), (0x8E, "RDPRU"), (0xA2, "INVPCID"), (0x8F, ""), (-1, "")),
    ],
)
def test_an_exit_code_of_svm_has_its_name(code: int, name: str) -> None:
    assert svm_exit(code) == name


@pytest.mark.parametrize("number", [row.number for row in VECTORS if row.has_error_code])
def test_every_vector_with_an_error_code_has_one_that_means_something(number: int) -> None:
    assert describe_error_code(number, 0x72 if number == 29 else 1 if number in (21, 30) else 0)
