"""Tables to Parquet files and back; the only import of pyarrow, which is loaded when a trace has columns."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gdbstub.trace.columns.schema import FRAME_FIELDS, TABLES, ColumnType, Table

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from numpy.typing import NDArray

pa.set_memory_pool(pa.system_memory_pool())  # mimalloc, its default, keeps some 25 MB of what a writer has given back
ArrowTable: TypeAlias = "pa.Table"
SHARED = 4096
"""Rows, and multiples of it, for which an array of equal values is kept."""
LEVEL = 3  # zstd's own default; more takes longer than it saves
_CAUSE = pa.struct(
    [
        *((name, pa.string()) for name in ("cause", "owner", "class", "confidence")),
        ("because", pa.list_(pa.string())),
    ]
)
_TYPES: dict[ColumnType, pa.DataType] = {
    "uint8": pa.uint8(),
    "uint32": pa.uint32(),
    "uint64": pa.uint64(),
    "bool": pa.bool_(),
    "text": pa.string(),
    "texts": pa.list_(pa.string()),
    "causes": pa.list_(_CAUSE),
    "frame": pa.struct([(name, pa.uint64()) for name in FRAME_FIELDS]),
}
Broken = (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError)
"""What reading a damaged or foreign file raises."""


def table(of: Table, columns: Mapping[str, object], count: int) -> ArrowTable:
    """A table of ``count`` rows with all columns of its schema, and further ones of type uint64. A column is a list,
    an array of numpy's or one of Arrow's; one that is not given is null. Raises ValueError for one of another length
    or type."""
    schema = TABLES[of]
    names = (*schema, *(name for name in columns if name not in schema))
    arrays = [_array(name, columns.get(name), _TYPES[schema.get(name, "uint64")], count) for name in names]
    return pa.Table.from_arrays(arrays, names=list(names))


def _array(name: str, values: object, wanted: pa.DataType, count: int) -> pa.Array:
    if values is None or isinstance(values, str | int):  # the same in every row
        return _same(values, wanted, -(-count // SHARED) * SHARED).slice(0, count)
    try:
        array = pa.array(values) if hasattr(values, "__arrow_c_array__") else pa.array(values, wanted)
        array = array if array.type == wanted else array.cast(wanted)
    except UnicodeEncodeError:  # a lone surrogate, which no UTF-8 holds
        array = pa.array([None if text is None else _utf8(text) for text in _texts(values)], wanted)
    except pa.ArrowException as error:
        raise ValueError(f"column {name}: {error}") from error
    if len(array) != count:
        raise ValueError(f"column {name} has {len(array)} values for {count} rows")
    return array


@lru_cache(maxsize=64)
def _same(value: str | int | None, wanted: pa.DataType, count: int) -> pa.Array:
    """Shared by the columns and tables that have it."""
    return pa.nulls(count, wanted) if value is None else pa.repeat(pa.scalar(value, wanted), count)


def _texts(values: object) -> Sequence[object]:
    assert isinstance(values, list)
    return values


def _utf8(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, list):
        return [_utf8(element) for element in value]
    if isinstance(value, dict):
        return {name: _utf8(element) for name, element in value.items()}
    return value


def join(tables: Sequence[ArrowTable], by: str | None = None) -> ArrowTable:
    """One table with the columns of all; what one lacks is null. ``by`` puts the rows in order."""
    joined = pa.concat_tables(tables, promote_options="default") if len(tables) > 1 else tables[0]
    if by is None:
        return joined
    import pyarrow.compute as pc  # late: 14 MB for traces without an event

    return joined.take(pc.sort_indices(joined, [(by, "ascending")]))


def write(data: ArrowTable, path: Path, temporary: Path) -> None:
    """A file that is there as a whole, or as it was. Raises OSError."""
    leaves = [leaf for field in data.schema for leaf in _leaves(field) if leaf != "n"]
    deltas = {name: "DELTA_BINARY_PACKED" for name in data.column_names if name == "n"}
    try:
        pq.write_table(
            data,
            temporary,
            compression="zstd",
            compression_level=LEVEL,
            use_dictionary=leaves,
            column_encoding=deltas,
        )
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    os.replace(temporary, path)


def _leaves(field: pa.Field) -> Iterator[str]:
    """The names by which Parquet knows a column that may be nested."""
    kind = field.type
    if pa.types.is_list(kind):
        yield from (f"{field.name}.list.element{rest}" for rest in _below(kind.value_type))
    elif pa.types.is_struct(kind):
        yield from (f"{field.name}{rest}" for rest in _below(kind))
    elif not pa.types.is_boolean(kind):
        yield field.name


def _below(kind: pa.DataType) -> Iterator[str]:
    if pa.types.is_struct(kind):
        yield from (f".{leaf}" for field in kind for leaf in _leaves(field))
    else:
        yield ""


def read(path: Path, batch: int, first: int = 0) -> Iterator[dict[str, list[object]]]:
    """The rows of a file, ``batch`` at a time, as one list a column; row groups whose ``n`` are all below ``first`` are
    passed over. Raises one of `Broken`."""
    with pq.ParquetFile(path) as file:
        groups = [number for number in range(file.num_row_groups) if _last(file.metadata, number) >= first]
        for rows in file.iter_batches(batch_size=batch, row_groups=groups):
            yield {name: array.to_pylist() for name, array in zip(rows.schema.names, rows.columns, strict=True)}


def load(path: Path, names: Sequence[str] | None = None) -> ArrowTable:
    """All rows of a file, with those of the columns ``names`` that it has (None: all). Raises one of `Broken`."""
    with pq.ParquetFile(path) as file:
        known = file.schema_arrow.names
        return file.read(
            columns=None if names is None else [name for name in names if name in known], use_threads=False
        )


def lists(data: ArrowTable, first: int, count: int) -> dict[str, list[object]]:
    """Some rows of a table, one list a column."""
    part = data.slice(first, count)
    return {name: part.column(name).to_pylist() for name in part.column_names}


def numbers(data: ArrowTable, name: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """A column of numbers, and where they are known; 0 where not. A column that is not there is known nowhere."""
    if name not in data.column_names:
        return np.zeros(data.num_rows, np.uint64), np.zeros(data.num_rows, np.bool_)
    column = data.column(name)
    if not column.null_count:
        return column.to_numpy(), np.ones(data.num_rows, np.bool_)
    return column.fill_null(0).to_numpy(), column.is_valid().to_numpy()


def span(path: Path, name: str) -> tuple[int, int] | None:
    """The least and the greatest number in a column of a file, by its footer; None where it has no rows, or says
    nothing of that. Raises one of `Broken`."""
    with pq.ParquetFile(path) as file:
        at = file.metadata.schema.names.index(name) if name in file.metadata.schema.names else -1
        found = [file.metadata.row_group(group).column(at).statistics for group in range(file.num_row_groups)]
    if at < 0 or not found or any(one is None or not one.has_min_max for one in found):
        return None
    return min(int(one.min) for one in found), max(int(one.max) for one in found)


def alike(left: ArrowTable, right: ArrowTable, name: str, count: int) -> int:
    """How many of the first ``count`` rows have the same in a column of any type; all where one table lacks it."""
    if name not in left.column_names or name not in right.column_names:
        return count
    one, other = left.column(name), right.column(name)
    if one.slice(0, count).equals(other.slice(0, count)):
        return count
    low, high = 0, count  # ``low`` rows are alike, ``high`` are not
    while high - low > 1:
        middle = (low + high) // 2
        if one.slice(low, middle - low).equals(other.slice(low, middle - low)):
            low = middle
        else:
            high = middle
    return low


def _last(metadata: pq.FileMetaData, group: int) -> int:
    """The largest ``n`` of a row group; it is the first column of the tables that have one."""
    statistics = metadata.row_group(group).column(0).statistics
    known = statistics is not None and statistics.has_min_max and metadata.schema.column(0).name == "n"
    return int(statistics.max) if known else 2**64


def compress(data: bytes) -> bytes:
    """One whole frame of zstd."""
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


class Unpacked(io.RawIOBase):
    """A file of such frames, unpacked while it is read; where it was cut off, it ends with its last byte."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._stream = self._open()
        self._position = 0
        self._cut = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        data = self._read(len(view))
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _open(self) -> pa.NativeFile:
        return pa.CompressedInputStream(pa.OSFile(self._path), "zstd")

    def _read(self, most: int) -> bytes:
        if not self._cut:
            try:
                return bytes(self._stream.read(most))
            except OSError:  # this takes what is there along: byte by byte, then, from where we are
                self._cut = True
                self._stream = self._open()
                for start in range(0, self._position, most):
                    self._stream.read(min(most, self._position - start))
        try:
            return bytes(self._stream.read(1))
        except OSError:
            return b""
