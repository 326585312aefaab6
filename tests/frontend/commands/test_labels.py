"""A file of the assembler with debug information: lines, and not one type."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from frontend.symbols.engine import NoDebugInfo
from frontend.symbols.names import Symbols
from gdbstub.errors import BadExpression
from tests.frontend.terminal import Terminal

pytest.importorskip("drgn", reason="it has no wheel for this machine, and is an extra")

SOURCE = """
        .globl _start
_start: mov counter, %eax
after:  nop
        .data
counter: .quad 0
"""
COMMANDS = (
    *("x/2i _start", "x/2i after", "x/xw &counter", "p after", "p counter", "p &counter", "p *counter", "p after + 1"),
    *("p/x (int)counter", "p counter - after", "info symbol after", "watch counter", "display/i after", "break after"),
    *("set {int}counter = 5", "p *(int *)counter", "output after", "tbreak *after", "disassemble after,+2"),
)


def assembled(folder: Path, *options: str) -> Terminal:
    made, linked = folder / "made.o", folder / "program"
    subprocess.run(["as", *options, "-o", str(made)], input=SOURCE.encode(), check=True)
    subprocess.run(["ld", "-Ttext=0x1000", "-Tdata=0x4000", "-o", str(linked), str(made)], check=True)
    symbols = Symbols()
    symbols.add(linked)
    return Terminal(bytes.fromhex("8b0425004000009090"), symbols)


async def test_labels_are_what_they_are_without_debug_information(tmp_path: Path) -> None:
    with_lines, without = assembled(tmp_path, "-g"), assembled(tmp_path)
    assert with_lines.session.debug_info.files
    assert not without.session.debug_info.files
    for line in COMMANDS:
        assert await with_lines.run(line) == await without.run(line), line
    assert await with_lines.run("x/i after") == "   0x1007 <after>:\tnop"
    assert await with_lines.run("p counter") == "$9 = 0x4000 <counter>"


@pytest.mark.parametrize("line", ["whatis counter", "ptype after", "p sizeof(counter)", "p counter@2"])
async def test_nobody_knows_the_type_of_a_label(line: str, tmp_path: Path) -> None:
    with pytest.raises(BadExpression, match=r"^'\w+' has unknown type; cast it to its declared type\.$"):
        await assembled(tmp_path, "-g").run(line)


async def test_without_the_engine_names_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file has types, and drgn is not installed."""
    terminal = assembled(tmp_path, "-g")
    for name in [name for name in sys.modules if name.startswith(("drgn", "_drgn", "frontend.symbols.drgn_"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "drgn", None)
    assert await terminal.run("p after") == "$1 = 0x1007 <after>"
    with pytest.raises(NoDebugInfo, match="need drgn, which is not installed"):
        await terminal.run("whatis counter")
