"""Values as gdb prints them, of drgn's objects: structures, arrays with their repetitions, strings, enumerators,
pointers with symbols, bit-fields."""

from __future__ import annotations

from collections.abc import Iterator

from frontend.clean import clean
from frontend.symbols.drgn_library import FaultError, Object, Type, TypeKind, sizeof

MOST_ELEMENTS = 200
"""Of an array or a string, as gdb's ``print elements``."""
REPEATED = 10
"""So many equal elements are said once."""
DEEPEST = 20
RECORDS = (TypeKind.STRUCT, TypeKind.UNION, TypeKind.CLASS)


def part_text(value: Object) -> str:
    """As gdb prints it beside a name, where the type of a pointer is not repeated."""
    return _Text("").of(value, 0)


def value_text(value: Object, form: str = "") -> str:
    """``form`` is a letter of ``print/F``: x, d, u, o, t, c, a, or "" for what fits the type."""
    return _Text(form).top(value)


class _Text:
    def __init__(self, form: str) -> None:
        self._form = form

    def top(self, value: Object) -> str:
        kind = value.type_.unaliased_kind()
        text = self.of(value, 0)
        if kind is TypeKind.POINTER and not self._form and not value.absent_ and not _is_string(value.type_):
            return f"({value.type_.type_name()}) {text}"
        return text

    def of(self, value: Object, depth: int) -> str:
        """Parts that cannot be read say so, each for itself."""
        if value.absent_:
            return "<optimized out>"
        kind = value.type_.unaliased_kind()
        if depth > DEEPEST:
            return "{...}"
        try:
            if kind in RECORDS:
                return self._record(value, depth)
            if kind is TypeKind.ARRAY:
                return self._array(value, depth)
            if kind is TypeKind.FUNCTION:
                return f"{{{_signature(value.type_)}}} {value.address_ or 0:#x}{_symbol(value, value.address_ or 0)}"
            return self._scalar(value, kind)
        except FaultError as error:
            return f"<error: Cannot access memory at address {error.address:#x}>"

    def _record(self, value: Object, depth: int) -> str:
        parts = []
        members = value.type_.unaliased().members
        if members is None:
            return "<incomplete type>"
        for at, member in enumerate(members):
            part = value.member_(member.name) if member.name else _anonymous(value, at)
            text = self.of(part, depth + 1)
            parts.append(f"{clean(member.name)} = {text}" if member.name else text)
        return "{" + ", ".join(parts) + "}"

    def _array(self, value: Object, depth: int) -> str:
        of = value.type_.unaliased().type
        length = value.type_.unaliased().length or 0
        if _is_char(of) and not self._form:
            return _string(value, length)
        texts = [self.of(value[at], depth + 1) for at in range(min(length, MOST_ELEMENTS))]
        shown = ", ".join(_repetitions(texts))
        return "{" + shown + ("..." if length > MOST_ELEMENTS else "") + "}"

    def _scalar(self, value: Object, kind: TypeKind) -> str:
        if kind is TypeKind.POINTER:
            return self._pointer(value)
        if kind is TypeKind.FLOAT:
            return f"{float(value):g}"
        if kind is TypeKind.VOID:
            return "void"
        number = int(value.value_())  # of a _Bool, int() itself would be a bool
        bits = value.bit_field_size_ or 8 * sizeof(value.type_)
        if self._form:
            return formatted(number, self._form, bits) + (_symbol(value, number) if self._form == "a" else "")
        if kind is TypeKind.ENUM:
            return _enumerator(value.type_.unaliased(), number)
        if kind is TypeKind.BOOL:
            return "true" if number else "false"
        if _is_char(value.type_):
            return f"{number} {_character(number & 0xFF)}"
        return str(number)

    def _pointer(self, value: Object) -> str:
        number = int(value)
        if self._form and self._form not in "as":
            return formatted(number, self._form, 64)
        text = f"{number:#x}{_symbol(value, number)}"
        if _is_string(value.type_) and number and not self._form:
            try:
                return f"{text} {_quoted(value.string_()[:MOST_ELEMENTS])}"
            except FaultError as error:
                return f"{text} <error: Cannot access memory at address {error.address:#x}>"
        return text


