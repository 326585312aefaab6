"""The names of large files, and a guest's types, kept by build ID under ``$XDG_CACHE_HOME/dr6/names``: reading a
kernel's symbol table takes a second, this a fifth of one.

Anything that is not whole or of another version is not there; the folder can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
from array import array
from contextlib import suppress
from pathlib import Path

from frontend.symbols.symbol import RANKS, Kind, Symbol

VERSION = b"dr6 names 3\n"
MOST_FILES = 16
"""Of 6 MB each, for a kernel; those that were not used for longest go."""
_HEAD = struct.Struct(f"<{len(VERSION)}s32s")
_KINDS: tuple[Kind, ...] = tuple(RANKS)


def folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if home.startswith("/") else Path.home() / ".cache") / "dr6" / "names"


def load(build_id: bytes, *, at: Path | None = None) -> list[Symbol] | None:
    """The symbols that `store` kept for a file of this build ID."""
    body = load_bytes(build_id, "", at=at)
    if body is None:
        return None
    try:
        return _unpacked(body[8:], int.from_bytes(body[:8], "little"))
    except (ValueError, LookupError):
        return None


def store(build_id: bytes, symbols: list[Symbol], *, at: Path | None = None) -> None:
    """Keep ``symbols``, where that is possible."""
    store_bytes(build_id, len(symbols).to_bytes(8, "little") + _packed(symbols), "", at=at)


def load_bytes(build_id: bytes, what: str, *, at: Path | None = None) -> bytes | None:
    """What `store_bytes` kept."""
    path = _path(build_id, what, at or folder())
    try:
        data = path.read_bytes()
        version, digest = _HEAD.unpack_from(data)
        body = data[_HEAD.size :]
        if version != VERSION or hashlib.sha256(body).digest() != digest:
            return None
        os.utime(path)
    except (OSError, ValueError, struct.error):
        return None
    return body


def store_bytes(build_id: bytes, body: bytes, what: str, *, at: Path | None = None) -> None:
    """Keep ``body``, where that is possible; ``what`` ends its name."""
    root = at or folder()
    head = _HEAD.pack(VERSION, hashlib.sha256(body).digest())
    with suppress(OSError):
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=root, prefix=".new-", delete=False) as file:
            try:
                file.write(head + body)
                os.replace(file.name, _path(build_id, what, root))
            except BaseException:
                os.unlink(file.name)
                raise
        kept = sorted(root.iterdir(), key=lambda path: path.stat().st_mtime)
        for path in kept[:-MOST_FILES]:
            path.unlink()


def _path(build_id: bytes, what: str, root: Path) -> Path:
    return root / (build_id.hex() + what)


def _packed(symbols: list[Symbol]) -> bytes:
    numbers = b"".join(
        array("Q", column).tobytes()
        for column in (
            [one.address for one in symbols],
            [one.size for one in symbols],
            [one.limit for one in symbols],
        )
    )
    kinds = bytes(_KINDS.index(one.kind) for one in symbols)
    return numbers + kinds + "\0".join(one.name for one in symbols).encode()


def _unpacked(body: bytes, count: int) -> list[Symbol]:
    columns = []
    for number in range(3):
        column = array("Q")
        column.frombytes(body[number * 8 * count : (number + 1) * 8 * count])
        columns.append(column)
    names = body[25 * count :].decode().split("\0") if count else []
    kinds = [_KINDS[number] for number in body[24 * count : 25 * count]]
    address, size, limit = columns
    return [Symbol(*row) for row in zip(address, names, size, kinds, limit, strict=True)]
