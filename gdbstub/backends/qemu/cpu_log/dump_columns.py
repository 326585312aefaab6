"""Many dumps of registers → one array a register. The text is never looked at row by row: what has one layout is one
block of bytes, and its digits are columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gdbstub.backends.qemu.cpu_log.dump_layout import DumpField, DumpLayout, learn

Bytes = NDArray[np.uint8]
Values = NDArray[np.uint64]

NO_DIGIT = 255
_DIGITS = np.full(256, NO_DIGIT, np.uint8)
for _value, _digit in enumerate(b"0123456789abcdef"):
    _DIGITS[_digit] = _value
MOST_LAYOUTS = 4096
"""Of a guest that is what it should be there are some dozens."""


@dataclass(frozen=True, slots=True)
class Dumps:
    """``count`` dumps in the order in which they came. ``values`` has an array for each register; those that a dump
    does not show (R8 to R15 outside of 64-bit code) are 0 there. ``wide`` says which dumps are of 64-bit code, ``good``
    which ones could be read: of another all values are 0."""

    count: int
    values: dict[str, Values]
    wide: NDArray[np.bool_]
    good: NDArray[np.bool_]


class _Plan:
    """A layout, as arrays of places."""

    def __init__(self, layout: DumpLayout) -> None:
        places = np.array([at for at, _ in layout.labels], np.intp)
        self.layout = layout
        self.places = places
        self.expected = np.array([byte for _, byte in layout.labels], np.uint8)
        self.general = _by_width(layout.general)
        self.system = _by_width(layout.system)
        self.system_places = np.unique(
            np.concatenate([np.arange(f.start, f.start + f.digits) for f in layout.system])
        ).astype(np.intp)

    def fits(self, block: Bytes) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = (block[:, self.places] == self.expected).all(axis=1)
        return found


_Group = tuple[int, tuple[str, ...], NDArray[np.intp]]


def _by_width(fields: Iterable[DumpField]) -> list[_Group]:
    """(digits, names, places of all their digits) for each width."""
    widths: dict[int, list[DumpField]] = {}
    for field in fields:
        widths.setdefault(field.digits, []).append(field)
    return [
        (
            digits,
            tuple(field.name for field in same),
            np.concatenate([np.arange(field.start, field.start + digits) for field in same]).astype(np.intp),
        )
        for digits, same in widths.items()
    ]


class DumpReader:
    """Keeps the layouts that it has seen."""

    def __init__(self) -> None:
        self._plans: dict[tuple[int, bool], list[_Plan]] = {}
        self._known = 0

    def read(self, bodies: Sequence[bytes], wide: Sequence[bool]) -> Dumps:
        """All of them, in their order. ``wide`` is for each: does it begin with ``RAX=``?"""
        count = len(bodies)
        groups: dict[tuple[int, bool], list[int]] = {}
        for at, key in enumerate(zip(map(len, bodies), wide, strict=True)):
            groups.setdefault(key, []).append(at)
        values: dict[str, Values] = {}
        good = np.zeros(count, np.bool_)
        for (length, is_wide), members in groups.items():
            text = b"".join(bodies if len(members) == count else [bodies[at] for at in members])
            block = np.frombuffer(text, np.uint8).reshape(len(members), length)
            self._read_block(block, is_wide, np.array(members, np.intp), values, good)
        return Dumps(count, values, np.array(wide, np.bool_), good)

    def _read_block(
        self, block: Bytes, wide: bool, members: NDArray[np.intp], values: dict[str, Values], good: NDArray[np.bool_]
    ) -> None:
        """Read a block of one length, with each layout that is known to have that."""
        tried = 0
        plans = self._plans.setdefault((block.shape[1], wide), [])
        while len(members):
            if tried == len(plans):
                layout = learn(block[0].tobytes(), wide) if self._known < MOST_LAYOUTS else None
                if layout is None:  # no dump: it stays what it is, not good
                    block, members = block[1:], members[1:]
                    continue
                plans.append(_Plan(layout))
                self._known += 1
            plan = plans[tried]
            fits = plan.fits(block)
            if fits.all():
                _decode(plan, block, members, values, good)
                return
            _decode(plan, block[fits], members[fits], values, good)
            block, members = block[~fits], members[~fits]
            tried += 1


def _decode(
    plan: _Plan, block: Bytes, members: NDArray[np.intp], values: dict[str, Values], good: NDArray[np.bool_]
) -> None:
    if not len(members):
        return
    right = np.ones(len(members), np.bool_)
    for group in plan.general:
        _put(values, group[1], members, _numbers(block, group, right), len(good))
    # what seldom changes is read where it does
    system = block[:, plan.system_places]
    changed = np.ones(len(members), np.bool_)
    np.any(system[1:] != system[:-1], axis=1, out=changed[1:])
    kept = np.flatnonzero(changed)
    of = np.cumsum(changed) - 1
    right_here = np.ones(len(kept), np.bool_)
    for group in plan.system:
        _put(values, group[1], members, _numbers(block[kept], group, right_here)[of], len(good))
    good[members] = right & right_here[of]


def _numbers(block: Bytes, group: _Group, right: NDArray[np.bool_]) -> Values:
    """A column for each name of the group; ``right`` loses the rows in which something else than digits stands."""
    digits, names, places = group
    found = _DIGITS[block[:, places]]
    right &= (found != NO_DIGIT).all(axis=1)
    halves = found.reshape(len(block), len(names), digits // 2, 2)
    whole = np.ascontiguousarray(halves[..., 0] << 4 | halves[..., 1])
    numbers: Values = whole.view(f">u{digits // 2}").reshape(len(block), len(names)).astype(np.uint64)
    return numbers


def _put(
    values: dict[str, Values], names: Sequence[str], members: NDArray[np.intp], numbers: Values, count: int
) -> None:
    whole = len(members) == count
    for at, name in enumerate(names):
        if whole:
            values[name] = numbers[:, at]
            continue
        if name not in values:
            values[name] = np.zeros(count, np.uint64)
        values[name][members] = numbers[:, at]
