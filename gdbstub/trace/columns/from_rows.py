"""Rows of JSON lines → columns: the way back of `row`, so that a trace of lines can be asked as one of columns."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from gdbstub.trace.columns import folder
from gdbstub.trace.columns.arrow import ArrowTable, table
from gdbstub.trace.columns.definitions import Definitions
from gdbstub.trace.columns.parts import PartFiles
from gdbstub.trace.columns.schema import DEBUG_REGISTERS, column_of
from gdbstub.trace.columns.waiting import definitions_table
from gdbstub.trace.line_file import LineFile
from gdbstub.trace.reader import TraceReader
from gdbstub.trace.rows import Row, json_line
from gdbstub.x86.instructions import Instruction

BATCH = 4096


def convert(trace: TraceReader, root: Path) -> None:
    """Write what is left of ``trace`` as a dataset. Memory is bounded by a batch and the newest parts."""
    folder.make(root, keep=False)
    run = folder.run_name(datetime.datetime.now(datetime.UTC))
    path = folder.lines_path(root, run)
    path.parent.mkdir()
    lines = LineFile(path)
    lines.write_line(json_line(trace.header))
    definitions = Definitions()
    files: dict[object, PartFiles] = {}
    temporary = path.with_name("part.tmp")
    meanings = PartFiles(folder.part_folder(root, "instructions", run, by_cpu=False), temporary)
    for rows in _batches(iter(trace)):
        by_cpu: dict[int | None, list[Row]] = {}
        for row in rows:
            if row["kind"] == "gap":
                lines.write_line(json_line(row))
            else:
                by_cpu.setdefault(row.get("cpu"), []).append(row)
        for cpu, found in by_cpu.items():
            parts = files.get(cpu)
            if parts is None:
                parts = files[cpu] = PartFiles(folder.part_folder(root, "rows", run, cpu), temporary)
            parts.add(rows_table(found, definitions))
        if definitions.changed:
            meanings.add(definitions_table(definitions))
    for part in (meanings, *files.values()):
        part.settle()
    if trace.end is not None:
        lines.write_line(json_line(trace.end))
    lines.close()


def rows_table(rows: Sequence[Row], definitions: Definitions) -> ArrowTable:
    columns: dict[str, object] = {name: [get(row) for row in rows] for name, get in _GETTERS.items()}
    for name in _PLAIN:
        columns[name] = [row.get(name) for row in rows]
    columns["insn"] = [_number(row.get("insn"), definitions) for row in rows]
    for name in dict.fromkeys(name for row in rows for name in row["regs"]):
        columns[column_of(name)] = [_value(row["regs"].get(name)) for row in rows]
    return table("rows", columns, len(rows))


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(islice(rows, BATCH)):
        yield batch


def _value(text: object) -> int | None:
    return int(text, 16) if isinstance(text, str) else None


def _number(insn: Row | None, definitions: Definitions) -> int | None:
    if insn is None:
        return None
    return definitions.of(Instruction(int(insn["address"], 16), bytes.fromhex(insn["bytes"]), insn["text"], ""))


def _frame(row: Row) -> dict[str, int | None] | None:
    frame = row.get("frame")
    return None if frame is None else {name: _value(value) for name, value in frame.items()}


def _debug_register(name: str) -> Callable[[Row], object]:
    return lambda row: _value(row["dr"].get(name))


_PLAIN = (
    "n",
    "kind",
    "mode",
    "action",
    "reply",
    "retried",
    "causes",
    "contradictions",
    "unknowns",
    "summary",
    "vector",
    "seen_by",
)
_GETTERS: dict[str, Callable[[Row], object]] = {
    "pc": lambda row: _value(row.get("pc")),
    "dr_source": lambda row: row["dr"]["source"],
    "exit_dr6": lambda row: _value(row["exit_dr6"]["value"]) if "exit_dr6" in row else None,
    "exit_dr6_provenance": lambda row: row["exit_dr6"]["provenance"] if "exit_dr6" in row else None,
    "handler": lambda row: _value(row.get("handler")),
    "frame": _frame,
    **{name: _debug_register(name) for name in DEBUG_REGISTERS},
}
