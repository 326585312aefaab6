"""Small programs for the fake debugger, as bytes at 0x1000, and the names of their places."""

from __future__ import annotations

from pathlib import Path

from frontend.symbols.names import Symbols
from tests.fakes.elf import Entry, write_elf

CALLER = bytes.fromhex(
    "90"  # 1000 start: nop
    "48ffc0"  # 1001 inc rax
    "e80b000000"  # 1004 call function
    "90"  # 1009 nop
    "8807"  # 100a mov [rdi], al
    "f1"  # 100c int1
    "ebf1"  # 100d jmp start
    "f4"  # 100f hlt: the fake's end
    "90909090"  # 1010
    "55"  # 1014 function: push rbp
    "4889e5"  # 1015 mov rbp, rsp
    "48ffc0"  # 1018 inc rax
    "5d"  # 101b pop rbp
    "c3"  # 101c ret
)
LOOP = bytes.fromhex(
    "48ffc0"  # 1000 loop: inc rax
    "48ffc9"  # 1003 dec rcx
    "75f8"  # 1006 jne loop
    "f3aa"  # 1008 rep stosb
    "f4"  # 100a hlt
)
ENTRIES = [Entry(b"start", 0x1000, 16, 2), Entry(b"function", 0x1014, 9, 2), Entry(b"counter", 0x4000, 4, 1)]


def caller_symbols(directory: Path) -> Symbols:
    symbols = Symbols()
    whole = CALLER.ljust(0x3010, b"\x90")  # a symbol names nothing outside of its section, and the counter is one
    symbols.add(write_elf(directory / "caller.elf", ENTRIES, whole, 0x1000))
    return symbols
