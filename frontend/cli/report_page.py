"""The page of ``dr6 report``: HTML that needs no other file and no JavaScript. Every text is cleaned and escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from frontend.clean import clean
from frontend.cli.report_timeline import Bin, legend, timeline

if TYPE_CHECKING:
    from gdbstub.trace.query.database import TraceDatabase

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #1b1f24;
  background: #fff; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p { margin: .3rem 0; color: #57606a; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid #d8dee4; vertical-align: top; }
th { font-weight: 600; } td.number { text-align: right; font-variant-numeric: tabular-nums; }
code, td.code { font: 13px/1.4 ui-monospace, monospace; }
svg { width: 100%; height: auto; display: block; }
.key { display: inline-block; margin-right: 1.2rem; white-space: nowrap; }
.key i { display: inline-block; width: .8rem; height: .8rem; margin-right: .35rem; vertical-align: -1px; }
@media (prefers-color-scheme: dark) {
  body { color: #e6edf3; background: #0d1117; } p { color: #9198a1; } th, td { border-color: #30363d; }
}
"""
BINS = 120
LISTED = 200
"""Events that are listed one by one."""
HOT = 20

RUNS = "SELECT run, target, backend, version, tool, started, reason, seconds FROM runs ORDER BY run"
COUNTS = "SELECT kind, count(*) FROM rows GROUP BY kind ORDER BY kind"
LAST = "SELECT coalesce(max(n), 0) FROM rows"
TIMELINE = (
    "SELECT least(n * {bins} // ({last} + 1), {bins} - 1)::INTEGER AS bin, cause, count(*) FROM causes "
    "WHERE kind = 'event' GROUP BY ALL ORDER BY bin, cause"
)
CAUSES = (
    "SELECT kind, cause, owner, class, confidence, count(*) FROM causes GROUP BY ALL "
    "ORDER BY kind, count(*) DESC, cause"
)
EXCEPTIONS = (
    "SELECT address, text, vector, count(*) FROM events WHERE address IS NOT NULL GROUP BY ALL "
    f"ORDER BY count(*) DESC, address LIMIT {HOT}"
)
CODE = f"SELECT address, text, count(*) FROM insns GROUP BY ALL ORDER BY count(*) DESC, address LIMIT {HOT}"
ODD = (
    "SELECT odd, count(*), min(n) FROM (SELECT n, unnest(contradictions) AS odd FROM rows) GROUP BY odd "
    "ORDER BY count(*) DESC, min(n)"
)
UNSURE = (
    "SELECT n, text, cause, owner, confidence FROM causes WHERE confidence <> 'certain' OR cause = 'unknown' "
    f"ORDER BY n LIMIT {LISTED}"
)
EVENTS = f"SELECT n, cpu, vector, address, text, summary FROM events ORDER BY n LIMIT {LISTED}"


def page(database: TraceDatabase, divergences: Sequence[tuple[str, str, str]] | None) -> str:
    """All of it. Raises `TraceError`."""
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>dr6: a trace</title>',
            '<meta name="viewport" content="width=device-width">',
            f"<style>{STYLE}</style></head><body>",
            *_head(database),
            *_timeline(database),
            *_divergences(divergences),
            *_section(database, "Causes", CAUSES, ("kind", "cause", "owner", "class", "confidence", "rows")),
            *_section(database, "What raised them", EXCEPTIONS, ("address", "instruction", "vector", "times")),
            *_section(database, "Departures from the architecture", ODD, ("what", "rows", "first at")),
            *_section(database, "Not certain", UNSURE, ("row", "instruction", "cause", "owner", "confidence")),
            *_section(database, "Hot code", CODE, ("address", "instruction", "times")),
            *_section(database, "Events", EVENTS, ("row", "vCPU", "vector", "address", "instruction", "summary")),
            "</body></html>\n",
        ]
    )


def _head(database: TraceDatabase) -> Iterator[str]:
    yield "<h1>What a guest did, and why it was stopped</h1>"
    for run, target, backend, version, tool, started, reason, seconds in database.ask(RUNS)[1]:
        took = f" after {seconds:.1f} s" if isinstance(seconds, float) else ""
        end = f"ended: {reason}{took}" if reason else "cut off: it has no end"
        told = f"{target}, {backend} {version or ''}, {tool}, {started}; {end}"
        yield f"<p>{_text(told)} <code>{_text(run)}</code></p>"
    counts = ", ".join(f"{count} of kind {kind}" for kind, count in database.ask(COUNTS)[1])
    yield f"<p>Rows: {_text(counts or 'none')}.</p>"


def _timeline(database: TraceDatabase) -> Iterator[str]:
    ((last,),) = database.ask(LAST)[1]
    found = database.ask(TIMELINE.format(bins=BINS, last=last))[1]
    bins = [Bin(int(str(at)), str(cause), int(str(times))) for at, cause, times in found]
    yield "<h2>The guest's exceptions, over the rows</h2>"
    if not bins:
        yield "<p>No event is in this trace.</p>"
        return
    yield timeline(bins, BINS, int(str(last)))
    yield legend(bins)


def _divergences(found: Sequence[tuple[str, str, str]] | None) -> Iterator[str]:
    if found is None:
        return
    (left, right, _), *rows = found
    yield "<h2>What differs from another trace</h2>"
    if not rows:
        yield f"<p>{_text(left)} and {_text(right)} tell the same.</p>"
        return
    yield _table((left, right, "what differs, and what is known of it"), rows)


def _section(database: TraceDatabase, title: str, sql: str, heads: Sequence[str]) -> Iterator[str]:
    columns, found = database.ask(sql)
    rows = [[_shown(column.is_hex, value) for column, value in zip(columns, row, strict=True)] for row in found]
    if rows:
        yield f"<h2>{title}</h2>"
        yield _table(heads, rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{_text(name)}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _shown(is_hex: bool, value: object) -> object:
    return f"{value:#x}" if is_hex and isinstance(value, int) else value


def _cell(value: object) -> str:
    kind = ' class="number"' if isinstance(value, int) else ' class="code"' if str(value).startswith("0x") else ""
    return f"<td{kind}>{_text('' if value is None else value)}</td>"


def _text(value: object) -> str:
    return html.escape(clean(str(value)))
