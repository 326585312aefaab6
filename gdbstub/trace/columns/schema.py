"""The tables of a dataset and their columns: names and types as words, which `arrow` turns into Arrow's.

``rows`` has one row for each ``stop``, ``event`` and ``insn``; beside these columns it has one uint64 for each
register that the target shows, by its name. ``instructions`` has what ``insn`` means: one row a definition.
``accesses`` has the memory that rows read and wrote.
"""

from __future__ import annotations

from typing import Literal

ColumnType = Literal["uint8", "uint32", "uint64", "bool", "text", "texts", "causes", "frame"]
Table = Literal["rows", "instructions", "accesses"]

DEBUG_REGISTERS = ("dr0", "dr1", "dr2", "dr3", "dr6", "dr7")
FRAME_FIELDS = ("rip", "cs", "rflags", "rsp", "ss", "error_code", "size", "cs_base", "ss_base")
ROWS: dict[str, ColumnType] = {
    "n": "uint64",
    "kind": "text",
    "pc": "uint64",
    "mode": "uint8",
    "insn": "uint32",
    **dict.fromkeys(DEBUG_REGISTERS, "uint64"),
    "dr_source": "text",
    "action": "text",
    "reply": "text",
    "retried": "uint8",
    "exit_dr6": "uint64",
    "exit_dr6_provenance": "text",
    "causes": "causes",
    "contradictions": "texts",
    "unknowns": "texts",
    "summary": "text",
    "vector": "uint8",
    "handler": "uint64",
    "frame": "frame",
    "seen_by": "text",
}
INSTRUCTIONS: dict[str, ColumnType] = {"insn": "uint32", "address": "uint64", "bytes": "text", "text": "text"}
ACCESSES: dict[str, ColumnType] = {
    "n": "uint64",
    "address": "uint64",
    "size": "uint8",
    "write": "bool",
    "value": "uint64",
}
TABLES: dict[Table, dict[str, ColumnType]] = {"rows": ROWS, "instructions": INSTRUCTIONS, "accesses": ACCESSES}
PREFIX = "reg_"


def column_of(register: str) -> str:
    """The column of a register; a stub may well call one ``n``."""
    return PREFIX + register if register in ROWS or register.startswith(PREFIX) else register


def register_of(column: str) -> str | None:
    """The register that a column of ``rows`` holds; None for the columns that are none."""
    return None if column in ROWS else column.removeprefix(PREFIX)
