"""What a Linux kernel says of itself in the guest's memory alone: its names, its slide, its build ID. For a worker
thread: it takes a second."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from frontend.clean import clean
from frontend.symbols.elf import gnu_build_id
from frontend.symbols.kallsyms import KERNEL_SPACE, NONE_FOUND, Read, Row, decode, find_tables
from frontend.symbols.kaslr import ALIGNMENT, FEWEST, MOST
from frontend.symbols.numbers import MemoryNumbers
from frontend.symbols.symbol import MASK, SymbolError
from frontend.symbols.symbol_file import SymbolFile
from frontend.symbols.text_names import listed

KALLSYMS = "[kernel.kallsyms]"
"""What stands for a file's name: perf calls it so."""
LINKED_TEXT = 0xFFFF_FFFF_8100_0000
"""Where ``_text`` is linked to, with the CONFIG_PHYSICAL_START that all distributions have."""
LARGEST = 128 << 20
"""Bytes of an image that are searched, from its handlers on."""
UNREADABLE = 4 << 20
"""A hole of that many bytes ends it: text and what is only read are 2 MiB apart at most."""
MOST_NOTES = 4096
MOST_TEXT = 1024


class GuestKernel(NamedTuple):
    """``file`` has the names as linked, ``slide`` is how much higher it runs, ``banner`` its version in its own
    words."""

    file: SymbolFile
    slide: int
    banner: str


def read_guest_kernel(read: Read, handlers: Mapping[int, int]) -> GuestKernel:
    """``handlers``: vector → address, of the guest's IDT. Raises `SymbolError` where there is no table, or the handlers
    are not among its symbols."""
    inside = [address for address in handlers.values() if KERNEL_SPACE <= address < MASK]
    if len(inside) < FEWEST:
        raise SymbolError(f"{NONE_FOUND}: its IDT leads to no Linux.")
    first = min(inside)
    tables = find_tables(read, first, _end(read, first))
    rows = decode(read, tables)
    known = {address for address, _, _ in rows}
    if sum(address in known for address in inside) < FEWEST:
        raise SymbolError(f"{NONE_FOUND} that has the handlers of its IDT.")
    words, places = MemoryNumbers(read), {name: address for address, _, name in rows}
    slide = _slide(words, places)
    symbols = listed([_linked(row, slide) for row in reversed(rows)])  # of several at one address the first one counts
    return GuestKernel(SymbolFile(KALLSYMS, symbols, (), _build_id(words, places)), slide, _banner(words, places))


def _end(read: Read, first: int) -> int:
    """Where memory ends behind ``first``, as far as that is looked for."""
    end = seen = first & -ALIGNMENT
    while end < min(first + LARGEST, MASK) and end - seen <= UNREADABLE:
        if read(end, 8) is not None:
            seen = end
        end += ALIGNMENT
    return seen + ALIGNMENT


def _linked(row: Row, slide: int) -> Row:
    address, letter, name = row
    return (address - slide if address >= KERNEL_SPACE else address, letter, name)


def _slide(words: MemoryNumbers, places: Mapping[str, int]) -> int:
    """As its vmcoreinfo says (kernel/crash_core.c), else against where ``_text`` is linked to as a rule."""
    pointer = words.number(places.get("vmcoreinfo_data", 0), 8) or 0
    for line in words.bytes(pointer, 4096 - pointer % 4096, short=True).splitlines():
        key, _, value = line.partition(b"=")
        if key == b"KERNELOFFSET":
            try:
                return int(value, 16) % MOST
            except ValueError:
                break
    slide = places.get("_text", LINKED_TEXT) - LINKED_TEXT
    return slide if 0 <= slide < MOST and slide % ALIGNMENT == 0 else 0


def _build_id(words: MemoryNumbers, places: Mapping[str, int]) -> bytes:
    first, last = places.get("__start_notes", 0), places.get("__stop_notes", 0)
    return gnu_build_id(words.bytes(first, max(0, min(last - first, MOST_NOTES)), short=True), "<")


def _banner(words: MemoryNumbers, places: Mapping[str, int]) -> str:
    text = words.bytes(places.get("linux_banner", 0), MOST_TEXT, short=True).partition(b"\0")[0]
    return clean(text.decode("utf-8", "backslashreplace").strip())
