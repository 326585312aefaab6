"""``dr6 replay`` of a trace: a screen to go through it, or commands in order."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from frontend.clean import clean
from frontend.cli.attach import complain, has_screen, script
from frontend.cli.columns import width
from frontend.cli.exit_codes import DONE, FAILED, USAGE
from frontend.cli.query import in_columns
from frontend.commands import Quit
from frontend.symbols import Symbols
from gdbstub.errors import GdbError
from gdbstub.trace.extra import columns_extra
from gdbstub.trace.line_source import PARQUET, ZSTD

if TYPE_CHECKING:
    from frontend.cli.walk_console import WalkConsole

NEEDS_TERMINAL = "The screen needs a terminal; use --batch with -ex or -x."
HEADER_BYTES = 4096


def is_trace(path: str) -> bool:
    """A folder, a file that is compressed or of Parquet, or lines that begin with a trace's header; else it may be a
    recording."""
    if Path(path).is_dir():
        return True
    try:
        with open(path, "rb") as file:
            start = file.readline(HEADER_BYTES)
    except OSError:
        return False
    if start[:4] in (ZSTD, PARQUET):
        return True
    try:
        row = json.loads(start)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and row.get("kind") == "header"


def walk(options: argparse.Namespace) -> int:
    """Go through the trace in ``options.file``; the exit code. Raises `GdbError` for what is none."""
    lines = script(options)
    if not options.batch and not has_screen():
        complain(NEEDS_TERMINAL)
        return USAGE
    with _console(options.file, options.of_run, options.symbols) as console:
        if options.batch:
            return batch(console, lines, options.strict)
        from frontend.tui.trace_app import run_trace_screen

        return run_trace_screen(console, lines)


def batch(console: WalkConsole, lines: Sequence[str], strict: bool) -> int:
    """Without a screen; the exit code is the status of the last line."""
    status = DONE
    try:
        for line in lines:
            try:
                for said in console.run(line):
                    print(clean(said))
                status = DONE
            except GdbError as error:
                complain(clean(str(error)))
                status = FAILED
                if strict:
                    break
    except Quit as end:
        return end.code
    finally:
        for sentence in console.trace.damaged:
            complain(clean(sentence))
    return status


@contextmanager
def _console(path: str, run: str | None, files: Sequence[str]) -> Iterator[WalkConsole]:
    with columns_extra("A walk through a trace"):
        from frontend.cli.walk_console import WalkConsole
        from gdbstub.trace.walk.walked import WalkedTrace
    symbols = Symbols()
    for file in files:
        symbols.add(file)
    with tempfile.TemporaryDirectory(prefix="dr6-replay-") as scratch:
        root, said = in_columns(path, Path(scratch))
        for sentence in said:
            print(f"dr6: {clean(sentence)}", file=sys.stderr)
        yield WalkConsole(WalkedTrace(root, run), symbols, width())
