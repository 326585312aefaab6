"""The guest's own types (BTF) as drgn's, made when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from frontend.symbols import btf
from frontend.symbols.btf import BadBtf, Btf, BtfPart, BtfType
from frontend.symbols.drgn_library import (
    Object,
    Program,
    Qualifiers,
    Type,
    TypeEnumerator,
    TypeKind,
    TypeMember,
    TypeParameter,
)

DEEPEST = 64
"""Of types that are about types."""
_KINDS = {
    TypeKind.STRUCT: (btf.STRUCT,),
    TypeKind.UNION: (btf.UNION,),
    TypeKind.ENUM: (btf.ENUM, btf.ENUM64),
    TypeKind.TYPEDEF: (btf.TYPEDEF,),
    TypeKind.INT: (btf.INT,),
    TypeKind.BOOL: (btf.INT,),
    TypeKind.FLOAT: (btf.FLOAT,),
}
_QUALIFIERS = {
    btf.CONST: Qualifiers.CONST,
    btf.VOLATILE: Qualifiers.VOLATILE,
    btf.RESTRICT: Qualifiers.RESTRICT,
    btf.TYPE_TAG: Qualifiers.NONE,
}
_SIGNED, _BOOL = 1, 4


class BtfTypes:
    """``find`` is a finder of types for a Program."""

    def __init__(self, program: Program, types: Btf) -> None:
        self._program = program
        self._btf = types
        self._made: dict[int, Type] = {}
        self._depth = 0

    def find(self, program: Program, kinds: Any, name: str, filename: str | None) -> Type | None:
        for kind, theirs in _KINDS.items():
            if kind in kinds and (number := self._btf.find(name, *theirs)) is not None:
                made = self.type(number)
                if made.kind is kind:
                    return made
        return None

    def named(self, name: str, *kinds: int) -> Type | None:
        """That of a variable or a function of that name."""
        number = self._btf.find(name, *kinds)
        return None if number is None else self.type(self._btf.entry(number).size)

    def constant(self, name: str) -> Object | None:
        """An enumerator."""
        found = self._btf.enumerator(name)
        return None if found is None else Object(self._program, self.type(found[0]), value=found[1])

    def type(self, number: int) -> Type:
        """Raises `BadBtf`."""
        if number == 0:
            return self._program.void_type()
        if number not in self._made:
            if self._depth >= DEEPEST:
                raise BadBtf(f"type {number} is about types that are about types without an end")
            self._depth += 1
            try:
                entry = self._btf.entry(number)
                make = _MAKERS.get(entry.kind)
                if make is None:
                    raise BadBtf(f"type {number} is no type of C's")
                self._made[number] = make(self, entry)
            finally:
                self._depth -= 1
        return self._made[number]

    def _name(self, entry: BtfType) -> str | None:
        return self._btf.name(entry.name) or None

    def _integer(self, entry: BtfType) -> Type:
        encoding, _, _ = self._btf.integer(entry)
        name = self._name(entry) or "int"
        if encoding & _BOOL:
            return self._program.bool_type(name, entry.size)
        return self._program.int_type(name, entry.size, bool(encoding & _SIGNED))

    def _float(self, entry: BtfType) -> Type:
        return self._program.float_type(self._name(entry) or "double", entry.size)

    def _pointer(self, entry: BtfType) -> Type:
        return self._program.pointer_type(self.type(entry.size))

    def _array(self, entry: BtfType) -> Type:
        of, count = self._btf.array(entry)
        return self._program.array_type(self.type(of), count)

    def _record(self, entry: BtfType) -> Type:
        make = self._program.struct_type if entry.kind == btf.STRUCT else self._program.union_type
        members = [self._member(part) for part in self._btf.members(entry)]
        return make(self._name(entry), entry.size, members)

    def _member(self, part: BtfPart) -> TypeMember:
        def of() -> Type | Object:
            kind = self.type(part.type)
            return Object(self._program, kind, bit_field_size=part.bits) if part.bits else kind

        return TypeMember(of, part.name or None, part.offset)

    def _enum(self, entry: BtfType) -> Type:
        values = self._btf.enumerators(entry)
        signed = entry.flag or any(value < 0 for _, value in values)
        of = self._program.int_type("int" if signed else "unsigned int", entry.size, signed)
        return self._program.enum_type(self._name(entry), of, [TypeEnumerator(*one) for one in values])

    def _forward(self, entry: BtfType) -> Type:
        """The whole one, where there is one of that name."""
        kind = btf.UNION if entry.flag else btf.STRUCT
        name = self._name(entry)
        whole = None if name is None else self._btf.find(name, kind)
        if whole is not None:
            return self.type(whole)
        return self._program.union_type(name) if entry.flag else self._program.struct_type(name)

    def _typedef(self, entry: BtfType) -> Type:
        return self._program.typedef_type(self._name(entry) or "?", self.type(entry.size))

    def _qualified(self, entry: BtfType) -> Type:
        of = self.type(entry.size)
        return of.qualified(of.qualifiers | _QUALIFIERS[entry.kind])

    def _function(self, entry: BtfType) -> Type:
        parts = self._btf.parameters(entry)
        variadic = bool(parts) and not parts[-1].type and not parts[-1].name
        named = [TypeParameter(self._later(part.type), part.name or None) for part in parts[: len(parts) - variadic]]
        return self._program.function_type(self.type(entry.size), named, variadic)

    def _later(self, number: int) -> Callable[[], Type]:
        return lambda: self.type(number)


_MAKERS: dict[int, Callable[[BtfTypes, BtfType], Type]] = {
    btf.INT: BtfTypes._integer,
    btf.FLOAT: BtfTypes._float,
    btf.PTR: BtfTypes._pointer,
    btf.ARRAY: BtfTypes._array,
    btf.STRUCT: BtfTypes._record,
    btf.UNION: BtfTypes._record,
    btf.ENUM: BtfTypes._enum,
    btf.ENUM64: BtfTypes._enum,
    btf.FWD: BtfTypes._forward,
    btf.TYPEDEF: BtfTypes._typedef,
    btf.FUNC_PROTO: BtfTypes._function,
    **dict.fromkeys(_QUALIFIERS, BtfTypes._qualified),
}
