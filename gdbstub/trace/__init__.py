"""Traces: the rows of a run, written and read back."""

from gdbstub.trace.columns.batch import Accesses, Columns
from gdbstub.trace.errors import TraceError
from gdbstub.trace.formats import format_of, open_writer
from gdbstub.trace.line_file import LineFile
from gdbstub.trace.reader import TraceReader
from gdbstub.trace.rows import SCHEMA, Row, end_line, gap_line, header_line, line, row
from gdbstub.trace.writer import JsonlWriter, TextWriter, TraceWriter

__all__ = [
    "SCHEMA",
    "Accesses",
    "Columns",
    "JsonlWriter",
    "LineFile",
    "Row",
    "TextWriter",
    "TraceError",
    "TraceReader",
    "TraceWriter",
    "end_line",
    "format_of",
    "gap_line",
    "header_line",
    "line",
    "open_writer",
    "row",
]
