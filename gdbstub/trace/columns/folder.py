"""Where things are in a dataset.

``TABLE/run=RUN/cpu=N/00000.parquet`` for the tables ``rows`` and ``accesses``, ``instructions/run=RUN/00000.parquet``,
and ``runs/run=RUN/run.jsonl``: the lines of a trace that are no rows of the guest (header, gaps, end), as in a trace of
JSON lines. Each table is a Hive-partitioned dataset of its own for whoever reads Parquet; folders of several runs can
be laid into one another, since no two runs have one name.
"""

from __future__ import annotations

import datetime
import os
import shutil
from pathlib import Path

from gdbstub.trace.columns.schema import TABLES, Table
from gdbstub.trace.errors import TraceError, cannot_open

RUNS = "runs"
LINES = "run.jsonl"
NO_CPU = "__HIVE_DEFAULT_PARTITION__"
"""Hive's word for null, which every reader of partitions knows."""


def run_name(started: datetime.datetime) -> str:
    """A name that no other run has, in the order of time."""
    return f"{started.astimezone(datetime.UTC):%Y%m%dT%H%M%SZ}-{os.urandom(4).hex()}"


def lines_path(root: Path, run: str) -> Path:
    return root / RUNS / f"run={run}" / LINES


def part_folder(root: Path, table: Table, run: str, cpu: int | None = None, by_cpu: bool = True) -> Path:
    folder = root / table / f"run={run}"
    return folder / f"cpu={NO_CPU if cpu is None else cpu}" if by_cpu else folder


def runs_of(root: Path) -> list[str]:
    """The runs of a dataset, oldest first; empty where it is none."""
    return sorted(path.parent.name.removeprefix("run=") for path in (root / RUNS).glob(f"run=*/{LINES}"))


def cpus_of(root: Path, table: Table, run: str) -> dict[int | None, list[Path]]:
    """The parts of a table in order, by vCPU; the unknown one last."""
    parts: dict[int | None, list[Path]] = {}
    for path in sorted((root / table / f"run={run}").glob("cpu=*/*.parquet")):
        name = path.parent.name.removeprefix("cpu=")
        if name.isdecimal() or name == NO_CPU:
            parts.setdefault(int(name) if name.isdecimal() else None, []).append(path)
    return dict(sorted(parts.items(), key=lambda item: (item[0] is None, item[0] or 0)))


def make(root: Path, keep: bool) -> None:
    """An empty dataset. One that is there is replaced as a file would be, unless ``keep``; what is no dataset of dr6
    is left alone. Raises `TraceError`."""
    try:
        if root.is_dir():
            strange = [path.name for path in root.iterdir() if path.name not in (RUNS, *TABLES)]
            if strange or (any(root.iterdir()) and not runs_of(root)):
                raise TraceError(f"{root} is a folder with other things in it than a trace; name a new one.")
            for name in () if keep else (RUNS, *TABLES):
                shutil.rmtree(root / name, ignore_errors=False) if (root / name).exists() else None
        (root / RUNS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_open(str(root), error) from error
