"""Rows that wait to be written, as they came: records, and batches of an engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from gdbstub.debugger.record import StopRecord
from gdbstub.trace.columns.arrow import ArrowTable, join, table
from gdbstub.trace.columns.batch import Columns
from gdbstub.trace.columns.definitions import Definitions
from gdbstub.trace.columns.records import columns_of
from gdbstub.trace.columns.schema import DEBUG_REGISTERS, Table, column_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


PLAIN = frozenset({"pc", "insn", "mode", *DEBUG_REGISTERS})


class WaitingRows:
    """What came since it was last taken."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._records: dict[int | None, list[StopRecord]] = {}
        self._batches: dict[int | None, list[Columns]] = {}
        self.count = 0

    def record(self, record: StopRecord) -> None:
        cpu = None if record.cpu < 0 else record.cpu
        self._records.setdefault(cpu, []).append(record)
        self.count += 1

    def columns(self, batch: Columns) -> None:
        """Raises ValueError for arrays of a wrong length, or a batch without ``pc``."""
        if "pc" not in batch.values:
            raise ValueError("a batch of rows needs the column pc")
        for name, values in batch.values.items():
            if len(values) != batch.count:
                raise ValueError(f"column {name} has {len(values)} values for {batch.count} rows")
        if batch.count:
            self._batches.setdefault(batch.cpu, []).append(batch)
            self.count += batch.count

    def take(self) -> Iterator[tuple[Table, int | None, ArrowTable]]:
        """All of it as tables, and none is left. What instructions mean comes before the rows that name them."""
        records, batches = self._records, self._batches
        self._records, self._batches, self.count = {}, {}, 0
        rows = [(cpu, self._rows(records.get(cpu, ()), batches.get(cpu, ()))) for cpu in {**records, **batches}]
        if self._definitions.changed:
            yield "instructions", None, definitions_table(self._definitions)
        for cpu, found in rows:
            yield "rows", cpu, found
        for cpu, pieces in batches.items():
            if any(batch.accesses is not None for batch in pieces):
                yield "accesses", cpu, join([_accesses(batch) for batch in pieces if batch.accesses is not None])

    def _rows(self, records: Sequence[StopRecord], batches: Sequence[Columns]) -> ArrowTable:
        tables = [table("rows", columns_of(records, self._definitions), len(records))] if records else []
        for _, alike in groupby(batches, key=_shape):
            tables.append(_instructions(list(alike)))
        return join(tables, by="n" if len(tables) > 1 else None)


def _shape(batch: Columns) -> tuple[object, ...]:
    """Batches of one shape become one table."""
    return batch.dr_source, *((name, isinstance(values, np.ndarray)) for name, values in batch.values.items())


def _instructions(batches: list[Columns]) -> ArrowTable:
    """Arrays of numpy are laid together first: an engine may hand over a few rows at a time."""
    if any(not isinstance(values, np.ndarray) for values in batches[0].values.values()):
        return join([_table(_numbers(batch), batch.values, batch.dr_source) for batch in batches])
    values = {name: _once(np.concatenate([batch.values[name] for batch in batches])) for name in batches[0].values}
    return _table(np.concatenate([_numbers(batch) for batch in batches]), values, batches[0].dr_source)


def _once(column: NDArray[np.uint64]) -> object:
    """The value where all are the same: most registers of most rows need no memory of their own."""
    same = column.dtype == np.uint64 and bool((column == column[0]).all())
    return int(column[0]) if same else column


def _numbers(batch: Columns) -> NDArray[np.uint64]:
    return np.arange(batch.first, batch.first + batch.count, dtype=np.uint64)


def _table(numbers: NDArray[np.uint64], values: Mapping[str, object], dr_source: str) -> ArrowTable:
    named: dict[str, object] = {name if name in PLAIN else column_of(name): array for name, array in values.items()}
    return table("rows", {"n": numbers, "kind": "insn", "dr_source": dr_source} | named, len(numbers))


def _accesses(batch: Columns) -> ArrowTable:
    found = batch.accesses
    assert found is not None
    columns: dict[str, object] = {
        "n": found.row.astype(np.uint64) + np.uint64(batch.first),
        "address": found.address,
        "size": found.size,
        "write": found.write.astype(np.bool_),
        "value": found.value,
    }
    return table("accesses", columns, len(found.row))


def definitions_table(definitions: Definitions) -> ArrowTable:
    """What is new among them, which is not new any more."""
    changed, definitions.changed = definitions.changed, {}
    columns: dict[str, object] = {
        "insn": list(changed),
        "address": [definition.address for definition in changed.values()],
        "bytes": [definition.bytes.hex() or None for definition in changed.values()],
        "text": [definition.text or None for definition in changed.values()],
    }
    return table("instructions", columns, len(changed))
