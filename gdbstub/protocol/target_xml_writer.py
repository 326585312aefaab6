"""A `RegisterLayout` as the XML of a target description, for a server's clients. Source: as in `target_xml`."""

from __future__ import annotations

from html import escape
from typing import NamedTuple, assert_never

from gdbstub.protocol.layout import (
    Enumeration,
    Field,
    Flags,
    Register,
    RegisterLayout,
    Structure,
    Type,
    Union,
    VectorType,
)

_HEADER = '<?xml version="1.0"?>\n<!DOCTYPE target SYSTEM "gdb-target.dtd">\n'


class _Tag(NamedTuple):
    name: str
    attributes: tuple[tuple[str, str | int | None], ...]
    children: tuple[_Tag, ...] = ()


def format_description(layout: RegisterLayout) -> bytes:
    """One document that `parse_description` reads back as an equal layout: the server's ``target.xml``.

    Registers go to the feature that they name, and features keep their order.
    """
    lines = [_HEADER + "<target>"]
    if layout.architecture is not None:
        lines.append(f"  <architecture>{escape(layout.architecture)}</architecture>")
    if layout.osabi is not None:
        lines.append(f"  <osabi>{escape(layout.osabi)}</osabi>")
    for feature in layout.features:
        own = tuple(_register_tag(register) for register in layout.registers if register.feature == feature.name)
        types = tuple(_type_tag(known) for known in feature.types)
        lines += _render(_Tag("feature", (("name", feature.name),), types + own), 1)
    return ("\n".join([*lines, "</target>"]) + "\n").encode()


def _render(tag: _Tag, depth: int) -> list[str]:
    pad = "  " * depth
    attributes = "".join(f' {name}="{escape(str(value))}"' for name, value in tag.attributes if value is not None)
    if not tag.children:
        return [f"{pad}<{tag.name}{attributes}/>"]
    inner = [line for child in tag.children for line in _render(child, depth + 1)]
    return [f"{pad}<{tag.name}{attributes}>", *inner, f"{pad}</{tag.name}>"]


def _register_tag(register: Register) -> _Tag:
    attributes = (
        ("name", register.name),
        ("bitsize", register.bits),
        ("regnum", register.number),
        ("type", register.type),
        ("group", register.group),
        ("save-restore", None if register.saved else "no"),
    )
    return _Tag("reg", attributes)


def _field_tags(fields: tuple[Field, ...]) -> tuple[_Tag, ...]:
    return tuple(
        _Tag("field", (("name", it.name), ("start", it.start), ("end", it.end), ("type", it.type))) for it in fields
    )


def _type_tag(known: Type) -> _Tag:
    match known:
        case VectorType(id=name, type=element, length=length):
            return _Tag("vector", (("id", name), ("type", element), ("count", length)))
        case Union(id=name, fields=fields):
            return _Tag("union", (("id", name),), _field_tags(fields))
        case Structure(id=name, size=size, fields=fields):
            return _Tag("struct", (("id", name), ("size", size)), _field_tags(fields))
        case Flags(id=name, size=size, fields=fields):
            return _Tag("flags", (("id", name), ("size", size)), _field_tags(fields))
        case Enumeration(id=name, size=size, values=values):
            tags = tuple(_Tag("evalue", (("name", value), ("value", number))) for value, number in values)
            return _Tag("enum", (("id", name), ("size", size)), tags)
        case _:
            assert_never(known)
