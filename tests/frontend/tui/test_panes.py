"""What single panes show, where no picture has it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from frontend.tui.events import Focus, Gathered, Scroll, Stop, StopShown
from frontend.tui.panes import PANES
from frontend.tui.update import update
from frontend.tui.view import ViewState
from frontend.tui.window import SourceArea
from gdbstub.explain.evidence import Action
from gdbstub.x86.registers import Mode
from tests.frontend.drawing import text
from tests.frontend.stories import ATTACHED, HIT, STEPPED, view


@pytest.mark.parametrize(("mode", "names"), [(16, ("ip", "eflags")), (32, ("eip", "eflags")), (64, ("rip", "rflags"))])
def test_pointer_and_flags_are_called_as_the_mode_calls_them(mode: Mode, names: tuple[str, str]) -> None:
    record = replace(STEPPED, number=9, state=replace(STEPPED.state, mode=mode))
    found = update(view(), StopShown(Stop(record)))

    for width in (25, 50):
        words = text(PANES["registers"].render(found, width, 40)).replace("•", " ").split()
        shown = {"ip", "eip", "rip", "flags", "eflags", "rflags"} & set(words)
        assert shown == set(names)


@pytest.mark.parametrize(("width", "height"), [(54, 7), (68, 11), (25, 20)])
def test_at_the_beginning_it_is_said_what_can_be_done_and_nothing_is_unknown(width: int, height: int) -> None:
    found = update(ViewState(), StopShown(Stop(ATTACHED)))
    shown = {name: text(PANES[name].render(found, width, height)) for name in ("why", "stops", "dr")}

    assert not any("unknown" in pane for pane in shown.values())
    assert {"F9, continue", "F7, stepi"} <= {row[:12].strip() for row in shown["why"].splitlines()}


def test_a_reason_that_is_known_at_attach_is_shown() -> None:
    found = update(ViewState(), StopShown(Stop(replace(HIT, action=Action.ATTACH))))

    assert "instruction-breakpoint" in text(PANES["why"].render(found, 60, 20))


def test_the_source_is_shown_around_its_line_or_it_is_said_that_it_is_not_here() -> None:
    lines = tuple(f"line {number}" for number in range(1, 101))
    windows = {n: replace(one, source=SourceArea("a.c", 50, lines)) for n, one in view().windows.items()}
    found = replace(view(), windows=windows)
    page = PANES["source"].render(found, 30, 9)

    assert [row.strip() for row in text(page).splitlines()][:4] == [
        "47  line 47",
        "48  line 48",
        "49  line 49",
        "▶  50  line 50",
    ]
    assert (page.above, page.below) == (46, 45)
    assert PANES["source"].note(found) == "a.c:50"
    scrolled = update(found, Scroll("source", 45))
    assert text(PANES["source"].render(scrolled, 30, 9)).splitlines()[-1].strip() == "100  line 100"
    missing = {n: replace(one, source=SourceArea("a.c", 50, None)) for n, one in view().windows.items()}
    said = text(PANES["source"].render(replace(view(), windows=missing), 200, 9))
    assert said.startswith("a.c:50: its text is not on this machine; directory DIR or set substitute-path FROM TO")


def test_the_keys_leave_the_source_where_none_is_known() -> None:
    newest = view().stops[-1].record.number
    windows = {n: replace(one, source=SourceArea("a.c", 50, ())) for n, one in view().windows.items()}
    found = update(replace(view(), windows=windows), Focus("source"))
    assert found.focus == "source"
    assert update(found, Gathered(windows[newest])).focus == "source"
    assert update(found, Gathered(view().windows[newest])).focus == "prompt"
