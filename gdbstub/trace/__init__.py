"""Traces: the rows of a run, written and read back."""

from gdbstub.trace.errors import TraceError
from gdbstub.trace.line_file import LineFile
from gdbstub.trace.reader import TraceReader
from gdbstub.trace.rows import SCHEMA, Row, end_line, gap_line, header_line, line, row
from gdbstub.trace.writer import JsonlWriter, TextWriter, TraceWriter

__all__ = [
    "SCHEMA",
    "JsonlWriter",
    "LineFile",
    "Row",
    "TextWriter",
    "TraceError",
    "TraceReader",
    "TraceWriter",
    "end_line",
    "gap_line",
    "header_line",
    "line",
    "row",
]
