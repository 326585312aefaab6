"""A few types in BTF, as pahole writes them (Documentation/bpf/btf.rst)."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from frontend.symbols.btf import MAGIC


class Writer:
    """Types are numbered from 1 on as they are added; the strings come behind them."""

    def __init__(self) -> None:
        self.types, self.strings = b"", b"\0"
        self.number = 0

    def name(self, text: str) -> int:
        wanted = text.encode() + b"\0"
        at = (b"\0" + self.strings).find(b"\0" + wanted)
        if at < 0:
            at = len(self.strings)
            self.strings += wanted
        return at if text else 0

    def add(self, kind: int, name: str, size: int, parts: int = 0, more: bytes = b"", *, flag: bool = False) -> int:
        info = int(flag) << 31 | kind << 24 | parts
        self.types += struct.pack("<III", self.name(name), info, size) + more
        self.number += 1
        return self.number

    def words(self, rows: Iterable[tuple[str, *tuple[int, ...]]]) -> bytes:
        return b"".join(struct.pack(f"<{len(row)}I", self.name(row[0]), *row[1:]) for row in rows)

    def data(self) -> bytes:
        head = struct.pack("<HBBIIIII", MAGIC, 1, 0, 24, 0, len(self.types), len(self.types), len(self.strings))
        return head + self.types + self.strings


def sample() -> bytes:
    """``int``, ``char``, ``struct list_head``, ``struct task`` with an array, a bit-field, an enumerator, an unnamed
    union and a pointer to a function; a variable ``current_task`` and a function ``sys_read_5``."""
    made = Writer()
    number = made.add(1, "int", 4, more=struct.pack("<I", 1 << 24 | 32))
    letter = made.add(1, "char", 1, more=struct.pack("<I", 1 << 24 | 8))
    made.add(2, "", 4)  # 3: struct list_head *
    made.add(4, "list_head", 16, 2, made.words([("next", 3, 0), ("prev", 3, 64)]))  # 4
    name = made.add(3, "", 0, more=struct.pack("<III", letter, number, 16))
    state = made.add(6, "state", 4, 2, made.words([("RUNNING", 0), ("SLEEPING", 5)]))
    either = made.add(5, "", 8, 2, made.words([("one", number, 0), ("list", 3, 0)]))
    proto = made.add(13, "", number, 1, made.words([("what", number)]))
    call = made.add(2, "", proto)
    members = made.words(
        [
            ("comm", name, 0),
            ("state", state, 128),
            ("low", number, 3 << 24 | 160),
            ("", either, 192),
            ("call", call, 256),
        ]
    )
    task = made.add(4, "task", 40, 5, members, flag=True)
    made.add(8, "task_t", task)
    made.add(14, "current_task", made.add(2, "", task), more=struct.pack("<I", 1))
    made.add(12, "sys_read_5", proto)
    return made.data()
