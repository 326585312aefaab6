"""``dr6 report``: one page about a trace."""

from __future__ import annotations

import argparse
from pathlib import Path

from frontend.cli.diff import PARTED, ignored_names
from frontend.cli.exit_codes import DONE
from frontend.cli.query import open_database
from frontend.cli.report_page import page
from frontend.cli.row_text import heading, one_row
from gdbstub.trace import TraceReader
from gdbstub.trace.comparison.align import OnlyOneRan, Parted, RowsDiffer
from gdbstub.trace.comparison.meaning import of_missing, of_one_row
from gdbstub.trace.comparison.traces import compare_traces
from gdbstub.trace.errors import cannot_write

MOST_DIVERGENCES = 50


def report(options: argparse.Namespace) -> int:
    """Write it; raises `TraceError`."""
    with open_database(options.trace, options.of_run) as database:
        text = page(database, divergences(options))
    try:
        Path(options.output).write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise cannot_write(options.output, error) from error
    return DONE


def divergences(options: argparse.Namespace) -> list[tuple[str, str, str]] | None:
    """Of each difference: this trace's row, the other's, what is known of it. None where nothing is compared."""
    if options.against is None:
        return None
    ignored = ignored_names(options.ignore)
    found: list[tuple[str, str, str]] = []
    with TraceReader(options.trace, options.of_run) as left, TraceReader(options.against) as right:
        found.append((heading(left.header), heading(right.header), ""))
        for step in compare_traces(left, right, ignored):
            if isinstance(step, RowsDiffer):
                names = ", ".join(f"{name}: {one} and {other}" for name, one, other in step.found)
                told = [*of_one_row(step.left, step.right), *of_one_row(step.right, step.left)]
                found.append((one_row(step.left), one_row(step.right), " ".join([f"{names}.", *told])))
            elif isinstance(step, OnlyOneRan) and not step.is_handler:
                told = [*of_missing(step.right, left.header), *of_missing(step.left, right.header)]
                rows = [" ".join(map(one_row, rows[:2])) for rows in (step.left, step.right)]
                found.append((rows[0], rows[1], " ".join(told)))
            elif isinstance(step, Parted):
                ends = [one_row(row) if row else "(the end)" for row in (step.left, step.right)]
                found.append((ends[0], ends[1], "" if step.why == "ended" else PARTED[step.why]))
            if len(found) > MOST_DIVERGENCES:
                found.append(("…", "…", f"only the first {MOST_DIVERGENCES} are shown"))
                break
    return found
