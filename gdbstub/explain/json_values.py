"""JSON values read strictly: of the right type, at most 64 bits wide, or an error that names the place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from gdbstub.errors import GdbError
from gdbstub.explain.evidence import ABSENT, Fact, Known

T = TypeVar("T")
L = TypeVar("L", bound=str)
Json = dict[str, object]
Reader = Callable[[object, str], T]

SOURCE = "evidence"
LIMIT = 1 << 64


class BadEvidence(GdbError):
    """The evidence is not in the format; the text says where and what was expected."""


def shown(value: object) -> str:
    names = {
        str: "text",
        int: "a number",
        float: "a fraction",
        bool: "true or false",
        list: "a list",
        dict: "an object",
    }
    if value is None:
        return "null"
    whole = repr(value)
    kind = names[type(value)]
    return kind if isinstance(value, (list, dict)) or len(whole) > 40 else f"{kind} ({whole})"


def number(value: object, where: str) -> int:
    """A number of at most 64 bits: "0x…" text, or a JSON number."""
    found: int
    if isinstance(value, str):
        digits = value[2:]
        if value[:2] not in ("0x", "0X") or not digits or not all(c in "0123456789abcdefABCDEF" for c in digits):
            raise BadEvidence(f'"{where}" has to be a number like "0x1f", not {shown(value)}.')
        if len(digits.lstrip("0")) > 16:
            raise BadEvidence(f'"{where}" is wider than 64 bits.')
        found = int(digits, 16)
    elif isinstance(value, int) and not isinstance(value, bool):
        found = value
    else:
        raise BadEvidence(f'"{where}" has to be a number like "0x1f", not {shown(value)}.')
    if not 0 <= found < LIMIT:
        raise BadEvidence(f'"{where}" has to be from 0 to 0xffffffffffffffff.')
    return found


def text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise BadEvidence(f'"{where}" has to be text, not {shown(value)}.')
    return value


def flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise BadEvidence(f'"{where}" has to be true or false, not {shown(value)}.')
    return value


def hex_bytes(value: object, where: str) -> bytes:
    digits = text(value, where)
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise BadEvidence(f'"{where}" has to be bytes as hex text like "9090f1".') from None


def one_of(*allowed: L) -> Reader[L]:
    def read(value: object, where: str) -> L:
        for choice in allowed:
            if value == choice and isinstance(value, str):
                return choice
        raise BadEvidence(f'"{where}" has to be one of {", ".join(allowed)}, not {shown(value)}.')

    return read


def small(low: int, high: int) -> Reader[int]:
    def read(value: object, where: str) -> int:
        found = number(value, where)
        if not low <= found <= high:
            raise BadEvidence(f'"{where}" has to be from {low} to {high}, not {found}.')
        return found

    return read


def fields_of(value: object, where: str, keys: Mapping[str, object]) -> Json:
    if not isinstance(value, dict):
        raise BadEvidence(f"{where} has to be an object, not {shown(value)}.")
    for key in value:
        if key not in keys:
            raise BadEvidence(f"{where} has a key that is not known: {key!r}; known are {', '.join(keys)}.")
    return value


def items(value: object, where: str) -> list[object]:
    if not isinstance(value, list):
        raise BadEvidence(f'"{where}" has to be a list, not {shown(value)}.')
    return value


def fact(data: Json, key: str, read: Reader[T], where: str = "") -> Fact[T]:
    value = data.get(key)
    return ABSENT if value is None else Known(read(value, f"{where}{key}"), SOURCE)


def needed(data: Json, key: str, read: Reader[T], where: str) -> T:
    value = data.get(key)
    if value is None:
        raise BadEvidence(f'"{where}{key}" is missing.')
    return read(value, f"{where}{key}")


def optional(data: Json, key: str, read: Reader[T], where: str) -> T | None:
    value = data.get(key)
    return None if value is None else read(value, f"{where}{key}")
