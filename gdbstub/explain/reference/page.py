"""What a page about a cause holds. The pages are in ``causes_*.py``, the way to them in `causes`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gdbstub.explain.explanation import CauseName, Class

Behaviour = Literal["QEMU TCG", "QEMU/KVM", "QEMU/KVM on AMD", "QEMU/KVM on Intel", "Xen HVM", "Xen PV"]
"""Who is told of in `CausePage.platforms`. Xen means with gdbsx, unless the text says otherwise."""


@dataclass(frozen=True, slots=True)
class CausePage:
    """One cause for a reader who has it before them. Every text is one or more sentences; None: does not apply.

    Where the text is not the word of a manual or of a run it says so: *read* (in the source of the named version),
    *inferred*, *not checked* (a manual that was not at hand).
    """

    definition: str
    """One sentence."""
    classes: tuple[Class, ...]
    """More than one where the class depends on the vector."""
    why: str
    """Why it is of that class."""
    certain: str
    """The facts that dr6 needs to call it certain."""
    advice: str
    sources: tuple[str, ...]
    rip: str | None = None
    """Where the saved RIP stands."""
    rf: str | None = None
    """RF in the saved RFLAGS."""
    dr6: str | None = None
    """What DR6 gains, and in which polarity."""
    held_back: str | None = None
    """What suppresses or defers it."""
    intel: str | None = None
    amd: str | None = None
    platforms: tuple[tuple[Behaviour, str], ...] = ()
    confused: tuple[tuple[CauseName, str], ...] = ()
    """What it is taken for, and how the two are told apart."""


def paragraphs(page: CausePage) -> Iterator[tuple[str, str]]:
    """(title, text) of all that the page holds behind its definition, in the order of reading; sources left out."""
    yield f"Class: {', '.join(page.classes)}", page.why
    for title, text in (
        ("Saved RIP", page.rip),
        ("RF in the frame", page.rf),
        ("DR6", page.dr6),
        ("Suppressed or deferred", page.held_back),
        ("Intel", page.intel),
        ("AMD", page.amd),
    ):
        if text is not None:
            yield title, text
    yield from page.platforms
    yield "Certain when", page.certain
    for name, text in page.confused:
        yield f"Not to be confused with {name}", text
    yield "What to do", page.advice
