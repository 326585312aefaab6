"""What an engine hands to a writer: many rows at once, as one array a column. No libraries are loaded here.

How an engine uses it::

    writer.header(…)                                # as ever
    number = writer.define(0x100401, b"\\x90", 64)   # once for each instruction; the id that rows carry
    writer.columns(Columns(cpu=0, first=7, count=3, values={
        "pc": pcs, "insn": ids, "mode": modes, "rax": rax, …, "rip": rip, "rflags": rflags, "dr6": dr6, …,
    }, dr_source="log"))
    writer.record(record)                           # an explained event or stop between two batches
    writer.end(…)

A writer of columns takes the arrays as they are and writes them within a second; a writer of lines makes a line of
each row, which is some hundred times slower.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Column: TypeAlias = "NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.uint32] | NDArray[np.uint64] | ArrowArray"


class ArrowArray(Protocol):
    """An array of pyarrow's, or of anybody's who speaks the Arrow C interface: this one may have nulls."""

    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice, /) -> ArrowArray: ...
    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...


@dataclass(frozen=True, slots=True)
class Accesses:
    """Memory that the rows of one `Columns` read and wrote, in order. ``row`` is the index of the row in its batch
    (so the first row is 0), ``address`` is linear, ``size`` in bytes, ``write`` is 1 or 0. ``value`` is what was read
    or written, zero-extended to 64 bits; None where the engine does not see values."""

    row: NDArray[np.uint32]
    address: NDArray[np.uint64]
    size: NDArray[np.uint8]
    write: NDArray[np.uint8]
    value: NDArray[np.uint64] | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows of kind ``insn``: ``count`` instructions of one vCPU that ran without a stop, numbered from ``first``.

    As in a ``stop`` row, ``pc`` and the registers are those *behind* the instruction that ``insn`` names. Who sees the
    state in front of each one takes a row's registers from the next dump.

    ``values`` has arrays of ``count`` elements by name: ``pc`` (linear; required), ``insn`` (ids of `define`, uint32),
    ``mode`` (uint8), ``dr0`` … ``dr7``; every other name is a register, as in ``regs`` of a row (``rax``, ``rip``,
    ``rflags``, ``cs``, ``cr3``, ``efer``, ``fs_base`` …), uint64. A column that is not there is unknown in all rows, a
    null of an Arrow array in that row. The arrays belong to the writer from now on: do not write into them again.

    ``cpu`` is from 0; None where it is not known which one it was. ``dr_source`` says where the debug registers come
    from. Rows of several vCPUs are numbered in the order in which they are handed over.
    """

    cpu: int | None
    first: int
    count: int
    values: Mapping[str, Column]
    dr_source: str = "unknown"
    accesses: Accesses | None = None
