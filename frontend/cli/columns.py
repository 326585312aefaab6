"""Texts in columns: how wide standard output is, and paragraphs wrapped to it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator

from gdbstub.explain.text.rendering import wrapped

USUAL, NARROWEST = 80, 40


def width() -> int:
    """The width of the terminal that standard output is; 80 where it is none."""
    if not sys.stdout.isatty():
        return USUAL
    return max(shutil.get_terminal_size((USUAL, 24)).columns, NARROWEST)


def titled(rows: Iterable[tuple[str, str]], columns: int) -> Iterator[str]:
    """Each title on a line of its own, its text indented below."""
    for title, text in rows:
        yield from wrapped(title, columns)
        yield from wrapped(text, columns, "  ")


def listed(rows: Iterable[tuple[str, ...]], columns: int) -> Iterator[str]:
    """Rows of short words in columns as wide as they need, the last one wrapped beside them."""
    table = list(rows)
    widths = [max(len(row[n]) for row in table) for n in range(len(table[0]) - 1)]
    for *words, text in table:
        head = "".join(f"{word:<{wide}}  " for word, wide in zip(words, widths, strict=True))
        yield from wrapped(text, columns, " " * len(head), head)
