"""Lines of the source on a guest of C: where it stands, and what is listed there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.c_guest import ask, build


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("lines"), "-O0")


def test_a_stop_says_its_line_and_list_goes_on_from_there(guest: Path) -> None:
    said = ask(
        guest, "hbreak lines.c:11", "continue", "list", "list", "list -", "backtrace", "up", "list .", "info line"
    )
    source = guest.with_name("lines.c").read_text().splitlines()
    lines = said.out.splitlines()
    stop = next(line for line in lines if line.startswith("#1 cpu0"))
    assert "<twice+12>, lines.c:11: " in stop
    numbered = [f"{number}\t{text}" for number, text in enumerate(source, 1)]
    shown = [line for line in lines if line[:1].isdigit() and "\t" in line]
    asked = (range(11, 12), range(6, 16), range(16, 26), range(6, 16), range(20, 30))
    assert shown == [numbered[number - 1] for part in asked for number in part]
    assert "#1  0x000000000010005c <work+13> at lines.c:25  (frame pointer)" in lines
    assert 'Line 11 of "lines.c" starts at address 0x100018 <twice+12> and ends at 0x10001e <twice+18>.' in lines
