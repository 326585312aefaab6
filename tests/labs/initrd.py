"""A root file system for Linux in a lab, as the kernel unpacks it from memory: a cpio archive of the newc format.

https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from tests.labs.packages import Kernel, libraries

Content = bytes | Path
"""What a file holds, or the file of this machine that it is a copy of."""

MODULES = "lib/modules"


def newc(files: Mapping[str, Content], links: Mapping[str, str] | None = None) -> bytes:
    """An archive of ``files`` (path in the archive → content, all executable) and of symbolic ``links``.

    Folders are made as they are needed; all belongs to root, and the same input gives the same bytes.
    """
    entries: dict[str, tuple[int, bytes]] = {}
    for name, content in files.items():
        entries[name] = stat.S_IFREG | 0o755, content if isinstance(content, bytes) else content.read_bytes()
    for name, target in (links or {}).items():
        entries[name] = stat.S_IFLNK | 0o777, target.encode()
    folders = {str(parent) for name in entries for parent in PurePosixPath(name).parents} - {"."}
    whole = dict.fromkeys(sorted(folders), (stat.S_IFDIR | 0o755, b"")) | dict(sorted(entries.items()))
    parts = [_entry(number, name, mode, data) for number, (name, (mode, data)) in enumerate(whole.items(), start=1)]
    return b"".join([*parts, _entry(0, "TRAILER!!!", 0, b"")])


def _entry(number: int, name: str, mode: int, data: bytes) -> bytes:
    links = 2 if stat.S_ISDIR(mode) else 1
    raw = name.encode() + b"\0"
    fields = (number, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(raw), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + raw
    return _padded(head) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def busybox(root: Path) -> dict[str, Content]:
    """busybox of the package ``busybox-static``, as /bin/busybox."""
    return {"bin/busybox": root / "bin" / "busybox"}


def program(root: Path, path: str) -> dict[str, Content]:
    """A program of a tree of packages and the libraries that it loads, where they are in the tree."""
    names = {path, *libraries(root, path)}
    return {name: root / name for name in names}


def modules(kernel: Kernel, *names: str) -> dict[str, Content]:
    """Modules of ``kernel`` as /lib/modules/NAME.ko, for insmod."""
    return {f"{MODULES}/{name}.ko": kernel.module(name) for name in names}
