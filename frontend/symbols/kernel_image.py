"""What a guest's kernel file says before it runs: its entry, and where its LIDT instructions will stand. ELF files, and
flat ones that a multiboot header places (Multiboot Specification 0.6.96, 3.1.3: the address fields of flag bit 16)."""

from __future__ import annotations

import struct

from frontend.symbols.names import Symbols
from gdbstub.debugger.kernel_code import NO_CODE, KernelCode
from gdbstub.x86.lidt import find_lidt
from transports.files import open_regular

MAGIC = 0x1BADB002
HAS_ADDRESSES = 1 << 16
SEARCHED = 8192
"""The header lies in the first so many bytes, at a multiple of four."""
MOST_BYTES = 64 << 20


def read_kernel(path: str) -> KernelCode:
    """The file at ``path`` as QEMU loads it as its ``-kernel``. Raises OSError where it can't be read, `SymbolError`
    where it is a broken ELF."""
    with open_regular(path) as file:
        data = file.read(MOST_BYTES)
    flat = _multiboot(data)
    if flat is not None:
        code, load, entry = flat
        return KernelCode(find_lidt(code, load), entry)
    if data[:4] != b"\x7fELF":
        return NO_CODE
    symbols = Symbols()
    symbols.add(path)
    entry = int.from_bytes(data[0x18 : 0x18 + (8 if data[4] == 2 else 4)], "little")
    return KernelCode(symbols.lidt_places().candidates, entry if 0 < entry < 1 << 32 else None)


def _multiboot(data: bytes) -> tuple[bytes, int, int] | None:
    """The bytes that are loaded, where to, and the entry; None without a header that says so."""
    for at in range(0, min(len(data), SEARCHED) - 31, 4):
        magic, flags, checksum, header, load, load_end, _, entry = struct.unpack_from("<8I", data, at)
        if magic != MAGIC or (magic + flags + checksum) & 0xFFFF_FFFF:
            continue
        first = at - (header - load)
        if not flags & HAS_ADDRESSES or first < 0 or header < load:
            return None
        length = load_end - load if load_end > load else len(data)
        return data[first : first + length], load, entry
    return None
