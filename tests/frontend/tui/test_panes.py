"""What single panes show, where no picture has it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from frontend.tui.events import Stop, StopShown
from frontend.tui.panes import PANES
from frontend.tui.update import update
from gdbstub.x86.registers import Mode
from tests.frontend.drawing import text
from tests.frontend.stories import STEPPED, view


@pytest.mark.parametrize(("mode", "names"), [(16, ("ip", "eflags")), (32, ("eip", "eflags")), (64, ("rip", "rflags"))])
def test_pointer_and_flags_are_called_as_the_mode_calls_them(mode: Mode, names: tuple[str, str]) -> None:
    record = replace(STEPPED, number=9, state=replace(STEPPED.state, mode=mode))
    found = update(view(), StopShown(Stop(record)))

    for width in (25, 50):
        words = text(PANES["registers"].render(found, width, 40)).replace("•", " ").split()
        shown = {"ip", "eip", "rip", "flags", "eflags", "rflags"} & set(words)
        assert shown == set(names)
