"""The text of source files on this machine: where the compiler's path leads, by the user's rules."""

from __future__ import annotations

import os.path
from contextlib import suppress
from pathlib import PurePosixPath
from typing import NamedTuple

from frontend.clean import TAB, clean
from transports import open_regular

LONGEST_FILE = 16 << 20
"""Bytes; the longest file of Linux has some 10 MB."""
KEPT = 32


class SourceText(NamedTuple):
    """A file that was found: its path on this machine, and its lines, clean."""

    path: str
    lines: tuple[str, ...]


class SourceFiles:
    """``substitutions`` are what a path may begin with, and what it begins with on this machine; ``directories`` are
    those that are looked through, as gdb's ``directory`` has them."""

    def __init__(self) -> None:
        self.substitutions: dict[str, str] = {}
        self.directories: list[str] = []
        self._kept: dict[str, tuple[tuple[int, int], SourceText]] = {}

    def find(self, file: str, directory: str) -> SourceText | None:
        """The file that the compiler, in ``directory``, called ``file``; None where it is not here."""
        for path in self.places(file, directory):
            with suppress(OSError, ValueError):
                return self._read(path)
        return None

    def places(self, file: str, directory: str) -> list[str]:
        """Where it is looked for: its own path, as rewritten; then each directory, with more and more of the beginning
        of that path left out."""
        whole = file if file.startswith("/") or not directory else os.path.join(directory, file)
        whole = self._substituted(os.path.normpath(whole))
        parts = [part for part in PurePosixPath(whole).parts if part != "/"]
        tails = ["/".join(parts[at:]) for at in range(len(parts))]
        found = [whole] if whole.startswith("/") else []
        found += [os.path.join(os.path.expanduser(base), tail) for base in self.directories for tail in tails]
        return found

    def _substituted(self, path: str) -> str:
        """The first rule whose beginning the path has, in whole folders, as gdb's ``set substitute-path``."""
        for begin, instead in self.substitutions.items():
            if path == begin or path.startswith(begin.rstrip("/") + "/"):
                return os.path.expanduser(instead).rstrip("/") + path[len(begin.rstrip("/")) :]
        return path

    def _read(self, path: str) -> SourceText:
        with open_regular(path) as file:
            status = os.fstat(file.fileno())
            stamp = status.st_mtime_ns, status.st_size
            kept = self._kept.get(path)
            if kept is not None and kept[0] == stamp:
                return kept[1]
            text = file.read(LONGEST_FILE).decode("utf-8", "backslashreplace")
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        found = SourceText(path, tuple(clean(line.rstrip("\r").expandtabs(TAB)) for line in lines))
        while len(self._kept) >= KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[path] = stamp, found
        return found
