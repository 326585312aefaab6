"""BTF, Linux's compact description of its own types (Documentation/bpf/btf.rst), as it lies in the guest's memory.

The entries are found by number and by name; what a type is made of is read when it is asked for. The bytes are a
stranger's: each step is within them, or a `BadBtf`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from gdbstub.errors import GdbError

MAGIC = 0xEB9F
(INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC, FUNC_PROTO, VAR, DATASEC, FLOAT,
 DECL_TAG, TYPE_TAG, ENUM64) = range(1, 20)  # fmt: skip
_FIXED = {INT: 4, ARRAY: 12, VAR: 4, DECL_TAG: 4}
_EACH = {STRUCT: 12, UNION: 12, ENUM: 8, FUNC_PROTO: 8, DATASEC: 12, ENUM64: 12}
MOST_BYTES = 64 << 20
"""A kernel has 4 to 8 MB."""
LONGEST_NAME = 512
_HEAD, _ENTRY, _THREE, _TWO = (
    struct.Struct("<HBBIIIII"),
    struct.Struct("<III"),
    struct.Struct("<III"),
    struct.Struct("<II"),
)


class BadBtf(GdbError):
    """The guest's types are not what they have to be."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The guest's types (BTF) cannot be read: {why}.")


class BtfType(NamedTuple):
    """One type. ``size`` is also the number of the type that it is about; ``flag`` is kind_flag, ``parts`` how
    many it has, which begin at ``at``."""

    kind: int
    name: int
    flag: bool
    parts: int
    size: int
    at: int


class BtfPart(NamedTuple):
    """A member, a parameter: ``bits`` is that of a bit-field, 0 for no bit-field; ``offset`` in bits."""

    name: str
    type: int
    offset: int
    bits: int


class Btf:
    """``data`` as it lies between ``__start_BTF`` and ``__stop_BTF``. Raises `BadBtf`."""

    def __init__(self, data: bytes) -> None:
        if len(data) < _HEAD.size:
            raise BadBtf("they end within their header")
        magic, version, _, head, types, types_size, strings, strings_size = _HEAD.unpack_from(data)
        if magic != MAGIC or version != 1:
            raise BadBtf(f"they begin with {data[:4].hex()}, not with 9feb01")
        if head + types + types_size > len(data) or head + strings + strings_size > len(data):
            raise BadBtf("they end early")
        self._types = data[head + types : head + types + types_size]
        self._strings = data[head + strings : head + strings + strings_size]
        self._places = self._read()

    def _read(self) -> list[int]:
        """Where each entry begins; the first is void, which has none."""
        data, places, at, end = self._types, [0], 0, len(self._types)
        unpack, head = _ENTRY.unpack_from, _ENTRY.size
        while at + head <= end:
            places.append(at)
            info = unpack(data, at)[1]
            kind = info >> 24 & 31
            if not INT <= kind <= ENUM64:
                raise BadBtf(f"type {len(places) - 1} is of kind {kind}, which is not known")
            at += head + _FIXED.get(kind, 0) + (info & 0xFFFF) * _EACH.get(kind, 0)
        if at != end:
            raise BadBtf("the last of them is cut off")
        return places

    def __len__(self) -> int:
        return len(self._places)

    def entry(self, number: int) -> BtfType:
        if not 0 < number < len(self._places):
            raise BadBtf(f"there is no type {number}")
        at = self._places[number]
        name, info, size = _ENTRY.unpack_from(self._types, at)
        return BtfType(info >> 24 & 31, name, bool(info >> 31), info & 0xFFFF, size, at + _ENTRY.size)

    def name(self, offset: int) -> str:
        end = self._strings.find(b"\0", offset, offset + LONGEST_NAME)
        return self._strings[offset : max(end, offset)].decode("utf-8", "backslashreplace")

    @cached_property
    def _by_name(self) -> dict[tuple[int, int], int]:
        """(kind, place of the name) → number: the first of a name."""
        found: dict[tuple[int, int], int] = {}
        unpack, data = _ENTRY.unpack_from, self._types
        for number in range(1, len(self._places)):
            name, info, _ = unpack(data, self._places[number])
            if name:
                found.setdefault((info >> 24 & 31, name), number)
        return found

    def find(self, name: str, *kinds: int) -> int | None:
        """The number of the type of that name, of one of the kinds; those in front first."""
        wanted = b"\0" + name.encode() + b"\0"
        at = self._strings.find(wanted)
        if at < 0 or not name:
            return None
        return next((self._by_name[kind, at + 1] for kind in kinds if (kind, at + 1) in self._by_name), None)

    def integer(self, entry: BtfType) -> tuple[int, int, int]:
        """(encoding, offset in bits, bits) of an INT: encoding 1 is signed, 2 a character, 4 a truth value."""
        (word,) = struct.unpack_from("<I", self._types, entry.at)
        return word >> 24 & 15, word >> 16 & 255, word & 255

    def array(self, entry: BtfType) -> tuple[int, int]:
        """(type of the elements, how many)."""
        of, _, count = _THREE.unpack_from(self._types, entry.at)
        return of, count

    def members(self, entry: BtfType) -> list[BtfPart]:
        found = []
        for number in range(entry.parts):
            name, of, offset = _THREE.unpack_from(self._types, entry.at + 12 * number)
            bits = 0
            if entry.flag:
                offset, bits = offset & 0xFF_FFFF, offset >> 24
            elif (plain := self._plain(of)) is not None and plain.kind == INT:
                _, shift, width = self.integer(plain)
                if width != 8 * plain.size:
                    offset, bits = offset + shift, width
            found.append(BtfPart(self.name(name), of, offset, bits))
        return found

    def _plain(self, number: int) -> BtfType | None:
        for _ in range(16):
            if not number:
                return None
            entry = self.entry(number)
            if entry.kind not in (TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG):
                return entry
            number = entry.size
        return None

    def parameters(self, entry: BtfType) -> list[BtfPart]:
        pairs = (_TWO.unpack_from(self._types, entry.at + 8 * number) for number in range(entry.parts))
        return [BtfPart(self.name(name), of, 0, 0) for name, of in pairs]

    def enumerators(self, entry: BtfType) -> list[tuple[str, int]]:
        found = []
        for number in range(entry.parts):
            if entry.kind == ENUM:
                name, value = struct.unpack_from("<Ii", self._types, entry.at + 8 * number)
                found.append((self.name(name), value if entry.flag or value >= 0 else value & 0xFFFF_FFFF))
            else:
                name, low, high = _THREE.unpack_from(self._types, entry.at + 12 * number)
                value = high << 32 | low
                found.append((self.name(name), value - (1 << 64) if entry.flag and value >> 63 else value))
        return found

    def enumerator(self, name: str) -> tuple[int, int] | None:
        """(number of the type, value) of the first enumerator of that name."""
        at = self._strings.find(b"\0" + name.encode() + b"\0")
        return None if at < 0 or not name else self._enumerators.get(at + 1)

    @cached_property
    def _enumerators(self) -> dict[int, tuple[int, int]]:
        found: dict[int, tuple[int, int]] = {}
        for number, entry in self._all(ENUM, ENUM64):
            size = _EACH[entry.kind]
            for at, (_, value) in enumerate(self.enumerators(entry)):
                (name,) = struct.unpack_from("<I", self._types, entry.at + size * at)
                found.setdefault(name, (number, value))
        return found

    def _all(self, *kinds: int) -> Iterator[tuple[int, BtfType]]:
        for number in range(1, len(self._places)):
            if (entry := self.entry(number)).kind in kinds:
                yield number, entry