def formatted(number: int, form: str, bits: int) -> str:
    """A number in a format of ``print``, in so many bits."""
    raw = number & ((1 << bits) - 1)
    signed = raw - (1 << bits) if raw >> (bits - 1) else raw
    match form:
        case "x" | "a":
            return f"{raw:#x}"
        case "z":
            return f"0x{raw:0{(bits + 3) // 4}x}"
        case "u":
            return str(raw)
        case "o":
            return f"0{raw:o}" if raw else "0"
        case "t":
            return f"{raw:b}"
        case "c":
            low = raw & 0xFF
            return f"{low - 256 if low > 127 else low} {_character(low)}"
        case _:
            return str(signed)


def _anonymous(value: Object, at: int) -> Object:
    """An unnamed structure or union in a structure, where it lies."""
    member = value.type_.unaliased().members[at]
    if value.address_ is not None:
        return Object(value.prog_, member.type, address=value.address_ + member.offset)
    return member.object


def _signature(kind: Type) -> str:
    """A function's type without the names of its parameters."""
    plain = kind.unaliased()
    parameters = [one.type.type_name() for one in plain.parameters] + ["..."] * plain.is_variadic
    return f"{plain.type.type_name()} ({', '.join(parameters) or 'void'})"


def _repetitions(texts: list[str]) -> Iterator[str]:
    at = 0
    while at < len(texts):
        same = 1
        while at + same < len(texts) and texts[at + same] == texts[at]:
            same += 1
        if same >= REPEATED:
            yield f"{texts[at]} <repeats {same} times>"
        else:
            yield from texts[at : at + same]
        at += same


def _is_char(kind: Type) -> bool:
    plain = kind.unaliased()
    return plain.kind is TypeKind.INT and plain.size == 1 and plain.name in ("char", "signed char", "unsigned char")


def _is_string(kind: Type) -> bool:
    plain = kind.unaliased()
    return plain.kind is TypeKind.POINTER and _is_char(plain.type)


def _string(value: Object, length: int) -> str:
    data = value.to_bytes_()[:length]
    whole = data.rstrip(b"\0")
    if not whole:
        return f"'\\000' <repeats {length - 1} times>" if length > REPEATED else _quoted(data[: max(length - 1, 0)])
    tail = len(data) - len(whole)
    text = _quoted(whole[:MOST_ELEMENTS]) + ("..." if len(whole) > MOST_ELEMENTS else "")
    if tail - 1 > REPEATED:
        return f"{text}, '\\000' <repeats {tail - 1} times>"
    return text[:-1] + "\\000" * max(tail - 1, 0) + '"' if tail > 1 else text


def _quoted(data: bytes) -> str:
    return '"' + "".join(_escaped(byte) for byte in data) + '"'


def _escaped(byte: int) -> str:
    if byte in b'"\\':
        return "\\" + chr(byte)
    named = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 27: "\\033"}
    return named.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}")


def _character(byte: int) -> str:
    return "'\\''" if byte == 39 else f"'{_escaped(byte)}'" if byte != 34 else "'\"'"


def _enumerator(kind: Type, number: int) -> str:
    """Its name; flags as gdb joins them; else the number."""
    enumerators = kind.enumerators or ()
    for one in enumerators:
        if one.value == number:
            return clean(one.name)
    flags = [one for one in enumerators if one.value and one.value & (one.value - 1) == 0 and number & one.value]
    known = sum({one.value for one in flags})
    if flags and all(one.value & (one.value - 1) == 0 for one in enumerators if one.value):
        rest = number & ~known
        names = " | ".join(clean(one.name) for one in flags)
        return f"({names} | unknown: {rest:#x})" if rest else f"({names})"
    return str(number)


def _symbol(value: Object, address: int) -> str:
    try:
        symbol = value.prog_.symbol(address)
    except LookupError:
        return ""
    offset = address - symbol.address
    return f" <{clean(symbol.name)}+{offset}>" if offset else f" <{clean(symbol.name)}>"
