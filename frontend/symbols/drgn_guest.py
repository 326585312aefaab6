"""A kernel of which there is no file, for drgn: names from its own table, types from its BTF, unwinding by its ORC."""

from __future__ import annotations

from typing import Any

from frontend.symbols.btf import FUNC, VAR, Btf
from frontend.symbols.declared import DECLARED
from frontend.symbols.drgn_btf import BtfTypes
from frontend.symbols.drgn_library import (
    FindObjectFlags,
    ModuleFileStatus,
    Object,
    Program,
    Symbol,
    SymbolBinding,
    SymbolKind,
    Type,
    TypeKind,
    sizeof,
)
from frontend.symbols.names import Table
from frontend.symbols.symbol import NAMELESS
from frontend.symbols.symbol import Symbol as Name

FINDER = "guest"
_KINDS = {"function": SymbolKind.FUNC, "object": SymbolKind.OBJECT}


def attach(program: Program, names: Table, types: bytes) -> None:
    """Give a Program what the guest says of itself: ``names`` where they are now; ``types`` is its BTF, empty where it
    has none. Raises `BadBtf`."""
    found = BtfTypes(program, Btf(types)) if types else None
    finder = _Finder(program, names, found)
    module = program.main_module("kernel", create=True)
    module.address_ranges = [tuple(one.address for name in ("_text", "_end") if (one := names.find(name)) is not None)]
    module.loaded_file_status = module.debug_file_status = ModuleFileStatus.DONT_NEED
    program.register_symbol_finder(FINDER, finder.symbols, enable_index=0)
    if found is not None:
        program.register_type_finder(FINDER, found.find, enable_index=0)
    program.register_object_finder(FINDER, finder.find, enable_index=0)


class _Finder:
    """Of variables, functions and enumerators."""

    def __init__(self, program: Program, names: Table, types: BtfTypes | None) -> None:
        self._program = program
        self._names = names
        self._types = types

    def symbols(self, program: Program, name: str | None, address: int | None, one: bool) -> list[Symbol]:
        """Asked for all of them it gives none."""
        found = self._names.at(address) if address is not None else self._names.find(name) if name is not None else None
        return [_theirs(found)] if found is not None and name in (None, found.name) else []

    def find(self, program: Program, name: str, flags: Any, filename: str | None) -> Object | None:
        if self._types is None:
            return None
        if flags & FindObjectFlags.CONSTANT and (constant := self._types.constant(name)) is not None:
            return constant
        symbol = self._names.find(name)
        if symbol is None:
            return None
        if flags & FindObjectFlags.FUNCTION and symbol.kind == "function":
            kind = self._types.named(name, FUNC)
            return None if kind is None else Object(program, kind, address=symbol.address)
        if flags & FindObjectFlags.VARIABLE and symbol.kind != "function":
            kind = self._types.named(name, VAR) or self._declared(symbol)
            return None if kind is None else Object(program, kind, address=symbol.address)
        return None

    def _declared(self, symbol: Name) -> Type | None:
        """An array has the elements that there is room for up to the next symbol; of pointers, none of the zeros at its
        end, which may only fill up."""
        text = DECLARED.get(symbol.name)
        if text is None:
            return None
        try:
            of = self._program.type(text.removesuffix(" []"))
        except LookupError:
            return None
        if not text.endswith("[]"):
            return of
        size = sizeof(of)
        room = max(symbol.limit - symbol.address, 0) // size
        if of.kind is TypeKind.POINTER:
            room = (len(self._program.read(symbol.address, room * size).rstrip(b"\0")) + size - 1) // size
        return self._program.array_type(of, room)


def _theirs(name: Name) -> Symbol:
    size = 0 if name.kind in NAMELESS else max(name.limit - name.address, 0)
    return Symbol(name.name, name.address, size, SymbolBinding.GLOBAL, _KINDS.get(name.kind, SymbolKind.UNKNOWN))
