"""The pages about causes: one for each `CauseName`, found by its name."""

from __future__ import annotations

from difflib import get_close_matches
from typing import get_args

from gdbstub.explain.explanation import CauseName
from gdbstub.explain.reference.breakpoints import BREAKPOINTS
from gdbstub.explain.reference.page import CausePage
from gdbstub.explain.reference.stops import STOPS
from gdbstub.explain.reference.traps import TRAPS

NAMES: tuple[CauseName, ...] = get_args(CauseName)
"""In the order of the contract."""

_PAGES = {**BREAKPOINTS, **TRAPS, **STOPS}
CAUSES: dict[CauseName, CausePage] = {name: _PAGES[name] for name in NAMES}

_ALSO: dict[str, CauseName] = {
    "int1": "icebp",
    "int01": "icebp",
    "f1": "icebp",
    "int3": "software-breakpoint",
    "bp": "software-breakpoint",
    "bd": "general-detect",
    "gd": "general-detect",
    "bs": "single-step",
    "tf": "single-step",
    "btf": "branch-step",
    "bt": "task-switch",
    "bld": "bus-lock",
    "watchpoint": "data-access",
}
"""What manuals, assemblers and DR6 call them."""


def cause_named(text: str) -> CauseName:
    """The cause of that name, whatever its case, with ``_`` or a blank for ``-``, or by a name that manuals or DR6
    have for it; ValueError with one sentence that offers the nearest names."""
    name = "-".join(text.strip().lower().replace("_", " ").split())
    if name in CAUSES:
        return name
    if name in _ALSO:
        return _ALSO[name]
    near = [one for one in NAMES if name and name in one.split("-")] or get_close_matches(name, NAMES, 3, 0.5)
    offer = f"near names: {', '.join(near)}" if near else "--list-causes shows all names"
    raise ValueError(f"there is no cause {text!r}; {offer}")


def cause_to_json(name: CauseName) -> dict[str, object]:
    """The page as JSON: keys as of `CausePage`, ``platforms`` and ``confused_with`` as objects by their names."""
    page = CAUSES[name]
    return {
        **headline_to_json(name),
        "why": page.why,
        "saved_rip": page.rip,
        "rf": page.rf,
        "dr6": page.dr6,
        "suppressed": page.held_back,
        "vendors": {"intel": page.intel, "amd": page.amd},
        "platforms": dict(page.platforms),
        "certain_when": page.certain,
        "confused_with": dict(page.confused),
        "advice": page.advice,
        "sources": list(page.sources),
    }


def headline_to_json(name: CauseName) -> dict[str, object]:
    """One row of the list."""
    page = CAUSES[name]
    return {"cause": name, "classes": list(page.classes), "definition": page.definition}
