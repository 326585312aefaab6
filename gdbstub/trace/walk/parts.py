"""The parts of one table of a run: which rows are in which file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from gdbstub.trace.columns import arrow, folder
from gdbstub.trace.columns.reader import unreadable
from gdbstub.trace.columns.schema import Table


class RowPart(NamedTuple):
    """A file with rows of one vCPU (None: not known), numbered ``first`` to ``last``."""

    path: Path
    cpu: int | None
    first: int
    last: int


def streams(root: Path, table: Table, run: str, damaged: list[str]) -> list[list[RowPart]]:
    """The parts of each vCPU, in order. What can't be read is left out, with a sentence in ``damaged``."""
    found = [
        list(_whole(cpu, paths, damaged)) for cpu, paths in folder.cpus_of(root, table, run).items()
    ]  # only footers are read
    return [parts for parts in found if parts]


def _whole(cpu: int | None, paths: Sequence[Path], damaged: list[str]) -> Iterator[RowPart]:
    for path in paths:
        try:
            span = arrow.span(path, "n")
        except arrow.Broken as error:
            damaged.append(unreadable(path, error))
            continue
        if span is None:
            damaged.append(f"{path} is no part of a trace, so it is left out.")
        else:
            yield RowPart(path, cpu, *span)
