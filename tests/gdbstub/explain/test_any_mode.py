"""A mode that is not known is unknown: no bytes are read as 64-bit code then, and nothing is certain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gdbstub.explain.any_mode import UNREADABLE, readable
from gdbstub.explain.evidence import CodeBytes, CpuFacts, Evidence, Known
from gdbstub.explain.explain import explain
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
    code = moment("4889d8")
    assert readable(replace(code, mode=know(64))) == replace(code, mode=know(64))
    assert readable(replace(code, frame_mode=know(64))) == replace(code, frame_mode=know(64))


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
