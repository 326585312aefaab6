"""DuckDB over one trace; the only import of duckdb. It reads the trace's own files and nothing else, writes nothing but
what does not fit into memory into a folder of its own, and loads no extension."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import duckdb

from gdbstub.trace.columns.run_lines import read_lines, some_runs
from gdbstub.trace.columns.schema import TABLES, Table
from gdbstub.trace.errors import TraceError
from gdbstub.trace.query.views import TableFiles, quoted, registers_of, statements, with_hexadecimals

PARQUET = b"PAR1"
MEMORY = "150MB"
"""What does not fit goes to the temporary folder."""
BATCH = 1000
_CONFIGURATION = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
    "memory_limit": MEMORY,
    "threads": "1",  # rows stay in their order, and memory small,
}


class ResultColumn(NamedTuple):
    """``is_hex`` says that its numbers are addresses, registers and the like."""

    name: str
    is_hex: bool


class TraceDatabase:
    """The dataset in the folder ``root``, as views. ``spill`` is an empty folder for what does not fit into memory.
    ``damaged`` are sentences about parts that can't be read. Raises `TraceError`."""

    def __init__(self, root: Path, spill: Path, run: str | None = None) -> None:
        runs = [run] if run is not None else some_runs(root)
        self.damaged: list[str] = []
        self._connection = duckdb.connect(":memory:", config={**_CONFIGURATION, "temp_directory": str(spill)})
        files = {table: self._files(root, table, runs) for table in TABLES}
        registers = registers_of([name for path in files["rows"].paths[:1] for name in self._columns(path)])
        for statement in (
            f"SET allowed_directories=[{quoted(f'{root.absolute()}/')}]",
            "SET enable_external_access=false",
            *statements(files, registers, [_run_values(root, name) for name in runs]),
            "SET lock_configuration=true",
        ):
            self._connection.execute(statement)

    def ask(self, sql: str) -> tuple[list[ResultColumn], Iterator[tuple[object, ...]]]:
        """The columns of the answer, and its rows. One statement that only reads; raises `TraceError` with one
        sentence for anything else, also while the rows are fetched."""
        sql = with_hexadecimals(sql)
        with _answers():
            kinds = [statement.type.name for statement in duckdb.extract_statements(sql)]
        if kinds != ["SELECT"]:
            what = f"{len(kinds)} statements" if len(kinds) != 1 else f"a statement of kind {kinds[0]}"
            raise TraceError(f"A question is one SELECT (or FROM, WITH, DESCRIBE, SUMMARIZE), and this is {what}.")
        with _answers():
            cursor = self._connection.execute(sql)
        columns = [ResultColumn(str(name), str(kind) == "UBIGINT") for name, kind, *_ in cursor.description or ()]
        return columns, self._fetch(cursor)

    def close(self) -> None:
        self._connection.close()

    def _fetch(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[object, ...]]:
        while True:
            with _answers():
                rows = cursor.fetchmany(BATCH)
            if not rows:
                return
            yield from rows

    def _columns(self, path: str) -> list[str]:
        found = self._connection.execute(f"DESCRIBE FROM read_parquet({quoted(path)})").fetchall()
        return [str(name) for name, *_ in found]

    def _files(self, root: Path, table: Table, runs: Sequence[str]) -> TableFiles:
        tops = [root / table / f"run={run}" for run in runs]
        paths: list[str] = []
        shapes: set[tuple[str, ...]] = set()
        for parts in (sorted(place.glob("*.parquet")) for top in tops for place in (top, *sorted(top.glob("cpu=*")))):
            whole = [path for path in parts if _is_whole(path)]
            self.damaged += [
                f"{path} can't be read (it is damaged), so its rows are missing." for path in parts if path not in whole
            ]
            paths += [str(path.absolute()) for path in whole]
            shapes |= {tuple(self._columns(str(path.absolute()))) for path in {*whole[:1], *whole[-1:]}}
        return TableFiles(paths, len(shapes) > 1)


def _is_whole(path: Path) -> bool:
    """A file of Parquet begins and ends with its name, which is written last."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
            file.seek(-4, os.SEEK_END)
            return head == file.read(4) == PARQUET
    except OSError:
        return False


@contextmanager
def _answers() -> Iterator[None]:
    """What DuckDB raises, as dr6 does. Ctrl-C in the middle of a question is a RuntimeError of its."""
    try:
        yield
    except duckdb.Error as error:
        raise _sentence(error) from error
    except RuntimeError as error:
        raise KeyboardInterrupt from error


def _run_values(root: Path, run: str) -> str:
    lines = {str(row.get("kind")): row for row in read_lines(root, run)}
    header, end = lines.get("header", {}), lines.get("end", {})
    backend = header.get("backend") or {}
    texts = [run, header.get("tool"), header.get("target"), backend.get("name"), backend.get("version")]
    texts += [header.get("started"), end.get("reason")]
    seconds = end.get("seconds")
    values = ["NULL::VARCHAR" if text is None else quoted(str(text)) for text in texts]
    return f"({', '.join(values)}, {float(seconds) if isinstance(seconds, int | float) else 'NULL'}::DOUBLE)"


def _sentence(error: duckdb.Error) -> TraceError:
    """DuckDB's first lines in one: what is wrong, and what it would have taken instead; the position is left out."""
    text = re.split(r"\n\s*\n(?=LINE )|\nLINE ", str(error), maxsplit=1)[0]
    said = " ".join(text.split()).rstrip(".!")
    return TraceError(f"DuckDB refuses the question: {said}.")
