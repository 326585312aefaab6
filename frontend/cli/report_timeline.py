"""The timeline of a report: stacked bars in SVG, one colour a cause, with their names in words as well."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import NamedTuple

WIDE, HIGH, FOOT = 1000, 160, 18
COLOURS = ("#0969da", "#bc4c00", "#1a7f37", "#8250df", "#cf222e", "#9a6700", "#1b7c83", "#bf3989", "#57606a", "#6e7781")
"""Told apart on white and on black; the text below has the names."""


class Bin(NamedTuple):
    """How many causes of one name are in one stretch of the trace."""

    at: int
    cause: str
    times: int


def _causes(bins: Sequence[Bin]) -> list[str]:
    return sorted({found.cause for found in bins})


def _colour(bins: Sequence[Bin], cause: str) -> str:
    return COLOURS[_causes(bins).index(cause) % len(COLOURS)]


def timeline(bins: Sequence[Bin], columns: int, last: int) -> str:
    """``columns`` stretches of equal length, up to row ``last``."""
    sums = [sum(found.times for found in bins if found.at == at) for at in range(columns)]
    scale = (HIGH - 10) / max(sums)
    wide = WIDE / columns
    top = [float(HIGH)] * columns
    bars = []
    for at, cause, times in bins:
        tall = times * scale
        top[at] -= tall
        bars.append(
            f'<rect x="{at * wide + 0.5:.1f}" y="{top[at]:.1f}" width="{wide - 1:.1f}" height="{tall:.1f}" '
            f'fill="{_colour(bins, cause)}"><title>{html.escape(cause)}: {times}</title></rect>'
        )
    axis = f'<line x1="0" y1="{HIGH}" x2="{WIDE}" y2="{HIGH}" stroke="currentColor"/>'
    text = 'font-size="12" fill="currentColor"'
    ends = f'<text x="0" y="{HIGH + 14}" {text}>row 0</text>'
    ends += f'<text x="{WIDE}" y="{HIGH + 14}" text-anchor="end" {text}>row {last}</text>'
    ends += f'<text x="0" y="10" {text}>{max(sums)}</text>'
    said = f"Causes of {sum(sums)} events over {last + 1} rows"
    return f'<svg viewBox="0 0 {WIDE} {HIGH + FOOT}" role="img" aria-label="{said}">{"".join(bars)}{axis}{ends}</svg>'


def legend(bins: Sequence[Bin]) -> str:
    """The colours in words, with how many there are."""
    keys = []
    for cause in _causes(bins):
        count = sum(found.times for found in bins if found.cause == cause)
        keys.append(
            f'<span class="key"><i style="background:{_colour(bins, cause)}"></i>{html.escape(cause)} {count}</span>'
        )
    return f"<p>{''.join(keys)}</p>"
