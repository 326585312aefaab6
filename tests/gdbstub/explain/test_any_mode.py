"""A mode that is not known is unknown: no bytes are read as 64-bit code then, and nothing is certain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gdbstub.explain.any_mode import UNREADABLE, readable, with_mode
from gdbstub.explain.evidence import CodeBytes, CpuFacts, Evidence, Known
from gdbstub.explain.exception_facts import ExceptionFacts
from gdbstub.explain.explain import explain
from gdbstub.explain.rules.page_fault import cpl
from gdbstub.explain.stop_facts import StopFacts, known
from gdbstub.x86.decode import shape_of_any_mode
from gdbstub.x86.exceptions import Frame
from gdbstub.x86.registers import Mode
from tests.gdbstub.explain.build import CODE, event, know, stop


def code_of(evidence: Evidence) -> bytes | None:
    fact = readable(evidence).before.bytes
    return fact.value if isinstance(fact, Known) else None


def moment(code: str) -> Evidence:
    return Evidence(before=CpuFacts(bytes=Known(bytes.fromhex(code), "test")))


@pytest.mark.parametrize("code", ["90", "f1", "cc", "cd80", "ebfe", "fb"])
def test_bytes_that_read_alike_in_every_mode_are_kept(code: str) -> None:
    assert code_of(moment(code)) == bytes.fromhex(code)


@pytest.mark.parametrize("code", ["4889d8", "ea5be000f0", "8903", "0f", "b80000"])
def test_bytes_that_do_not_say_nothing(code: str) -> None:
    assert readable(moment(code)).before.bytes == UNREADABLE
    assert code_of(moment("90" + code)) == b"\x90"


def test_a_known_mode_or_frame_mode_keeps_all() -> None:
    code = replace(moment("4889d8"), code=(CodeBytes(CODE, b"\x48\x89\xd8"),))
    assert readable(replace(code, mode=know(64))) == replace(code, mode=know(64))
    of_frame = readable(replace(code, frame_mode=know(64)))
    assert of_frame.code == code.code
    assert of_frame.before.bytes == UNREADABLE, "those of the stop need not be in the mode of the frame's code"


def test_code_in_front_of_rip_is_kept_only_where_all_of_it_reads_alike() -> None:
    pieces = (CodeBytes(CODE, b"\x90\xf1\x90"), CodeBytes(CODE, b"\x90\x48\x89\xd8"))
    assert readable(Evidence(code=pieces)).code == pieces[:1]


def test_a_real_mode_jump_is_not_taken_for_an_instruction_that_was_interrupted() -> None:
    """The reset vector: EA 5B E0 00 F0 leads to F000:E05B; 64-bit code has no EA."""
    stepped = stop("ea5be000f0", 0x800, mode=None)
    answer = explain(stepped)
    assert "exception" not in " ".join(answer.causes[0].because)
    assert answer.instruction is None
    assert answer.causes[0].confidence == "likely"
    assert any("depends on the CPU mode" in text for text in answer.unknowns)


def test_an_event_of_unknown_mode_is_never_certain_of_an_instruction() -> None:
    assert explain(event(0xFFFF0FF0, code="0f21f1", mode=None)).instruction is None
    hit = event(0xFFFF0FF1, dr7=0x401, dr={0: CODE + 2}, mode=None)
    assert explain(hit).causes[0].confidence == "likely"


HIGH = 0xFFFF_FFFF_8100_0000


@pytest.mark.parametrize(
    ("evidence", "modes"),
    [
        (Evidence(saved_rip=know(HIGH)), (64, 64)),
        (Evidence(frame=know(Frame(HIGH, 0x10, 2))), (64, 64)),
        (Evidence(unpushed=know(Frame(HIGH, 0x10, 2))), (64, 64)),
        (Evidence(frame=know(Frame(CODE, 0x10, 2)), after=CpuFacts(rip=know(HIGH))), (None, None)),
        (Evidence(frame=know(Frame(HIGH, 0x10, 2)), frame_mode=know(32)), (64, 32)),
        (Evidence(after=CpuFacts(rip=know(HIGH))), (64, None)),
        (Evidence(after=CpuFacts(rip=know(CODE))), (None, None)),
        (Evidence(mode=know(32), saved_rip=know(HIGH)), (32, None)),
        (Evidence(), (None, None)),
    ],
)
def test_a_rip_of_more_than_32_bits_tells_the_mode(evidence: Evidence, modes: tuple[int | None, int | None]) -> None:
    told = with_mode(evidence)
    assert (known(told.mode), known(told.frame_mode)) == modes


def against(evidence: Evidence) -> str:
    return " ".join(explain(evidence).contradictions)


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (event(0xFFFF8FF0, mode=64), "64-bit code"),
        (event(0xFFFF2FF0, cs=0x33, rest="0f21f0", mode=64), "for code at CPL 3"),
        (event(0xFFFF07F0, mode=64), "ran at CPL 0"),
        (event(0xFFFF0FF0, vector=6, rest="0f0b", mode=64), "RF is 0 in the frame of a fault"),
    ],
)
def test_what_only_some_modes_have_is_no_argument_where_the_mode_is_not_known(evidence: Evidence, words: str) -> None:
    assert words in against(evidence)
    answer = explain(replace(evidence, mode=know(None)))
    assert "64-bit" not in " ".join((answer.summary, *answer.causes[0].because, *answer.contradictions))
    assert words not in " ".join(answer.contradictions)


@pytest.mark.parametrize(
    ("mode", "level", "text", "unknown"),
    [
        (64, "certain", "mov rax, dr6", False),
        (32, "certain", "mov eax, dr6", False),
        (None, "certain", "mov eax, dr6 or mov rax, dr6", True),
    ],
)
def test_mov_dr_is_mov_dr_in_every_mode(mode: Mode | None, level: str, text: str, unknown: bool) -> None:
    answer = explain(event(0xFFFF2FF0, code="", rest="0f21f090", mode=mode))
    assert (answer.causes[0].cause, answer.causes[0].confidence) == ("general-detect", level)
    assert f"`{text}` has not run" in answer.summary
    assert any(row.startswith("CPU mode") for row in answer.unknowns) is unknown
    assert answer.causes[0].sources[0] == "SDM 3B 18.3.1.3"


@pytest.mark.parametrize(
    ("evidence", "unknown"),
    [
        (event(0xFFFF2FF0, code="", rest="0f21f0"), ()),
        (event(0xFFFF2FF0, with_code=False), ("the code at the saved RIP: not given",)),
        (event(0xFFFF0FF1, dr7=0x401, dr={0: CODE}, code=""), ()),
        (event(0xFFFF8FF0, with_code=False), ()),
        (event(0xFFFF8FF0, with_code=False, mode=None), ("CPU mode: not given",)),
        (event(0xFFFF0FF0, code=""), ("the code in front of the saved RIP: not given",)),
        (event(0xFFFF6FF0, code="", rest="0f21f0"), ("the code in front of the saved RIP: not given",)),
        (
            event(0xFFFF0FF0, code="4889d8", mode=None),
            ("CPU mode: not given; the code at the saved RIP reads differently in 16-, 32- and 64-bit code",),
        ),
    ],
)
def test_only_the_code_that_matters_is_missed(evidence: Evidence, unknown: tuple[str, ...]) -> None:
    said = tuple(row for row in explain(evidence).unknowns if row.startswith(("the code", "CPU mode")))
    assert said == unknown


@pytest.mark.parametrize(("mode", "said"), [(16, "no RF"), (64, "set RF"), (None, "set RF")])
def test_the_advice_to_set_rf_is_not_for_a_frame_of_16_bits(mode: Mode | None, said: str) -> None:
    hit = event(0xFFFF0FF1, dr7=0x401, dr={0: CODE + 2}, mode=mode, cs=0)
    assert said in explain(hit).advice[0]


def test_a_syscall_is_read_only_where_the_mode_is_known() -> None:
    registers = {"rcx": 0x9002, "r11": 2}
    syscall = replace(event(0xFFFF4FF0, with_code=False, registers=registers), code=(CodeBytes(0x9000, b"\x0f\x05"),))
    assert "syscall" in explain(syscall).summary
    assert "syscall" not in explain(replace(syscall, mode=know(None))).summary


@pytest.mark.parametrize(("rflags", "level"), [(0x20002, "CPL 3"), (2, "CPL 0")])
def test_paging_rules_real_mode_out_so_a_page_fault_has_a_cpl(rflags: int, level: str) -> None:
    fault = event(0xFFFF0FF0, vector=14, error_code=4, cr2=0x7000, cs=8, rflags=rflags, mode=None)
    assert any(level in text for text in explain(fault).contradictions) is (level == "CPL 0")


def test_no_frame_is_no_cpl_and_no_missing_error_code() -> None:
    assert cpl(ExceptionFacts(StopFacts(event(0xFFFF0FF0, vector=14, frame=False)))) is None
    lacking = event(0xFFFF0FF0, vector=13)
    assert "error code: not in the frame" in explain(lacking).unknowns
    assert "error code: not in the frame" not in explain(replace(lacking, mode=know(None))).unknowns


def test_what_one_mode_does_not_read_no_mode_reads() -> None:
    assert shape_of_any_mode(b"\x62") is None
    assert shape_of_any_mode(b"\xc3") is None
