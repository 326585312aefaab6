"""What a difference means: what the rules found odd in one row, and which known departure accounts for the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from gdbstub.explain.evidence import Fact, Known, Platform, Unknown
from gdbstub.explain.explanation import CauseName
from gdbstub.explain.quirks.lookup import QUIRKS, applies
from gdbstub.trace.rows import Row

MISSING: dict[CauseName, tuple[str, ...]] = {
    "general-detect": ("general-detect",),
    "icebp": ("icebp",),
    "branch-step": ("btf",),
    "task-switch": ("task-trap",),
    "io-breakpoint": ("io-hits",),
    "instruction-breakpoint": ("hides-guest-breakpoints",),
    "data-write": ("one-data-hit", "hides-guest-breakpoints", "drops-shadowed-hits"),
    "data-access": ("one-data-hit", "hides-guest-breakpoints", "drops-shadowed-hits"),
}
"""Parts of the names of quirks that take an event away from the guest, by the cause of that event."""


def of_one_row(row: Row, other: Row) -> Iterator[str]:
    """Sentences about ``row`` that do not hold of ``other``: contradictions, with their quirks, and causes."""
    yield from (sentence for sentence in row["contradictions"] if sentence not in other["contradictions"])
    known = {(cause["cause"], cause["owner"]) for cause in other["causes"]}
    for cause in row["causes"]:
        if known and (cause["cause"], cause["owner"]) not in known:
            yield f"{cause['cause']}, since {'; '.join(cause['because'])}."


def of_missing(rows: Sequence[Row], header: Row) -> Iterator[str]:
    """Known departures of the platform of ``header`` that account for its not having the events among ``rows``."""
    platform = _platform(header)
    wanted = {
        part
        for row in rows
        if row["kind"] == "event"
        for cause in row["causes"]
        for part in MISSING.get(cause["cause"], ())
    }
    for name, quirk in QUIRKS.items():
        if any(part in name for part in wanted) and applies(name, platform):
            yield f"Known quirk {name}: {quirk.sentence} ({quirk.source})."


def _platform(header: Row) -> Platform:
    backend = header["backend"]
    return Platform(
        _fact(backend["profile"] or backend["name"]), _fact(backend.get("version")), _vendor(backend.get("vendor"))
    )


def _fact(text: object) -> Fact[str]:
    return Known(text, "header of the trace") if isinstance(text, str) else Unknown("not in the header")


def _vendor(text: object) -> Fact[Literal["intel", "amd"]]:
    for name in _VENDORS:
        if text == name:
            return Known(name, "header of the trace")
    return Unknown("not in the header")


_VENDORS: tuple[Literal["intel", "amd"], ...] = ("intel", "amd")
