"""The views of a trace: what SQL can ask for. Addresses and registers are UBIGINT, everything that counts is not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gdbstub.trace.columns.schema import DEBUG_REGISTERS, PREFIX, ROWS, TABLES, ColumnType, Table

VIEWS = {
    "rows": "every row: stop, event, insn; with the address, bytes and text of its instruction",
    "stops": "the debugger's stops",
    "events": "the guest's own exceptions",
    "insns": "instructions that ran, by an engine or by a step",
    "causes": "one row for each cause of a stop or event: n, cause, owner, class, confidence, because",
    "branches": "instructions behind which the guest went elsewhere than on: n, address, text, pc",
    "accesses": "memory that instructions read and wrote: n, address, size, write, value, insn_address, text",
    "changes": "registers that have another value than in the row before: n, register, before, after",
    "runs": "header and end of each run",
}
"""What each is, for people."""
_TYPES: dict[ColumnType, str] = {
    "uint8": "UTINYINT",
    "uint32": "UINTEGER",
    "uint64": "UBIGINT",
    "bool": "BOOLEAN",
    "text": "VARCHAR",
    "texts": "VARCHAR[]",
    "causes": "STRUCT(cause VARCHAR, owner VARCHAR, class VARCHAR, confidence VARCHAR, because VARCHAR[])[]",
    "frame": "STRUCT(rip UBIGINT)",
}


_WORDS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|\b0[xX]([0-9a-fA-F]+)\b", re.DOTALL)


def with_hexadecimals(sql: str) -> str:
    """DuckDB reads ``0x10`` as 0 called x10: written in decimal, but where it stands in a text, a name or a remark."""
    return _WORDS.sub(lambda word: str(int(word[1], 16)) if word[1] else word[0], sql)


def quoted(text: str) -> str:
    """A string of SQL."""
    return "'" + text.replace("'", "''") + "'"


def name(text: str) -> str:
    """A name of SQL."""
    return '"' + text.replace('"', '""') + '"'


class TableFiles(NamedTuple):
    """The parts of one table, by run, vCPU and age, and whether their columns differ."""

    paths: Sequence[str]
    differ: bool = False


def statements(files: Mapping[Table, TableFiles], registers: Sequence[str], runs: Sequence[str]) -> list[str]:
    """What makes the views. ``registers`` are the columns of ``rows`` that hold registers, ``runs`` rows of SQL values
    for the view ``runs``."""
    made = [f"CREATE VIEW {name(f'{table} files')} AS {_files(table, files[table])}" for table in TABLES]
    made += [f"CREATE VIEW {view} AS {query}" for view, query in _QUERIES.items()]
    made.append(f"CREATE VIEW changes AS {_changes(registers)}")
    heads = "run, tool, target, backend, version, started, reason, seconds"
    made.append(f"CREATE VIEW runs AS SELECT * FROM (VALUES {', '.join(runs)}) AS found({heads})")
    return made


def _files(table: Table, files: TableFiles) -> str:
    if not files.paths:  # a view without rows, of the same columns
        columns = ", ".join(f"NULL::{_TYPES[kind]} AS {name(column)}" for column, kind in TABLES[table].items())
        return f"SELECT {columns}, NULL::VARCHAR AS run, NULL::BIGINT AS cpu WHERE false"
    listed = ", ".join(map(quoted, files.paths))
    types = "{'run': VARCHAR}" if table == "instructions" else "{'run': VARCHAR, 'cpu': BIGINT}"
    union = ", union_by_name=true" if files.differ else ""
    return f"SELECT * FROM read_parquet([{listed}], hive_partitioning=true, hive_types={types}{union})"


def _changes(registers: Sequence[str]) -> str:
    """One query a register, so that DuckDB reads only the columns of those that are asked for. A window without an
    order takes rows as they lie, which is by run, vCPU and number, and keeps none of them."""
    return " UNION ALL ".join(map(_changes_of, registers))


def _changes_of(register: str) -> str:
    value = name(register)
    return (
        f"SELECT run, cpu, n::BIGINT AS n, {quoted(register.removeprefix(PREFIX))} AS register, before, after FROM ("
        f"SELECT run, cpu, n, lag({value}) OVER () AS before, {value} AS after, "
        'lag(run) OVER () AS r, lag(cpu) OVER () AS vcpu FROM "rows files") '
        "WHERE before <> after AND r = run AND vcpu IS NOT DISTINCT FROM cpu"
    )


def registers_of(columns: Sequence[str]) -> list[str]:
    """Those of a part's columns that change with the guest: registers, and the debug registers."""
    return [column for column in columns if column not in ROWS and column not in ("run", "cpu")] + [*DEBUG_REGISTERS]


_QUERIES = {
    "meanings": (
        "SELECT run, insn, any_value(address) AS address, max(bytes) AS bytes, max(text) AS text "
        'FROM "instructions files" GROUP BY run, insn'
    ),
    "rows": (
        "SELECT r.n::BIGINT AS n, r.* EXCLUDE (n, insn), m.address, m.bytes, m.text, r.insn "
        'FROM "rows files" AS r LEFT JOIN meanings AS m USING (run, insn)'
    ),
    "stops": "SELECT * FROM rows WHERE kind = 'stop'",
    "events": "SELECT * FROM rows WHERE kind = 'event'",
    "insns": "SELECT * FROM rows WHERE kind = 'insn' OR action = 'step'",
    "causes": (
        "SELECT n, run, cpu, kind, vector, address, text, c.cause, c.owner, c.class, c.confidence, c.because "
        "FROM (SELECT *, unnest(causes) AS c FROM rows)"
    ),
    "branches": (
        "SELECT n, run, cpu, address, text, pc FROM insns "
        "WHERE pc IS NOT NULL AND pc <> address + (length(bytes) // 2)::UBIGINT"
    ),
    "accesses": (
        "SELECT a.n::BIGINT AS n, a.run, a.cpu, a.address, a.size, a.write, a.value, m.address AS insn_address, m.text "
        'FROM "accesses files" AS a LEFT JOIN (SELECT run, n, insn FROM "rows files") AS r USING (run, n) '
        "LEFT JOIN meanings AS m USING (run, insn)"
    ),
}
