"""The answer to a question, as lines: a table for people, CSV and JSON lines for programs. All of it is cleaned."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

from frontend.clean import clean, printable_json, width_of
from frontend.cli.columns import width

if TYPE_CHECKING:
    from gdbstub.trace.query.database import ResultColumn

Rows = Iterable[tuple[object, ...]]
MEASURED = 500
"""Rows by which the columns of a table are measured; later ones may be wider."""
WIDEST = 60
"""Cells of one column of a table."""


def table_lines(columns: Sequence[ResultColumn], rows: Rows) -> Iterator[str]:
    """Columns as wide as they need; the last one has what is left of the terminal's width."""
    rest = iter(rows)
    names = [clean(column.name) for column in columns]
    first = [_texts(columns, row) for row in islice(rest, MEASURED)]
    widths = [min(WIDEST, max(map(width_of, found))) for found in zip(names, *first, strict=True)]
    left = width() - sum(widths[:-1]) - 2 * (len(widths) - 1)
    widths[-1] = max(min(widths[-1], left), min(20, widths[-1]))
    right = [bool(first) and all(_is_number(row[n]) for row in first) for n in range(len(columns))]

    def line(texts: Sequence[str]) -> str:
        cells = zip(texts, widths, right, strict=True)
        return "  ".join(_cell(text, wide, to_right) for text, wide, to_right in cells).rstrip()

    yield line(names)
    yield "  ".join("-" * wide for wide in widths)
    count = 0
    for texts in chain(first, (_texts(columns, row) for row in rest)):
        count += 1
        yield line(texts)
    yield f"({count} {'row' if count == 1 else 'rows'})"


def csv_lines(columns: Sequence[ResultColumn], rows: Rows) -> Iterator[str]:
    """RFC 4180 with line feeds; nothing is empty, a list is JSON."""
    yield _csv([clean(column.name) for column in columns])
    for row in rows:
        yield _csv(_texts(columns, row))


def json_lines(columns: Sequence[ResultColumn], rows: Rows) -> Iterator[str]:
    """An object for each row; hexadecimal values are texts, as in a trace."""
    for row in rows:
        pairs = zip(columns, row, strict=True)
        values = {column.name: _plain(value, column.is_hex) for column, value in pairs}
        yield printable_json(json.dumps(values, ensure_ascii=False, separators=(",", ":"), default=str))


def _csv(texts: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(texts)
    return line.getvalue()


def _texts(columns: Sequence[ResultColumn], row: tuple[object, ...]) -> list[str]:
    return [clean(_text(_plain(value, column.is_hex))) for column, value in zip(columns, row, strict=True)]


def _plain(value: object, is_hex: bool) -> object:
    return f"{value:#x}" if is_hex and isinstance(value, int) else value


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _is_number(text: str) -> bool:
    return not text or text.startswith("0x") or text.replace(".", "", 1).replace("-", "", 1).isdecimal()


def _cell(text: str, wide: int, to_right: bool) -> str:
    room = wide - width_of(text)
    if room < 0:
        while width_of(text) > wide - 1:
            text = text[:-1]
        return text + "…" + " " * (wide - 1 - width_of(text))
    return " " * room + text if to_right else text + " " * room
