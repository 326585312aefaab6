"""What `list` lists, and where the text of source files is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from frontend.symbols.names import Symbols
from gdbstub.errors import GdbError
from tests.frontend.terminal import Terminal
from tests.live.c_guest import build


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("lines"), "-O0")


def terminal(guest: Path) -> Terminal:
    symbols = Symbols()
    symbols.add(guest)
    return Terminal(symbols=symbols)


async def test_list_takes_gdbs_places(guest: Path) -> None:
    asked = ("list twice", "list 3,4", "list lines.c:sum", "list ,20", "list *0x100018", "list 30,+1", "list", "list -")
    wanted = (
        *(range(4, 14), range(3, 5), range(11, 21), range(11, 21), range(6, 16), range(30, 32), range(32, 35)),
        range(22, 32),
    )
    user = terminal(guest)
    for line, numbers in zip(asked, wanted, strict=True):
        listed = (await user.run(line)).splitlines()
        assert [int(text.split("\t")[0]) for text in listed if "\t" in text] == list(numbers), line
    assert "0x100018 is in twice (lines.c:11)." in await user.run("list *0x100018")
    assert await user.run("set listsize 2", "list sum") == "15\tstatic int sum(int count)\n16\t{"
    assert await user.run("info source") == "No current source file."
    user.fake.registers["rip"] = 0x10001B
    said = await user.run("info source")
    assert said.splitlines()[0] == "Current source file is lines.c, line 11"
    assert f"Located in {guest.with_name('lines.c')}\nContains 34 lines." in said
    assert await user.run("list .") == "10\t    int result = number;\n11\t    result += number;"
    line = 'Line 11 of "lines.c" starts at address 0x100018 <twice+12> and ends at 0x10001e <twice+18>.'
    assert await user.run("info line") == await user.run("info line 11") == line


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("list 900", "No default source file: list FILE:LINE or list FUNCTION names one."),
        ("list lines.c:900", "Line number 895 out of range; lines.c has 34 lines."),
        ("list nosuch", 'Function "nosuch" not defined.'),
        ("list other.c:3", "No source file named other.c."),
        ("list lines.c:9,lines.c:3", "Second line of a list is before the first."),
        ("list -3", "list -3 counts from a line that was listed, and none was at this stop."),
        ("list", "No source line is known for 0x1000: that needs a file with debug information"),
        ("directory /nonexistent", "/nonexistent is no directory."),
        ("set substitute-path one", "set substitute-path needs two paths"),
        ("set listsize 0", "A listing can have 1 to 100000 lines."),
    ],
)
async def test_a_place_that_is_not_there_is_said(guest: Path, line: str, said: str) -> None:
    with pytest.raises(GdbError) as caught:
        await terminal(guest).run(line)
    assert str(caught.value).startswith(said)


async def test_source_that_is_elsewhere_is_found_by_rules(tmp_path: Path) -> None:
    guest = build(tmp_path, "-O0")
    moved = tmp_path / "moved" / "deep"
    moved.mkdir(parents=True)
    guest.with_name("lines.c").rename(moved / "lines.c")
    with pytest.raises(GdbError, match=r"lines.c:4: the text of lines.c is not on this machine; directory DIR or set"):
        await terminal(guest).run("list twice")
    for rule in (f"directory {moved}", f"set substitute-path {tmp_path} {moved}"):
        assert "8\tstatic int twice(int number)" in await terminal(guest).run(rule, "list twice")


async def test_a_strangers_recording_says_not_where_files_are(guest: Path, tmp_path: Path) -> None:
    for line in (f"directory {tmp_path}", f"set substitute-path /build {tmp_path}"):
        user = terminal(guest)
        user.session.may_use_files = False
        with pytest.raises(GdbError):
            await user.run(line)
        assert not user.session.source.files.directories
        assert not user.session.source.files.substitutions
