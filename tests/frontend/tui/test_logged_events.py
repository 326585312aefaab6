"""An event that only QEMU's log tells of: nobody stopped the guest, and no pane pretends so."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from frontend.tui.events import Gap, SelectStop, StopShown
from frontend.tui.gatherer import place
from frontend.tui.panes import PANES, status, text_of
from frontend.tui.update import update
from frontend.tui.view import ViewState
from gdbstub.backends.qemu.exception_log import ExceptionLog
from gdbstub.debugger.logged_event import UNKNOWN_CPU, record_of_logged
from gdbstub.debugger.record import CaughtEvent, StopRecord
from gdbstub.explain.evidence import Platform
from gdbstub.x86.exceptions import Frame
from tests.frontend.drawing import text
from tests.frontend.stories import EVENT, NAMES, START, instruction, state, view

FRAME = Frame(START + 0x1F, 8, 0x246, None, None)


def logged(frame: Frame | None = FRAME, cpu: int = UNKNOWN_CPU, known: bool = True) -> StopRecord:
    cpu_state = replace(state(START + 0x1E), cpu=cpu)
    explanation = replace(EVENT.explanation, instruction=instruction(START + 0x1E) if known else None)
    event = CaughtEvent(1, None, frame, "log")
    return replace(EVENT, number=4, cpu=cpu, state=cpu_state, code=b"", event=event, explanation=explanation, notes=())


def shown(record: StopRecord, *, gap: str = "") -> ViewState:
    found = update(view(), Gap(gap)) if gap else view()
    return update(found, StopShown(place(NAMES, record)))


def pane(name: str, found: ViewState) -> str:
    return text(PANES[name].render(found, 80, 30))


def test_the_panes_say_what_was_not_read_and_why() -> None:
    found = shown(logged(known=False))

    assert pane("code", found) == f"the code at {START + 0x1F:#x} was not read: the guest ran on"
    assert pane("stack", found) == "the stack was not read: the guest ran on"
    assert "#DB seen in QEMU's log, the guest ran on; frame: rip 0x10041f" in pane("why", found)
    assert "vCPU ? of 2" in text_of(status(found, 80))


def test_the_instruction_is_shown_where_it_is_known() -> None:
    assert pane("code", shown(logged())).split() == ["0010041e", "f1", "int1", "◀", "the", "event"]


def test_what_changed_is_not_told_of_a_vcpu_that_is_not_known() -> None:
    assert PANES["registers"].note(shown(logged())) == ""
    assert PANES["registers"].note(shown(logged(cpu=0))) != ""


@pytest.mark.parametrize(("frame", "at"), [(FRAME, "0010041f icebp_test+30 "), (None, "????????  ")])
def test_the_list_has_the_saved_rip_or_says_that_it_is_not_known(frame: Frame | None, at: str) -> None:
    rows = text(PANES["stops"].render(shown(logged(frame)), 90, 10)).splitlines()

    assert rows[0].split() == ["#", "cpu", "what", "RIP", "where"]
    assert rows[-1].startswith(f"4 !  ? #DB    {at}".rstrip())


def test_a_gap_is_marked_in_the_list_and_told_in_why() -> None:
    """Also in the list of an older stop."""
    found = update(shown(logged(), gap="Events before this may be missing."), SelectStop(1))

    rows = text(PANES["stops"].render(found, 60, 10)).splitlines()
    assert [row[3] for row in rows[1:]] == [" ", " ", " ", " ", "?"]
    assert "? Events before this may be missing." in pane("why", update(found, SelectStop(None)))
    assert "missing" not in pane("why", found)


def test_the_address_of_real_mode_is_linear() -> None:
    frame = FRAME._replace(rip=0x10, cs_base=0x7C00)
    assert "00007c10" in text(PANES["stops"].render(shown(logged(frame)), 90, 10))


LOG = Path(__file__).parents[2] / "gdbstub" / "backends" / "qemu" / "golden" / "log-int.txt"


def test_a_real_log_is_drawn_in_every_pane() -> None:
    """Of QEMU 7.2, of 32-bit and of 64-bit code. The code is known of none, the frame of all but the INT3."""
    found = ViewState()
    for number, one in enumerate(ExceptionLog().feed(LOG.read_bytes())):
        record = record_of_logged(one, number, UNKNOWN_CPU, Platform(), None, 0.0)
        found = update(found, StopShown(place(NAMES, record)))
        for width, height in ((25, 21), (54, 7), (90, 30)):
            shown = {name: text(PANES[name].render(found, width, height)) for name in PANES}
            assert "exit" not in shown["why"] + shown["dr"], "there was none"
            assert "cannot be read" not in " ".join(shown.values())
            assert not re.search(r"\bNone\b|-1\b|Unknown\(", " ".join(shown.values()))
        assert "from log" in PANES["dr"].note(found)

    rows = pane("stops", found).splitlines()
    assert [row.split()[3] for row in rows[1:]][3] == "????????"
    assert rows[1].split()[3] == "001000b0"
