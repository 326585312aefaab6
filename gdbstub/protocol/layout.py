"""Which registers a stub has, and where each stands in the answer to ``g``.

Source: gdb manual, "Target Description Format": registers stand in the order of their numbers, without
gaps, little-endian on x86. The fallback layouts are those of gdbsx (Xen's ``tools/debugger/gdbsx``) and of
gdb's own i386 and amd64 descriptions, recognised by length.
"""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from struct import Struct
from typing import Final, NamedTuple

from gdbstub.errors import RemoteProtocolError
from gdbstub.protocol.fields import decode_hex, encode_hex, encode_register

MAX_REGISTERS: Final = 4096
MAX_BITS: Final = 65536
"""The widest register of any gdb description (a RISC-V vector)."""
MAX_PLACE: Final = 1 << 20
"""Bytes of an answer to ``g`` in which a register may be placed by a description."""

_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}


class Register(NamedTuple):
    """``offset`` counts bytes in the answer to ``g``; ``type`` and ``group`` are the description's. ``saved``: gdb
    gives it its value back after a ``call`` (gdb manual, "Target Description Format", save-restore)."""

    name: str
    bits: int
    number: int
    offset: int
    type: str = "int"
    group: str | None = None
    feature: str = ""
    saved: bool = True

    @property
    def size(self) -> int:
        """Bytes."""
        return self.bits // 8


class Field(NamedTuple):
    """A member of a type: bits ``start`` to ``end`` (flags, bit struct), or a ``type`` (union, struct)."""

    name: str
    type: str | None = None
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class VectorType:
    """``length`` elements of ``type``."""

    id: str
    type: str
    length: int


@dataclass(frozen=True, slots=True)
class Union:
    """The same bytes, several ways."""

    id: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Structure:
    """Members one after the other, or bit fields of ``size`` bytes."""

    id: str
    size: int | None
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Flags:
    """Named bits of ``size`` bytes; an empty name is padding."""

    id: str
    size: int
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Enumeration:
    """Named values of ``size`` bytes."""

    id: str
    size: int
    values: tuple[tuple[str, int], ...]


Type = VectorType | Union | Structure | Flags | Enumeration


class Feature(NamedTuple):
    """A group of registers, with the types that only they use."""

    name: str
    types: tuple[Type, ...] = ()


@dataclass(frozen=True)
class RegisterLayout:
    """The registers of a stub, by number. Build it with `make_layout`."""

    registers: tuple[Register, ...]
    features: tuple[Feature, ...] = ()
    architecture: str | None = None
    osabi: str | None = None

    @cached_property
    def by_name(self) -> Mapping[str, Register]:
        """The first register of each name."""
        names: dict[str, Register] = {}
        for register in self.registers:
            names.setdefault(register.name, register)
        return names

    @cached_property
    def size(self) -> int:
        """Bytes of a full answer to ``g``."""
        return max((register.offset + register.size for register in self.registers), default=0)

    def type_of(self, register: Register) -> Type | None:
        """What the description says of the register's type; None for gdb's predefined ones."""
        types = (feature.types for feature in self.features if feature.name == register.feature)
        return next((known for group in types for known in group if known.id == register.type), None)

    def decode_g(self, payload: bytes) -> dict[str, int]:
        """The registers of 1, 2, 4 or 8 bytes in an answer to ``g``, in the layout's order.

        What the stub marks unavailable (``xx``) or leaves off at the end is absent; bytes past the layout are
        ignored. Wider registers are `decode_wide`'s. Raises `RemoteProtocolError` for what is not hex.
        """
        try:
            raw = unhexlify(payload)
        except ValueError:
            return {
                register.name: int.from_bytes(data, "little")
                for register, data in self._available(payload)
                if register.size in _CODES
            }
        names, fields = self._plan(len(raw))
        return dict(zip(names, fields.unpack_from(raw), strict=True))

    def decode_wide(self, payload: bytes) -> dict[str, bytes]:
        """The other registers (x87, SSE) in the same answer, as bytes in target order."""
        return {register.name: data for register, data in self._available(payload) if register.size not in _CODES}

    def encode_g(self, values: Mapping[str, int | bytes]) -> bytes:
        """An answer to ``g``; a register without a value, and what is between registers, is unavailable."""
        answer = bytearray(b"xx" * self.size)
        for register in self.registers:
            place = slice(2 * register.offset, 2 * (register.offset + register.size))
            answer[place] = _encode(register, values.get(register.name))
        return bytes(answer)

    def _available(self, payload: bytes) -> Iterable[tuple[Register, bytes]]:
        for register in self.by_name_in_order:
            text = payload[2 * register.offset : 2 * (register.offset + register.size)]
            if len(text) == 2 * register.size and b"x" not in text.lower():
                yield register, decode_hex(text)

    @cached_property
    def by_name_in_order(self) -> tuple[Register, ...]:
        """The registers without those that repeat a name."""
        return tuple(register for register in self.registers if self.by_name[register.name] is register)

    @cached_property
    def _plans(self) -> dict[int, tuple[tuple[str, ...], Struct]]:
        return {}

    def _plan(self, size: int) -> tuple[tuple[str, ...], Struct]:
        """Names and format of all that is within ``size`` bytes; one for each length that was ever seen."""
        size = min(size, self.size)
        if (plan := self._plans.get(size)) is None:
            plan = self._plans[size] = self._make_plan(size)
        return plan

    def _make_plan(self, size: int) -> tuple[tuple[str, ...], Struct]:
        names, codes, end = [], ["<"], 0
        for register in sorted(self.registers, key=lambda register: register.offset):
            if register.offset + register.size > size:
                break
            codes.append(f"{register.offset - end}x")
            end = register.offset + register.size
            if register.size in _CODES and self.by_name[register.name] is register:
                names.append(register.name)
                codes.append(_CODES[register.size])
            else:
                codes.append(f"{register.size}x")
        return tuple(names), Struct("".join(codes))


