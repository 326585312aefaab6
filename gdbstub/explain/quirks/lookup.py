"""Known departures of platforms from the architecture: which platforms have one, and how an answer names it.

The rows are in `quirk_table.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gdbstub.explain.evidence import Fact, Known, Platform, Unknown
from gdbstub.explain.quirks.table import ROWS, Quirk, QuirkName
from gdbstub.explain.stop_facts import StopFacts

__all__ = [
    "QUIRKS",
    "Quirk",
    "QuirkName",
    "absences",
    "applies",
    "brief",
    "explained",
    "known_quirk",
    "lacks_icebp",
    "version_of",
]

KNOWN = " Known quirk "
QUIRKS: Mapping[QuirkName, Quirk] = {row.name: row for row in ROWS}


def version_of(text: str | None) -> tuple[int, ...]:
    """ "7.2.22" → (7, 2, 22); empty where it is no such text."""
    parts = []
    for piece in (text or "").split("."):
        if not piece.isdecimal() or len(piece) > 9:
            break
        parts.append(int(piece))
    return tuple(parts)


def _is(fact: Fact[Any], wanted: str | None) -> bool:
    """Whether a fact of the platform allows a row that wants ``wanted``; what is unknown allows it."""
    return wanted is None or isinstance(fact, Unknown) or fact.value == wanted


def applies(name: QuirkName, platform: Platform) -> bool:
    """Whether this platform is known to have the quirk; an unknown version, vendor or kind of guest may have it, an
    unknown backend has it only where every CPU may."""
    quirk = QUIRKS[name]
    backend = None if isinstance(platform.backend, Unknown) else platform.backend.value
    if quirk.backend not in (None, backend):
        return False
    if not (_is(platform.vendor, quirk.vendor) and _is(platform.guest, quirk.guest)):
        return False
    numbers = version_of(None if isinstance(platform.version, Unknown) else platform.version.value)
    if not numbers:
        return True
    return (quirk.since is None or numbers >= quirk.since) and (quirk.below is None or numbers < quirk.below)


def explained(platform: Platform, *names: QuirkName) -> str:
    """ " Known quirk tcg-icebp-ud: …" for the first that the platform is known to have, else nothing."""
    for name in names:
        if applies(name, platform):
            quirk = QUIRKS[name]
            return f"{KNOWN}{name}: {quirk.sentence} ({quirk.source})."
    return ""


def brief(contradiction: str) -> str:
    """The sentence with no more than the name of its quirk, for a line in a list."""
    sentence, known, quirk = contradiction.partition(KNOWN)
    return f"{sentence}{known}{quirk.partition(':')[0]}." if known else sentence


def lacks_icebp(platform: Platform) -> bool:
    """Whether this platform is known not to have INT1 at this version."""
    known_version = isinstance(platform.version, Known) and bool(version_of(platform.version.value))
    return known_version and applies("tcg-icebp-ud", platform)


def absences(platform: Platform) -> str:
    """What raises no #DB on this platform, with the quirks' names, in a sentence; "" where none is known. It is sure
    only where a version decides that is known: that of QEMU says nothing of the KVM under it."""
    found = [quirk for quirk in ROWS if quirk.absent is not None and applies(quirk.name, platform)]
    if not found:
        return ""
    version = "" if isinstance(platform.version, Unknown) else platform.version.value
    sure = version_of(version) and all(quirk.below is not None for quirk in found)
    raises = "raises" if sure else "may raise"
    what = ", for ".join(f"{quirk.absent} ({quirk.name})" for quirk in found)
    return f"This platform {raises} no #DB for {what}."


def known_quirk(scene: StopFacts, *names: QuirkName) -> str:
    """The same for the platform of a stop."""
    return explained(scene.evidence.platform, *names)
