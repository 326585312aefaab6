"""``dr6 query``: SQL over a trace, as a table, CSV or JSON lines."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from frontend.clean import clean
from frontend.cli.columns import listed, width
from frontend.cli.exit_codes import DONE
from frontend.cli.result_text import csv_lines, json_lines, table_lines
from gdbstub.trace import TraceError, TraceReader
from gdbstub.trace.extra import columns_extra
from gdbstub.trace.query.views import VIEWS

if TYPE_CHECKING:
    from gdbstub.trace.query.database import TraceDatabase


def query(options: argparse.Namespace) -> int:
    """Answer one question; raises `TraceError`."""
    if options.sql is None:
        print("\n".join(listed(VIEWS.items(), width())))
        return DONE
    with open_database(options.trace, options.of_run) as database:
        columns, rows = database.ask(options.sql)
        lines = json_lines if options.json else csv_lines if options.csv else table_lines
        for line in lines(columns, rows):
            print(line)
    return DONE


@contextmanager
def open_database(path: str, run: str | None = None) -> Iterator[TraceDatabase]:
    """A trace of any format; JSON lines are turned into columns first, in a folder that is gone afterwards. What can't
    be read of it is said on standard error."""
    with columns_extra("A question"):
        from gdbstub.trace.query.database import TraceDatabase
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dr6-query-")))
        root, said = in_columns(path, scratch)
        spill = scratch / "spill"
        spill.mkdir()
        database = TraceDatabase(root, spill, run)
        stack.callback(database.close)
        for sentence in (*said, *database.damaged):
            print(f"dr6: {clean(sentence)}", file=sys.stderr)
        yield database


def in_columns(path: str, scratch: Path) -> tuple[Path, list[str]]:
    """A trace of any format as a dataset, made in ``scratch`` if it is none; sentences about what is missing."""
    root = Path(path)
    if root.is_dir():
        return root, []
    root = scratch / "trace.parquet"
    return root, _convert(path, root)


def _convert(path: str, root: Path) -> list[str]:
    from gdbstub.trace.columns.from_rows import convert

    with TraceReader(path) as trace:
        try:
            convert(trace, root)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TraceError(f"{path} has a row that is not as the format says; row {trace.rows}: {error}.") from error
        return [trace.cut_off] if trace.cut_off is not None else []
