"""Lines in, lines out: what a pipe, a screen reader or TERM=dumb gets instead of a screen."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from frontend.cli.plain import LineReader
from tests.guests.build import build
from tests.live.machine import SECONDS, command, environment, machine


@pytest.mark.parametrize(
    ("sent", "lines"),
    [
        (b"si\nc\n", ["si", "c"]),
        (b"si\r\n\nlast", ["si", "", "last"]),
        (b"\xff\n", ["\\xff"]),
        (b"", []),
    ],
    ids=["lines", "no line feed at the end", "no UTF-8", "nothing"],
)
async def test_lines_come_as_they_were_sent(sent: bytes, lines: list[str]) -> None:
    reading, writing = os.pipe()
    os.write(writing, sent)
    os.close(writing)
    reader = LineReader(reading)
    assert [line async for line in _lines(reader)] == lines
    os.close(reading)


async def _lines(reader: LineReader):  # type: ignore[no-untyped-def]  # an async generator of str
    while (line := await reader.line()) is not None:
        yield line


async def test_a_file_is_read_like_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "commands").write_text("si\nwhy\n")
    file = os.open(tmp_path / "commands", os.O_RDONLY)
    assert [line async for line in _lines(LineReader(file))] == ["si", "why"]
    os.close(file)


@pytest.mark.live
def test_the_same_commands_work_without_a_screen(tmp_path: Path) -> None:
    image = build("exam")
    typed = "watch rounds\ncontinue\nnonsense\ncomplete info br\nstops /wrote\nx/i $pc\nquit 7\n"
    with machine(tmp_path, image) as guest:
        done = subprocess.run(
            command("attach", guest.target, "--symbols", str(image), "--leave", "stopped"),
            input=typed,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            env=environment(),
        )
    assert done.returncode == 7
    out = done.stdout
    assert out.startswith("#0 cpu0 attach")
    assert "Watchpoint 1 at " in out
    assert "info breakpoints\n" in out
    assert "=> " in out.splitlines()[-1]
    assert "#1 cpu0 watch " in out
    assert "\x1b" not in out + done.stderr
    assert done.stderr.splitlines() == ["dr6: nonsense is no command of dr6; help lists them."]
