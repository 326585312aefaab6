"""At an event the code pane shows where it came from: the culprit, the saved RIP, and the handler as one line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from frontend.tui.cursor import go_to_operand, place, toggle_breakpoint
from frontend.tui.events import Event, PutCursor, SelectStop, ShowCode, Stop, StopShown, Toggle
from frontend.tui.listing import CodeArea, CodeLine
from frontend.tui.panes import PANES
from frontend.tui.update import update
from frontend.tui.view import ViewState
from gdbstub.debugger.record import CaughtEvent, StopRecord
from gdbstub.explain.explanation import Cause
from gdbstub.x86.exceptions import Frame
from tests.frontend.drawing import text
from tests.frontend.stories import ARMED, EVENT, HANDLER, START, instruction, state, view

TRAP = Cause("data-write", "guest", "trap", "certain", ("DR6.B1 is set",), slot=1)
AREA = CodeArea(0x2000, "elsewhere", (CodeLine(0x2000, b"\x90", "nop", "elsewhere"),))


def code(seen: ViewState, width: int = 60, height: int = 8) -> str:
    return text(PANES["code"].render(seen, width, height))


def after(*events: Event, start: ViewState | None = None) -> ViewState:
    seen = view() if start is None else start
    for event in events:
        seen = update(seen, event)
    return seen


def event_at(culprit: int, saved: int, cause: Cause) -> StopRecord:
    return replace(
        EVENT,
        number=4,
        state=state(HANDLER, debug=ARMED),
        explanation=replace(EVENT.explanation, causes=(cause,), instruction=instruction(culprit)),
        event=CaughtEvent(1, HANDLER, Frame(saved, 8, 0x246)),
    )


def test_the_events_code_is_shown_and_the_handler_is_one_line() -> None:
    shown = code(view()).splitlines()

    (culprit,) = [row for row in shown if "◀" in row]
    assert culprit.split() == ["0010041e", "int1", "◀", "the", "event"]
    (saved,) = [row for row in shown if "→" in row]
    assert saved.split()[1] == "0010041f"
    assert saved.endswith("saved RIP (trap)")
    assert shown[-1].startswith("── handler ▶ db_handler 00100149  push rax ─")


def test_what_a_data_breakpoint_waited_for_is_said_beside_its_instruction() -> None:
    record = event_at(START + 0x1F, START + 0x23, TRAP)
    (row,) = [row for row in code(after(StopShown(Stop(record)))).splitlines() if "◀" in row]
    assert row.endswith("◀ wrote 0xb8000")


def test_a_fault_has_its_culprit_where_its_rip_is() -> None:
    record = event_at(START + 12, START + 12, TRAP._replace(cause="instruction-breakpoint", klass="fault", slot=0))
    (row,) = [row for row in code(after(StopShown(Stop(record)))).splitlines() if "◀" in row]
    assert row.split()[:2] == ["●→", "0010040c"]
    assert row.endswith("saved RIP (fault)")


@pytest.mark.parametrize("width", [20, 30, 40])
def test_what_is_said_of_a_line_is_not_what_is_cut_off(width: int) -> None:
    assert "◀" in code(view(), width)


def test_the_handler_opens_and_folds_and_another_stop_folds_it() -> None:
    opened = after(Toggle("handler"))

    assert "▶ 00100149" in code(opened)
    assert "◀" not in code(opened)
    assert code(after(Toggle("handler"), start=opened)) == code(view())
    assert code(after(SelectStop(2), SelectStop(None), start=opened)) == code(view())


def test_the_pane_goes_to_a_place_and_comes_back() -> None:
    there = after(ShowCode(AREA))

    assert "elsewhere:" in code(there)
    assert "handler" not in code(there)
    assert toggle_breakpoint(there, there) == "break *0x2000"
    assert code(after(Toggle("handler"), start=there)) == code(view())
    assert code(after(StopShown(Stop(replace(EVENT, number=4))), start=there)) != code(there)


def test_keys_mean_the_line_under_the_cursor() -> None:
    assert place(view()) == START + 0x1F, "what goes on when the handler has returned"
    seen = after(PutCursor(START + 0x19))
    assert go_to_operand(seen) == "code 0x1002f4"
    assert go_to_operand(view()) is None
