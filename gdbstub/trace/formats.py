"""Which format a trace is written in, and the writer for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gdbstub.debugger.record import StopRecord
from gdbstub.trace.extra import columns_extra
from gdbstub.trace.line_file import PACKED, LineFile
from gdbstub.trace.writer import JsonlWriter, TextWriter, TraceWriter

FORMATS = {".jsonl": "jsonl", ".json": "jsonl", ".txt": "text", ".log": "text", ".parquet": "parquet"}
"""By suffix; the suffix .zst behind one says that lines are compressed."""


def format_of(path: str) -> str:
    """By the file's suffix, JSON lines where it says nothing."""
    return FORMATS.get(Path(path.removesuffix(PACKED).rstrip("/")).suffix, "jsonl")


def open_writer(form: str, path: str | None, describe: Callable[[StopRecord], str]) -> TraceWriter:
    """A writer of ``text`` (made by ``describe``), ``jsonl`` or ``parquet``; None and ``-`` are standard output, which
    takes lines only. Raises `TraceError` for what can't be opened, and where a library is missing."""
    if form == "parquet":
        with columns_extra("A trace in columns"):
            from gdbstub.trace.columns.writer import ParquetWriter
        return ParquetWriter(path or "-")
    file = LineFile(path)
    return TextWriter(file, describe) if form == "text" else JsonlWriter(file)