def _encode(register: Register, value: int | bytes | None) -> bytes:
    if value is None:
        return b"xx" * register.size
    if isinstance(value, int):
        return encode_register(value, register.size)
    return encode_hex(value[: register.size].ljust(register.size, b"\0"))


def make_layout(
    registers: Iterable[Register],
    features: Iterable[Feature] = (),
    architecture: str | None = None,
    osabi: str | None = None,
    *,
    placed: bool = False,
) -> RegisterLayout:
    """Order the registers by number and give them their offsets; those that they have count where they are ``placed``.

    Raises `RemoteProtocolError` for a number that is used twice, a width that is no number of bytes, more registers
    than any description has, or registers that are placed one over the other.
    """
    ordered: list[Register] = []
    offset = 0
    for register in sorted(registers, key=lambda register: register.number):
        if not 0 < register.bits <= MAX_BITS or register.bits % 8:
            raise RemoteProtocolError(f"The target description has a register of {register.bits} bits.")
        if ordered and ordered[-1].number == register.number:
            raise RemoteProtocolError(f"The target description numbers two registers {register.number}.")
        ordered.append(register if placed else register._replace(offset=offset))
        offset += register.size
    if len(ordered) > MAX_REGISTERS:
        raise RemoteProtocolError(f"The target description has more than {MAX_REGISTERS} registers.")
    if placed:
        _see_that_they_fit(ordered)
    return RegisterLayout(tuple(ordered), tuple(features), architecture, osabi)


def _see_that_they_fit(registers: list[Register]) -> None:
    end = 0
    for register in sorted(registers, key=lambda register: register.offset):
        if register.offset < end:
            raise RemoteProtocolError(f"The target description places two registers at byte {register.offset} of g.")
        end = register.offset + register.size
        if end > MAX_PLACE:
            raise RemoteProtocolError(f"The target description places a register at byte {register.offset} of g.")


_GENERAL_64 = (
    *("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp"),
    *(f"r{number}" for number in range(8, 16)),
    "rip",
)
_GENERAL_32 = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eip")
_FLAGS_AND_SEGMENTS = ("eflags", "cs", "ss", "ds", "es", "fs", "gs")
_X87_CONTROL = ("fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop")

_Runs = tuple[tuple[tuple[str, ...], int], ...]


def _x87_and_sse(vectors: int) -> _Runs:
    return (
        (tuple(f"st{number}" for number in range(8)), 80),
        (_X87_CONTROL, 32),
        (tuple(f"xmm{number}" for number in range(vectors)), 128),
        (("mxcsr",), 32),
    )


_FALLBACKS: Final[tuple[tuple[str, _Runs], ...]] = (
    ("i386:x86-64", ((_GENERAL_64, 64), (_FLAGS_AND_SEGMENTS, 32))),  # gdbsx since 2018
    ("i386:x86-64", ((_GENERAL_64, 64), (_FLAGS_AND_SEGMENTS, 64))),  # gdbsx before
    ("i386", ((_GENERAL_32, 32), (_FLAGS_AND_SEGMENTS, 32))),  # gdbsx, 32-bit guest
    ("i386:x86-64", ((_GENERAL_64, 64), (_FLAGS_AND_SEGMENTS, 32), *_x87_and_sse(16))),  # gdb's amd64
    ("i386", ((_GENERAL_32, 32), (_FLAGS_AND_SEGMENTS, 32), *_x87_and_sse(8))),  # gdb's i386
)


@cache
def _fallbacks() -> dict[int, RegisterLayout]:
    layouts = {}
    for architecture, runs in _FALLBACKS:
        named = ((name, bits) for names, bits in runs for name in names)
        registers = (Register(name, bits, number, 0) for number, (name, bits) in enumerate(named))
        layout = make_layout(registers, architecture=architecture)
        layouts[2 * layout.size] = layout
    return layouts


def fallback_layout(hex_length: int) -> RegisterLayout | None:
    """The layout of a stub that describes none, by the hex digits of its answer to ``g``: 328 and 384 (gdbsx,
    64-bit, since 2018 and before), 128 (gdbsx, 32-bit), 1072 and 616 (gdb's own, with x87 and SSE)."""
    return _fallbacks().get(hex_length)
