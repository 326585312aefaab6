"""A record as text: compared whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from frontend.commands.stop_text import describe, one_line
from frontend.symbols.names import Symbols
from gdbstub.debugger.record import CaughtEvent
from gdbstub.protocol.stops import Exited
from gdbstub.x86.exceptions import Frame
from tests.fakes.elf import Entry, write_elf
from tests.fakes.records import event_record, step_record


@pytest.fixture
def symbols(tmp_path: Path) -> Symbols:
    loaded = Symbols()
    loaded.add(write_elf(tmp_path / "guest", [Entry(b"db_handler", 0x100149, 8, 2)], b"\x90" * 0x200))
    return loaded


def test_a_step_is_three_facts_and_its_reasons(symbols: Symbols) -> None:
    assert describe(step_record(3), symbols) == [
        "#3 cpu0 step at 0x100402: single-step by the debugger over nop",
        "  0x100401: 90  nop",
        "  single-step · debugger · trap · certain",
        "    because: a step was asked for; RIP moved past one instruction",
    ]


def test_an_event_names_its_handler_its_frame_and_what_is_odd(symbols: Symbols) -> None:
    assert describe(event_record(), symbols) == [
        "#7 cpu0 event #DB at handler 0x100149 <db_handler>: INT1 (ICEBP) by the guest",
        "  0x10041b: f1  int1",
        "  frame: rip 0x10041c cs 0x8 rflags 0x10002 rsp 0x200000 ss 0x10",
        "  icebp · guest · trap · certain",
        "    because: the instruction before RIP is F1",
        "  contradiction: DR6.B0 is set but DR7 does not enable slot 0",
        "  unknown: CPL before the event",
        "  advice: clear DR6 in the handler",
    ]


def test_an_error_code_is_explained(symbols: Symbols) -> None:
    record = replace(event_record(), event=CaughtEvent(14, 0x100149, Frame(0x1000, 8, 2, error_code=2)))
    assert "  frame: rip 0x1000 cs 0x8 rflags 0x2 error code 0x2 (page not present, write, supervisor mode)" in (
        describe(record, symbols)
    )


def test_notes_of_dr6_itself_come_last(symbols: Symbols) -> None:
    record = replace(step_record(), notes=("the breakpoint at 0x1000 was lifted",))
    assert describe(record, symbols)[-1] == "  note: the breakpoint at 0x1000 was lifted"


def test_one_line_has_what_a_text_trace_needs(symbols: Symbols) -> None:
    assert one_line(step_record(3), symbols) == (
        "#3 cpu0 step at 0x100402  90               nop  [single-step/debugger]"
    )
    assert one_line(event_record(), symbols) == (
        "#7 cpu0 event #DB at handler 0x100149 <db_handler>  f1               int1  [icebp/guest]"
        "  ! DR6.B0 is set but DR7 does not enable slot 0"
    )


def test_a_guest_that_is_gone_has_no_address(symbols: Symbols) -> None:
    assert describe(replace(step_record(9), stop=Exited(0)), symbols)[0].startswith("#9 step, the guest is gone: ")


def test_text_of_the_guest_cannot_reach_the_terminal(symbols: Symbols) -> None:
    record = step_record()
    evil = replace(record, explanation=replace(record.explanation, summary="\x1b[2J", unknowns=("\r\n",)))
    text = "".join(describe(evil, symbols))
    assert "\x1b" not in text
    assert "\r" not in text
    assert r"\x1b[2J" in text
