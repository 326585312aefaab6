"""Guest text made safe for a terminal: no escape sequence and no control character ever gets through.

Everything that comes from the guest or its stub (memory, symbols, console, error texts) passes here before
it is shown. What cannot be printed is made visible instead of dropped: ``\\x1b``, ``\\u202e``.
"""

from __future__ import annotations

import re
import struct
import unicodedata

TAB = 8

_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor moves (ECMA-48 5.4)
    r"|\x1b\][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)"  # OSC: window titles
    r"|\x1b[@-Z\\^_=>78c]"  # the two-character ones: reset, save, restore
)


def _visible(character: str) -> str:
    """One character as it may be shown: itself when it takes up a cell, else its code."""
    if character.isprintable() and not unicodedata.combining(character):
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x1_0000 else f"\\U{code:08x}"


def clean(text: str) -> str:
    """``text`` as one line that any terminal shows as it is written.

    Control, format (bidirectional overrides, zero width), surrogate and unassigned characters become
    backslash escapes; so do combining marks that no composed form has.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_visible, unicodedata.normalize("NFC", text)))


def visible(text: str) -> str:
    """``text`` with its line feeds and tabs, and everything else that is not printable as in `clean`."""
    plain = text.replace("\n", "").replace("\t", "")
    if plain.isprintable():
        return text
    return "".join(
        character if character in "\n\t" or character.isprintable() else _visible(character) for character in text
    )


def printable_json(text: str) -> str:
    """JSON that was written with its letters as they are: what can't be printed in it as JSON escapes it."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(_json_escape(one) if one != "\n" and not one.isprintable() else one for one in text)


def _json_escape(character: str) -> str:
    """A pair of surrogates where it takes one: RFC 8259, 7."""
    return "".join(
        f"\\u{unit:04x}" for (unit,) in struct.iter_unpack("<H", character.encode("utf-16-le", "surrogatepass"))
    )


def clean_text(text: str) -> tuple[str, ...]:
    """``text`` as lines, each one `clean`, with tabs expanded. A final line feed opens no further line."""
    if not text:
        return ("",)
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    return tuple(clean(line.expandtabs(TAB)) for line in lines)


def console_line(raw: str) -> str:
    """One line that a guest wrote to its console, as it stands there in the end.

    Escape sequences are taken out, a carriage return starts the line over, a backspace takes one character
    back; whatever else cannot be printed is shown as in `clean`.
    """
    cells: list[str] = []
    column = 0
    for character in _SEQUENCES.sub("", raw).expandtabs(TAB):
        if character == "\r":
            column = 0
        elif character == "\b":
            column = max(0, column - 1)
        else:
            cells[column : column + 1] = [character]
            column += 1
    return clean("".join(cells))


def width_of(text: str) -> int:
    """How many terminal cells a `clean` text takes: two for wide East Asian characters, else one."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
