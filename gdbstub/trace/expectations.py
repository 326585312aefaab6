"""What a trace is expected to have: rows that have to be in it, how often, and in which order."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from gdbstub.explain.reference.causes import NAMES
from gdbstub.trace.errors import TraceError, reason
from gdbstub.trace.rows import Row
from gdbstub.x86.debug_registers import decode_dr6
from gdbstub.x86.exceptions import vector

OWNERS = ("debugger", "debugger-leak", "guest", "hypervisor", "unknown")
KEYS = ("name", "at", "cause", "owner", "vector", "dr6", "rip", "count", "kind")
NEAREST = 3
"""Rows at the place that are shown where none of them is as expected."""


class ExpectedRow(NamedTuple):
    """What a row has to be: each field that is not None. ``at`` is the linear address of the instruction, ``rip`` the
    saved RIP of an event, else RIP; ``dr6`` a value, or the names of the bits that are set."""

    at: int | None = None
    cause: str | None = None
    owner: str | None = None
    vector: int | None = None
    dr6: int | frozenset[str] | None = None
    rip: int | None = None
    kind: str | None = None

    def fits(self, row: Row) -> bool:
        """Is it such a row?"""
        return (
            (self.at is None or self.is_there(row))
            and (self.kind is None or row["kind"] == self.kind)
            and (self.vector is None or row.get("vector") == self.vector)
            and (self.rip is None or _rip(row) == self.rip)
            and (self.dr6 is None or self._has_dr6(row))
            and self._has_cause(row)
        )

    def is_there(self, row: Row) -> bool:
        """Is it a row of that instruction?"""
        insn = row.get("insn")
        return insn is not None and int(insn["address"], 16) == self.at

    def _has_cause(self, row: Row) -> bool:
        if self.cause is None and self.owner is None:
            return True
        return any(
            self.cause in (None, cause["cause"]) and self.owner in (None, cause["owner"]) for cause in row["causes"]
        )

    def _has_dr6(self, row: Row) -> bool:
        value = row["dr"].get("dr6")
        if value is None:
            return False
        number = int(value, 16)
        return self.dr6 in (number, frozenset(decode_dr6(number).names))


@dataclass(slots=True)
class Expectation:
    """``least`` and ``most`` are how many rows have to fit (None: any number); ``seen`` how many did."""

    name: str
    wanted: ExpectedRow
    least: int = 1
    most: int | None = None
    seen: int = 0
    near: list[Row] = field(default_factory=list)

    @property
    def is_met(self) -> bool:
        return self.least <= self.seen and (self.most is None or self.seen <= self.most)

    @property
    def counted(self) -> str:
        """How many rows were expected."""
        if self.most is None:
            return f"at least {self.least}"
        return str(self.least) if self.least == self.most else f"{self.least} to {self.most}"


class Expectations:
    """All of one file. Rows are shown to `take` as they come; ``in_order`` says that one counts only once all before
    it are met."""

    def __init__(self, rows: Sequence[Expectation], in_order: bool) -> None:
        self.rows = rows
        self._in_order = in_order

    def take(self, row: Row) -> None:
        """One row of the trace."""
        if row["kind"] == "gap":
            return
        for expected in self.rows:
            if expected.wanted.fits(row):
                expected.seen += 1
            elif expected.wanted.at is not None and expected.wanted.is_there(row):
                expected.near = [*expected.near, row][-NEAREST:]
            if self._in_order and expected.seen < expected.least:
                return

    @property
    def missed(self) -> list[Expectation]:
        """Those that are not met."""
        return [expected for expected in self.rows if not expected.is_met]


def read_file(path: str) -> Mapping[str, object]:
    """The TOML of a file of expectations. Raises `TraceError` with one sentence."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise TraceError(f"Cannot read {path}: {reason(error)}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TraceError(f"{path} is not TOML: {' '.join(str(error).split())}.") from error


def places(data: Mapping[str, object], path: str) -> list[str]:
    """The places that are named in it, as symbols or numbers: for whoever knows symbols. Raises as `expectations`."""
    return [text for _, row in _rows(data, path) for key in ("at", "rip") if isinstance(text := row.get(key), str)]


