"""One table of one run and vCPU on its way to disk.

A Parquet file is readable only once it is closed, so the newest part is written again, as a whole and beside its old
self, each time that rows came; once it is large enough the next one begins.
"""

from __future__ import annotations

from pathlib import Path

from gdbstub.trace.columns.arrow import ArrowTable, join, write

ROWS_A_PART = 64 * 1024
"""Below a tenth of a second to write again, and some 40 MB."""


class PartFiles:
    """The files ``folder/00000.parquet``, ``00001.parquet``, … Raises OSError where they can't be written."""

    def __init__(self, folder: Path, temporary: Path) -> None:
        self._folder = folder
        self._temporary = temporary
        self._open: list[ArrowTable] = []
        self._number = 0

    def add(self, table: ArrowTable) -> None:
        """Further rows, at once on disk."""
        if not self._number and not self._open:
            self._folder.mkdir(parents=True, exist_ok=True)
        self._open.append(table)
        joined = join(self._open)
        self._open = [joined]
        write(joined, self._folder / f"{self._number:05}.parquet", self._temporary)
        if joined.num_rows >= ROWS_A_PART:
            self._open.clear()
            self._number += 1
