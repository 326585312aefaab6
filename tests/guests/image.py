"""What a test needs of an ELF image: symbols and loaded bytes."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection


class Segment(NamedTuple):
    address: int
    physical: int
    flags: int
    size: int
    data: bytes


class Image(NamedTuple):
    entry: int
    segments: tuple[Segment, ...]
    symbols: dict[str, int]


def read_image(path: Path) -> Image:
    with path.open("rb") as file:
        elf = ELFFile(file)
        segments = tuple(
            Segment(s["p_vaddr"], s["p_paddr"], s["p_flags"], s["p_memsz"], s.data())
            for s in elf.iter_segments("PT_LOAD")
        )
        table = elf.get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection), f"{path} has no symbols"
        symbols = {s.name: s["st_value"] for s in table.iter_symbols() if s.name}
        return Image(elf["e_entry"], segments, symbols)