def expectations(data: Mapping[str, object], path: str, addresses: Mapping[str, int]) -> Expectations:
    """``addresses`` has the linear address of each of `places`. Raises `TraceError` with one sentence that names the
    place in the file."""
    order = data.get("order", False)
    if not isinstance(order, bool):
        raise TraceError(f"{path}: order is true or false, not {order!r}.")
    return Expectations([_expectation(row, where, addresses) for where, row in _rows(data, path)], order)


def _rows(data: Mapping[str, object], path: str) -> list[tuple[str, Mapping[str, object]]]:
    strange = sorted(data.keys() - {"order", "expect"})
    rows = data.get("expect")
    if strange:
        raise TraceError(f"{path} has {strange[0]}; it takes order, and a table [[expect]] for each expectation.")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise TraceError(f"{path} has no [[expect]]; each expectation is such a table.")
    for number, row in enumerate(rows, 1):
        if strange := sorted(row.keys() - set(KEYS)):
            raise TraceError(f"{path}, expectation {number}: {strange[0]} is none of {', '.join(KEYS)}.")
    return [(f"{path}, expectation {number}", row) for number, row in enumerate(rows, 1)]


def _expectation(row: Mapping[str, object], where: str, addresses: Mapping[str, int]) -> Expectation:
    wanted = ExpectedRow(
        at=_number(row, "at", where, addresses),
        cause=_word(row, "cause", NAMES, where),
        owner=_word(row, "owner", OWNERS, where),
        vector=_vector(row, where),
        dr6=_dr6(row, where),
        rip=_number(row, "rip", where, addresses),
        kind=_word(row, "kind", ("stop", "event", "insn"), where),
    )
    if wanted == ExpectedRow():
        raise TraceError(f"{where} says nothing of the row that it expects.")
    least, most = _count(row, where)
    name = row.get("name")
    told = ", ".join(f"{key} {row[key]}" for key in KEYS if key in row and key not in ("name", "count"))
    return Expectation(name if isinstance(name, str) else told, wanted, least, most)


def _number(row: Mapping[str, object], key: str, where: str, addresses: Mapping[str, int]) -> int | None:
    value = row.get(key)
    if isinstance(value, str):
        return addresses[value]
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**64):
        return value
    raise TraceError(f"{where}: {key} is an address or a symbol, not {value!r}.")


def _word(row: Mapping[str, object], key: str, words: Sequence[str], where: str) -> str | None:
    value = row.get(key)
    if value is None:
        return None
    if isinstance(value, str) and value in words:
        return value
    raise TraceError(f"{where}: {key} is one of {', '.join(words)}, not {value!r}.")


def _vector(row: Mapping[str, object], where: str) -> int | None:
    value = row.get("vector")
    try:
        return None if value is None else vector(str(value)).number
    except ValueError:
        raise TraceError(f"{where}: vector is a number or a name like db, not {value!r}.") from None


def _dr6(row: Mapping[str, object], where: str) -> int | frozenset[str] | None:
    value = row.get("dr6")
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return frozenset(map(str, value))
    if isinstance(value, str):
        try:
            return int(value, 0)
        except ValueError:
            value = None if value == "" else value
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise TraceError(f'{where}: dr6 is a number, or the names of the bits that are set (["BS"]), not {value!r}.')


def _count(row: Mapping[str, object], where: str) -> tuple[int, int | None]:
    """``3``, ``"2+"`` (at least) or ``"2-5"``; at least one where nothing is said."""
    value = row.get("count", "1+")
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value, value
    least, sign, most = str(value).partition("+" if str(value).endswith("+") else "-")
    if isinstance(value, str) and sign and least.isdecimal() and (most.isdecimal() or sign == "+"):
        return int(least), int(most) if most else None
    raise TraceError(f'{where}: count is a number, "2+" or "2-5", not {value!r}.')


def _rip(row: Row) -> int | None:
    value = (row.get("frame") or {}).get("rip") or row["regs"].get("rip")
    return None if value is None else int(value, 16)
