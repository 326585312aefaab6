"""Texts of Linux's: what is read out of them, and what is not."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from gdbstub.explain.evidence import CodeBytes, Evidence, Known, Unknown
from gdbstub.explain.explanation import Explanation
from gdbstub.explain.json_values import BadEvidence
from gdbstub.explain.oops import CLEARED, NO_HEAD, PRINTED, TAKEN, WHILE_IN_HANDLER, explain_oops, read_oops
from gdbstub.x86.exceptions import Frame
from tests.fakes import oopses

RIP = 0xFFFFFFFF8100205E


def evidence(text: str, rip: int | None = None) -> Evidence:
    return read_oops(text, rip).evidence


def answer(text: str, rip: int | None = None) -> Explanation:
    return explain_oops(read_oops(text, rip))


def value(fact: object) -> object:
    assert isinstance(fact, Known), fact
    return fact.value


def test_an_oops_is_its_exception_with_the_registers_of_its_code() -> None:
    found = evidence(oopses.GENERAL_PROTECTION, RIP)
    assert (value(found.vector), value(found.mode)) == (13, 64)
    assert value(found.frame) == Frame(RIP, 0x10, 0x10046, 0xFFFFC900000E7DD0, 0x18, 0)
    assert found.code == (CodeBytes(RIP - 3, bytes.fromhex("4889c3488b030b90")),)
    after = found.after
    registers = value(after.registers)
    assert isinstance(registers, dict)
    assert {name: registers[name] for name in ("rax", "rbx", "r8", "r9", "r15", "gs_base")} == {
        "rax": 0,
        "rbx": 0xDEAD000000000100,
        "r8": 8,
        "r9": 9,
        "r15": 15,
        "gs_base": 0xFFFF88803EC00000,
    }
    assert [value(fact) for fact in (after.cr2, after.cr4, after.dr0, after.dr1, after.dr3, after.dr6, after.dr7)] == [
        *(0x7F0000001000, 0x6F0, 0xFFFFFFFF82000000, 0, 0, 0xFFFF0FF1, 0xD0602)
    ]


def test_its_explanation_is_that_of_the_exception_and_not_of_dr6() -> None:
    said = answer(oopses.GENERAL_PROTECTION, RIP)
    assert said.summary.startswith("#GP general protection at `mov rax, qword ptr [rbx]`")
    assert [(cause.cause, cause.confidence) for cause in said.causes] == [("exception", "likely")]
    assert PRINTED in said.unknowns
    assert NO_HEAD not in said.unknowns
    assert said.guest_dr6 is not None
    assert (said.guest_dr6.set, said.guest_dr6.stale) == ((), ("B0",))


def test_a_rip_that_is_a_name_is_no_address() -> None:
    found = evidence(oopses.GENERAL_PROTECTION)
    assert isinstance(found.frame, Unknown)
    assert found.frame.why.endswith("do_one_initcall+0x5e/0x200 is a name")
    assert (found.code, isinstance(found.saved_rip, Unknown)) == ((), True)
    because = answer(oopses.GENERAL_PROTECTION).causes[0].because
    assert because[-2:] == ("RIP is do_one_initcall+0x5e/0x200", "error code 0x0 (no selector)")


def test_registers_alone_make_every_cause_only_possible() -> None:
    said = answer(oopses.REGISTERS, RIP)
    assert said.summary.startswith("possibly ")
    assert {cause.confidence for cause in said.causes} == {"possible"}
    assert said.causes[0].cause == "data-write"
    assert said.unknowns[-3:] == (NO_HEAD, PRINTED, WHILE_IN_HANDLER)
    assert said.contradictions == ()


STEP = "RIP: 0010:0xffffffff81002001\nCode: 90 <90>\nRSP: 0018:0 EFLAGS: 00000102\nDR3: 0 DR6: ffff4ff0 DR7: 400\n"


def test_what_would_be_sure_at_a_handler_is_said_to_be_possible() -> None:
    said = answer(STEP)
    assert said.summary.startswith("possibly single-step")
    assert {cause.confidence for cause in said.causes} == {"possible"}


def test_a_clear_rtm_bit_is_what_older_kernels_leave() -> None:
    """DR6 of most oopses of machines with RTM: 0xfffe0ff0."""
    text = oopses.DRS.replace("ffff0ff1", "fffe0ff0")
    said = answer(text)
    assert "rtm" not in {cause.cause for cause in said.causes}
    assert "RTM" not in said.summary
    assert any("clear in the text (0xfffe0ff0)" in unknown for unknown in said.unknowns)
    assert not any("DR6.RTM" in unknown for unknown in answer(oopses.DRS).unknowns)


def test_dr6_and_dr7_alone_are_enough() -> None:
    said = answer(oopses.DRS)
    assert said.causes[0].cause == "data-write"
    assert said.guest_dr6 is not None
    assert said.guest_dr6.value == 0xFFFF0FF1
    assert isinstance(evidence(oopses.DRS).mode, Unknown)


def test_debug_registers_that_a_whole_show_regs_leaves_out_have_their_initial_values() -> None:
    after = evidence(oopses.RIP + oopses.GENERAL + oopses.REST).after
    names = (after.dr0, after.dr1, after.dr2, after.dr3, after.dr6, after.dr7)
    assert [value(fact) for fact in names] == [0, 0, 0, 0, 0xFFFF0FF0, 0x400]


@pytest.mark.parametrize(
    "text",
    [
        oopses.RIP + oopses.GENERAL,
        oopses.RIP + "".join(oopses.GENERAL.splitlines(True)[:-1]) + oopses.REST,
        oopses.RIP + "".join(oopses.GENERAL.splitlines(True)[3:]) + oopses.REST,
        "".join(line for line in oopses.OLD_32.splitlines(True) if not line.startswith("DR")),
    ],
    ids=["cut off behind CR4", "without CR4", "without general registers", "32-bit"],
)
def test_those_that_a_part_of_it_leaves_out_are_unknown(text: str) -> None:
    after = evidence(text).after
    assert isinstance(after.dr6, Unknown)
    assert isinstance(after.dr7, Unknown)


def test_of_lines_that_are_there_none_is_made_up() -> None:
    after = evidence(oopses.RIP + oopses.GENERAL + oopses.DRS.splitlines()[0] + "\n" + oopses.REST).after
    assert value(after.dr0) == 0xFFFFFFFF82000000
    assert isinstance(after.dr6, Unknown)


def test_a_warning_in_the_handler_of_db_is_of_the_code_that_the_db_interrupted() -> None:
    found = evidence(oopses.DEBUG_WARNING)
    assert value(found.vector) == 1
    assert value(found.frame) == Frame(0xFFFFFFFF81001003, 0x10, 0x146, 0xFFFFC900000E7DD0, 0x18)
    assert (found.after.dr6, found.after.dr7) == (TAKEN, CLEARED)
    said = answer(oopses.DEBUG_WARNING)
    assert "icebp" in [cause.cause for cause in said.causes]
    assert "certain" not in {cause.confidence for cause in said.causes}
    assert any(text.startswith("DR6: Linux's handler had taken it") for text in said.unknowns)


def test_other_handlers_in_the_trace_do_not_count() -> None:
    uncertain = oopses.DEBUG_WARNING.replace(" asm_exc_debug", " ? asm_exc_debug")
    assert value(evidence(uncertain).vector) == 6


def test_a_32_bit_oops() -> None:
    found = evidence(oopses.OLD_32)
    assert (value(found.vector), value(found.mode), value(found.after.cr2)) == (14, 32, 0x10)
    assert value(found.frame) == Frame(0xC0101234, 0x60, 0x10246, 0xC0405EE0, 0x68, 2)
    said = answer(oopses.OLD_32)
    assert "`mov dword ptr [eax + 0x10], ebx`" in said.summary
    assert said.causes[0].confidence == "likely"


def test_a_32_bit_program_of_a_64_bit_kernel() -> None:
    found = evidence("int3: 0000 [#1]\nRIP: 0023:0x8048001\nRSP: 002b:ff800000 EFLAGS: 00000202\n")
    assert (value(found.mode), value(found.frame_mode)) == (64, 32)


def test_a_frame_needs_cs_and_flags() -> None:
    found = evidence("EIP: 0xc0101234\nEAX: 00000000\n")
    assert isinstance(found.frame, Unknown)
    assert value(found.saved_rip) == 0xC0101234


def test_the_address_that_the_kernel_names_is_that_of_the_fault() -> None:
    text = (
        "BUG: unable to handle page fault for address: ffff888000000010\n#PF: error_code(0x0002) - not-present page\n"
        "Oops: 0000 [#1] SMP\n"
    )
    found = evidence(text + oopses.RIP + oopses.GENERAL, RIP)
    assert value(found.after.cr2) == 0xFFFF888000000010
    frame = value(found.frame)
    assert isinstance(frame, Frame)
    assert frame.error_code == 2


@pytest.mark.parametrize(
    ("head", "vector"),
    [
        ("traps: PANIC: double fault, error_code: 0x0", 8),
        ("divide error: 0000 [#1] SMP", 0),
        ("kernel BUG at mm/slub.c:1!", 6),
        ("stack segment: 0000 [#1]", 12),
        ("BUG: unable to handle kernel paging request at ffff888000000010", 14),
        ("BUG: kernel NULL pointer dereference, address: 0000000000000010", 14),
        ("#PF: error_code(0x0000) - not-present page", 14),
        ("traps: Missing ENDBR: foo+0x0/0x10", 21),
    ],
)
def test_the_vector_is_what_the_first_line_says(head: str, vector: int) -> None:
    assert value(evidence(f"{head}\ninvalid opcode: 0000 [#1]\n{oopses.RIP}").vector) == vector


@pytest.mark.parametrize(
    "code", ["Bad RIP value.", "Unable to access opcode bytes at 0x10.", "90 90 90", "zz <90>", "<"]
)
def test_code_without_a_place_is_left_out(code: str) -> None:
    assert evidence(f"RIP: 0010:0x1000\nCode: {code}\n").code == ()


def test_the_first_of_each_line_counts() -> None:
    found = evidence("RIP: 0010:0x1000\nCode: 90 <90>\nCode: f1 <f1>\nDR6: 10001 DR6: 2\n")
    assert found.code == (CodeBytes(0xFFF, b"\x90\x90"),)
    assert value(found.after.dr6) == 0x10001


@pytest.mark.parametrize("text", ["", "hello", "RIP 0010:0x10", "RAX: 0000000000000000", "DR6: 12345678901234567"])
def test_a_text_without_registers_is_none(text: str) -> None:
    with pytest.raises(BadEvidence, match="no line like"):
        read_oops(text)


@pytest.mark.parametrize(
    "unit", ["RIP: ", "Code: 90 ", "DR0:", "0000 [#", "a", "RIP: 0010:[<", "\n", "asm_exc_debug+\nRIP:"]
)
def test_much_of_anything_is_read_in_linear_time(unit: str) -> None:
    text = unit * ((1 << 17) // len(unit))
    began = time.thread_time()
    with suppress(BadEvidence):
        read_oops(text)
    assert time.thread_time() - began < 20
