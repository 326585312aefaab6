"""Target descriptions: XML to `RegisterLayout`; `target_xml_writer` is the way back.

The XML comes from the stub, so nothing in it is trusted: no entities, nothing fetched but the annexes that
the caller hands in, bounds on size, nesting and numbers. The ``<!DOCTYPE target SYSTEM "gdb-target.dtd">``
that every description carries is accepted and ignored. Namespaces are not resolved: the prefix of
``xi:include`` is declared in that DTD alone, and QEMU leaves it out of the document.

Source: gdb manual, "Target Description Format".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from gdbstub.errors import RemoteProtocolError
from gdbstub.protocol.fields import shown
from gdbstub.protocol.layout import (
    Enumeration,
    Feature,
    Field,
    Flags,
    Register,
    RegisterLayout,
    Structure,
    Type,
    Union,
    VectorType,
    make_layout,
)

if TYPE_CHECKING:
    from xml.dom.minidom import Element

ROOT: Final = "target.xml"
MAX_DOCUMENT: Final = 1 << 20
"""Bytes of one annex; the largest that gdb's stubs send (AArch64 with SME) are below 64 KiB."""
MAX_ELEMENTS: Final = 20_000
MAX_NESTING: Final = 16
MAX_INCLUDES: Final = 64

_NUMBER = re.compile(r"(?:0[xX][0-9a-fA-F]{1,16}|[0-9]{1,19})\Z")


def parse_description(fetch: Mapping[str, bytes], root: str = ROOT) -> RegisterLayout:
    """The layout that ``fetch[root]`` and the annexes it includes describe.

    Raises `RemoteProtocolError` for XML that is broken or not a description, an annex that is missing or that
    includes itself, and anything beyond the bounds.
    """
    reading = _Reading(fetch)
    reading.document(root, ())
    placed = bool(reading.registers) and reading.placed == len(reading.registers)
    return make_layout(reading.registers, reading.features, reading.architecture, reading.osabi, placed=placed)


def annexes_wanted(xml: bytes) -> tuple[str, ...]:
    """The annexes that one document includes, each once: what to fetch before `parse_description`."""
    if b"include" not in xml:
        return ()  # QEMU's description of the registers, which takes long to parse
    hrefs = (_attribute(node, "href") for node in _walk(_parse(xml)) if _is_include(node))
    return tuple(dict.fromkeys(hrefs))


class _Reading:
    """What has been read of a description so far."""

    def __init__(self, fetch: Mapping[str, bytes]) -> None:
        self.registers: list[Register] = []
        self.features: list[Feature] = []
        self.architecture: str | None = None
        self.osabi: str | None = None
        self.placed = 0
        """How many registers say where in ``g`` they stand (lldb-server's do)."""
        self._fetch = fetch
        self._number = 0
        self._includes = 0

    def document(self, annex: str, trail: tuple[str, ...]) -> None:
        if annex in trail:
            raise RemoteProtocolError(f"The target description includes {_named(annex)} within itself.")
        if annex not in self._fetch:
            raise RemoteProtocolError(f"The target description needs {_named(annex)}, which the stub did not send.")
        self._includes += 1
        if self._includes > MAX_INCLUDES:
            raise RemoteProtocolError(f"The target description has more than {MAX_INCLUDES} parts.")
        element = _parse(self._fetch[annex])
        if element.tagName == "feature":
            self._feature(element, (*trail, annex))
        elif element.tagName == "target":
            self._target(element, (*trail, annex))
        else:
            raise RemoteProtocolError(f"The target description {_named(annex)} is a <{element.tagName[:32]}>.")

    def _target(self, element: Element, trail: tuple[str, ...]) -> None:
        for node in _children(element):
            if _is_include(node):
                self.document(_attribute(node, "href"), trail)
            elif node.tagName == "feature":
                self._feature(node, trail)
            elif node.tagName == "architecture":
                self.architecture = _text(node)
            elif node.tagName == "osabi":
                self.osabi = _text(node)

    def _feature(self, element: Element, trail: tuple[str, ...]) -> None:
        name = element.getAttribute("name")  # lldb-server gives none
        types: list[Type] = []
        place = len(self.features)
        for node in _children(element):
            if _is_include(node):
                self.document(_attribute(node, "href"), trail)
            elif node.tagName == "reg":
                self._register(node, name)
            elif (known := _parse_type(node)) is not None:
                types.append(known)
        if name or all(feature.name for feature in self.features):
            self.features.insert(place, Feature(name, tuple(types)))

    def _register(self, node: Element, feature: str) -> None:
        number, offset = _optional_number(node, "regnum"), _optional_number(node, "offset")
        if number is None:
            number = self._number
        self._number = number + 1
        if node.getAttribute("value_regnums"):
            return  # lldb's name for a part of another register, whose bytes are those
        self.placed += offset is not None
        self.registers.append(
            Register(
                name=_attribute(node, "name"),
                bits=_number(node, "bitsize"),
                number=number,
                offset=offset or 0,
                type=node.getAttribute("type") or "int",
                group=node.getAttribute("group") or None,
                feature=feature,
                saved=node.getAttribute("save-restore") != "no",
            )
        )


