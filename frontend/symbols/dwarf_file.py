"""The sections of a file with debug information, read piece by piece, and the bytes in them.

The file is the user's, and nobody has to trust it: no read is longer than `MOST_BYTES`.
"""

from __future__ import annotations

import os.path
import struct

from frontend.clean import clean
from frontend.symbols.elf import Section, read_elf
from frontend.symbols.symbol import SymbolError
from transports import open_regular

MOST_BYTES = 512 << 20


class DwarfFile:
    """One file. It is opened for each read, so that it may be replaced meanwhile. Raises `SymbolError` where it cannot
    be read."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._kept: dict[str, bytes] = {}
        try:
            with open_regular(os.path.expanduser(path)) as file:
                self._sections: dict[str, Section] = {one.name: one for one in read_elf(file).all_sections}
        except OSError as error:
            raise SymbolError(f"Cannot read lines from {clean(path)}: {error.strerror}.") from error
        except ValueError as error:
            raise SymbolError(f"{clean(path)} is not a whole ELF file: {clean(str(error))}.") from error

    def size(self, name: str) -> int:
        """Of a section; 0 where there is none."""
        section = self._sections.get(name)
        return 0 if section is None else min(section.size, MOST_BYTES)

    def read(self, name: str, offset: int, size: int) -> bytes:
        """What a section has of these bytes."""
        section = self._sections.get(name)
        size = min(size, self.size(name) - offset)
        if section is None or offset < 0 or size <= 0:
            return b""
        try:
            with open_regular(os.path.expanduser(self.path)) as file:
                file.seek(section.offset + offset)
                return file.read(size)
        except (OSError, ValueError) as error:
            raise SymbolError(f"Cannot read lines from {clean(self.path)}: {error}.") from error

    def whole(self, name: str) -> bytes:
        """A section; it is kept."""
        if name not in self._kept:
            self._kept[name] = self.read(name, 0, self.size(name))
        return self._kept[name]


BAD = (IndexError, ValueError, struct.error, KeyError)
"""What reading bytes that do not fit ends in."""


class Bytes:
    """Reading along; `BAD` where they end."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def take(self, form: str) -> int:
        (value,) = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return int(value)

    def uleb(self) -> int:
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
            if shift > 70:
                raise ValueError("a number that does not end")

    def sleb(self) -> int:
        begin = self.at
        value = self.uleb()
        bits = 7 * (self.at - begin)
        return value - (1 << bits) if value >> (bits - 1) & 1 else value

    def string(self) -> bytes:
        end = self.data.index(b"\0", self.at)
        value = self.data[self.at : end]
        self.at = end + 1
        return value
