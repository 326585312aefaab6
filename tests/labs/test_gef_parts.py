"""What the lab of gef makes of gef's text; the lab itself is `make lab-gef`."""

from __future__ import annotations

import pytest

from tests.labs.errors import LabError
from tests.labs.gef import compare

SYMBOLS = {"main_loop": 0x1000A1, "stack_top": 0x105640}
TEXT = """\
──── registers ────
$rip   : 0x00000000001000a1  →  0x4c00004f5805ff48
──── stack ────
0x0000000000105640│+0x0000: 0x0000000000000000	 ← $rsp
──── code:x86:64 ────
 →   0x1000a1 <main_loop+0>    inc    QWORD PTR [rip+0x4f58]
[#0] Id 1, Name: "", stopped, reason: BREAKPOINT
[#0] Id 1, Name: "", stopped, reason: SINGLE STEP
#2 cpu0 step at 0x1000a8 <main_loop+7>: single-step by the debugger over `inc`
"""


def test_gefs_context_at_the_right_place_is_what_is_due() -> None:
    compare(TEXT, SYMBOLS)


@pytest.mark.parametrize("line", TEXT.splitlines())
def test_a_line_of_it_that_is_missing_is_an_error(line: str) -> None:
    with pytest.raises(LabError, match="where it is due"):
        compare(TEXT.replace(line, ""), SYMBOLS)