def _parse(xml: bytes) -> Element:
    """The root element, with every bound checked."""
    from xml.parsers.expat import ExpatError  # with the next, 10 ms that only a handshake needs

    from defusedxml.common import DefusedXmlException
    from defusedxml.expatbuilder import parseString

    if len(xml) > MAX_DOCUMENT:
        raise RemoteProtocolError(f"The target description has a part of more than {MAX_DOCUMENT} bytes.")
    try:
        root = parseString(xml.decode(), namespaces=False).documentElement
    except DefusedXmlException:
        raise RemoteProtocolError("The target description declares entities, which is not allowed.") from None
    except (ExpatError, ValueError, LookupError) as error:
        raise RemoteProtocolError(f"The target description is not XML: {shown(str(error).encode())}.") from None
    assert root is not None  # expat refuses a document without an element
    for count, _ in enumerate(_walk(root)):
        if count >= MAX_ELEMENTS:
            raise RemoteProtocolError(f"The target description has more than {MAX_ELEMENTS} elements.")
    return root


def _children(element: Element) -> list[Element]:
    return [node for node in element.childNodes if node.nodeType == node.ELEMENT_NODE]


def _walk(root: Element) -> Iterator[Element]:
    """Every element, parents first, in document order; refuses a tree that is too deep."""
    stack = [(root, 1)]
    while stack:
        node, depth = stack.pop()
        if depth > MAX_NESTING:
            raise RemoteProtocolError(f"The target description nests elements deeper than {MAX_NESTING}.")
        yield node
        stack += [(child, depth + 1) for child in reversed(_children(node))]


def _is_include(node: Element) -> bool:
    return node.tagName.rpartition(":")[2] == "include"


def _text(node: Element) -> str:
    return "".join(part.data for part in node.childNodes if part.nodeType == part.TEXT_NODE).strip()


def _named(annex: str) -> str:
    return shown(annex.encode())


def _attribute(node: Element, name: str) -> str:
    value = node.getAttribute(name)
    if not value:
        raise RemoteProtocolError(f"The target description has a <{node.tagName[:32]}> without {name}.")
    return value


def _optional_number(node: Element, name: str) -> int | None:
    value = node.getAttribute(name)
    if not value:
        return None
    if not _NUMBER.match(value):
        raise RemoteProtocolError(f"The target description has {name}={_named(value)} where a number belongs.")
    return int(value, 16 if value[:2] in ("0x", "0X") else 10)


def _number(node: Element, name: str) -> int:
    _attribute(node, name)
    return _optional_number(node, name) or 0


def _fields(node: Element) -> tuple[Field, ...]:
    """``<field>`` elements; an absent name is an empty one (padding)."""
    return tuple(
        Field(
            child.getAttribute("name"),
            child.getAttribute("type") or None,
            _optional_number(child, "start"),
            _optional_number(child, "end"),
        )
        for child in _children(node)
        if child.tagName == "field"
    )


def _values(node: Element) -> tuple[tuple[str, int], ...]:
    return tuple(
        (_attribute(child, "name"), _number(child, "value")) for child in _children(node) if child.tagName == "evalue"
    )


def _parse_type(node: Element) -> Type | None:
    """The type that ``node`` defines; None for an element that we don't know, which gdb skips as well."""
    match node.tagName:
        case "vector":
            return VectorType(_attribute(node, "id"), _attribute(node, "type"), _number(node, "count"))
        case "union":
            return Union(_attribute(node, "id"), _fields(node))
        case "struct":
            return Structure(_attribute(node, "id"), _optional_number(node, "size"), _fields(node))
        case "flags":
            return Flags(_attribute(node, "id"), _number(node, "size"), _fields(node))
        case "enum":
            return Enumeration(_attribute(node, "id"), _number(node, "size"), _values(node))
        case _:
            return None
