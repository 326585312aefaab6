"""The line of an address is gdb's, of whatever version the file's tables are."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from frontend.symbols.line_map import LineMap
from frontend.symbols.line_table import find_file
from frontend.symbols.source_files import SourceFiles
from frontend.symbols.symbol import SymbolError

HEADER = "static inline int more(int x) { return x * 3 + 1; }\n"
SOURCE = """
#include "sub/more.h"
volatile int seen;
int twice(int x)
{
    for (int i = 0; i < x; i++)
        seen += more(i);
    return more(x) + more(x + 1);
}
void _start(void) { seen = twice(3); for (;;); }
"""
ADDRESS = re.compile(r"^ +([0-9a-f]+):\t", re.MULTILINE)
KINDS = ("-gdwarf-5 -O0", "-gdwarf-5 -O2", "-gdwarf-4 -O1", "-gdwarf-3 -O2", "-m32 -gdwarf-5 -O1", "-m32 -gdwarf-2 -O0")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return build(tmp_path, KINDS[0])


def build(tmp_path: Path, kind: str) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/more.h").write_text(HEADER)
    (tmp_path / "program.c").write_text(SOURCE)
    options = ("-ffreestanding", "-fno-pic", "-nostdlib", "-static", "-no-pie", *kind.split())
    subprocess.run(["gcc", *options, "-o", "program", "program.c"], cwd=tmp_path, check=True)
    return tmp_path / "program"


@pytest.mark.live
@pytest.mark.parametrize("kind", KINDS)
def test_each_instruction_has_gdbs_line(kind: str, tmp_path: Path) -> None:
    program = build(tmp_path, kind)
    listed = subprocess.run(["objdump", "-d", str(program)], capture_output=True, text=True, check=True).stdout
    addresses = [int(text, 16) for text in ADDRESS.findall(listed)]
    assert len(addresses) > 10
    words = [word for address in addresses for word in ("-ex", f"info line *{address:#x}")]
    said = subprocess.run(["gdb", "-nx", "-batch", *words, str(program)], capture_output=True, text=True, check=True)
    lines = [line for line in said.stdout.splitlines() if line.startswith(("Line", "No line"))]
    map_ = LineMap(str(program))
    for address, line in zip(addresses, lines, strict=True):
        found = map_.at(address)
        where = re.match(r'Line (\d+) of "(.*?)"', line)
        theirs = where and (int(where[1]), where[2].rpartition("/")[2])
        assert (found and (found.line, found.file.rpartition("/")[2])) == theirs, line
        if found is not None and "starts at" in line:
            ends = re.findall(r"0x[0-9a-f]+", line)
            assert (found.first, found.last) == (int(ends[0], 16), int(ends[-1], 16)), line
            assert found.first <= address < found.last


def test_a_file_is_found_by_its_end_and_its_text_by_its_path(program: Path) -> None:
    found = find_file(str(program), "more.h")
    assert found is not None
    assert find_file(str(program), "ore.h") is None
    at = next(span for a in range(0x1000) if (span := LineMap(str(program)).at(_start(program) + a)) and span.line)
    assert at.directory == str(program.parent)
    text = SourceFiles().find(found[0], at.directory)
    assert text is not None
    assert text.lines == (HEADER.rstrip(),)


def _start(program: Path) -> int:
    names = subprocess.run(["nm", str(program)], capture_output=True, text=True, check=True).stdout
    return next(int(line.split()[0], 16) for line in names.splitlines() if line.endswith(" _start"))


def test_a_file_that_is_cut_off_or_gone_knows_no_lines(program: Path) -> None:
    whole, start = program.read_bytes(), _start(program)
    for size in range(64, len(whole), max(1, len(whole) // 31)):
        program.write_bytes(whole[:size])
        try:
            map_ = LineMap(str(program))
        except SymbolError:
            continue
        found = map_.at(start)
        assert found is None or found.first <= start < found.last
    program.unlink()
    with pytest.raises(SymbolError):
        LineMap(str(program))


def test_rules_for_paths(tmp_path: Path) -> None:
    files = SourceFiles()
    assert files.places("a.c", "") == []
    assert files.places("../a.c", "/build/out") == ["/build/a.c"]
    files.substitutions = {"/build": str(tmp_path)}
    assert files.places("/build/a.c", "") == [f"{tmp_path}/a.c"]
    assert files.places("/builder/a.c", "") == ["/builder/a.c"], "only whole folders"
    files.directories = ["/one", "/two"]
    assert files.places("x/a.c", "/b") == [
        "/b/x/a.c",
        *(f"{base}/{tail}" for base in ("/one", "/two") for tail in ("b/x/a.c", "x/a.c", "a.c")),
    ]
    (tmp_path / "a.c").write_bytes(b"one\t\x1b[31m\r\ntwo")
    found = files.find("/build/a.c", "")
    assert found is not None
    assert found.lines == ("one     \\x1b[31m", "two")
    (tmp_path / "a.c").write_text("other\n")
    again = files.find("/build/a.c", "")
    assert again is not None
    assert again.lines == ("other",)
    assert files.find("/build/b.c", "") is None
