"""Header, gaps and end of a run of a dataset, as far as they were written."""

from __future__ import annotations

import json
from pathlib import Path

from gdbstub.trace.columns import folder
from gdbstub.trace.errors import TraceError, reason
from gdbstub.trace.rows import Row


def read_lines(root: Path, run: str) -> list[Row]:
    """What stands before a line that was cut off. Raises `TraceError` where there is no such run."""
    path = folder.lines_path(root, run)
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise TraceError(f"Cannot read {path}: {reason(error)}.") from error
    rows: list[Row] = []
    for line in text.splitlines(keepends=True):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            break  # cut off in the middle
        if not isinstance(row, dict):
            break
        rows.append(row)
    return rows


def some_runs(root: Path) -> list[str]:
    """The runs of a dataset, oldest first. Raises `TraceError` where there is none."""
    runs = folder.runs_of(root)
    if not runs:
        raise TraceError(f"{root} is not a trace of dr6: it is a folder without runs/run=…/{folder.LINES}.")
    return runs


def only_run(root: Path) -> str:
    """The one run of a dataset. Raises `TraceError` where there are others."""
    runs = some_runs(root)
    if len(runs) > 1:
        raise TraceError(f"{root} has {len(runs)} runs; name one of them with --run: {', '.join(runs[:8])}.")
    return runs[0]
