"""One table of one run and vCPU on its way to disk.

A Parquet file is readable only once it is closed, so the newest part is written again, as a whole and beside its old
self, each time that rows came; once it is large enough the next one begins.
"""

from __future__ import annotations

from pathlib import Path

from gdbstub.trace.columns.arrow import ArrowTable, join, write

ROWS_A_PART = 64 * 1024
"""Below a tenth of a second to write again, and 30 MB at most."""


class PartFiles:
    """The files ``folder/00000.parquet``, ``00001.parquet``, … Raises OSError where they can't be written."""

    def __init__(self, folder: Path, temporary: Path) -> None:
        self._folder = folder
        self._temporary = temporary
        self._open: list[ArrowTable] = []
        self._columns: list[ArrowTable] = []
        self._written = True
        self._number = 0

    def add(self, table: ArrowTable) -> None:
        """Further rows; on disk when a part is full, or by `settle`."""
        # a later part has the columns of the earlier ones; a slice of no rows would keep all of their memory
        self._columns = [join([*self._columns, table.schema.empty_table()]).combine_chunks()]
        self._open.append(table)
        self._written = False
        if sum(table.num_rows for table in self._open) >= ROWS_A_PART:
            self.settle()
            self._open.clear()
            self._number += 1

    def settle(self) -> None:
        """All rows are on disk afterwards."""
        if not self._written:
            self._folder.mkdir(parents=True, exist_ok=True)
            write(join([*self._columns, *self._open]), self._folder / f"{self._number:05}.parquet", self._temporary)
            self._written = True
