"""``dr6 explain --cause NAME`` and ``--list-causes``: the pages of `gdbstub.explain.reference`, as text or JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

from frontend.clean import clean, printable_json
from frontend.cli.columns import listed, titled, width
from gdbstub.explain.explanation import CauseName
from gdbstub.explain.reference.causes import CAUSES, NAMES, cause_named, cause_to_json, headline_to_json
from gdbstub.explain.reference.page import paragraphs
from gdbstub.explain.text.rendering import cited, wrapped

DONE, USAGE = 0, 2


def run(name: str | None, *, as_json: bool) -> int:
    """Print the page of ``name``, or the list of all for None; 2 where there is no such cause."""
    try:
        cause = None if name is None else cause_named(name)
    except ValueError as error:
        print(clean(f"dr6 explain: {error}."), file=sys.stderr)
        return USAGE
    if as_json:
        answer = {"causes": [headline_to_json(one) for one in NAMES]} if cause is None else cause_to_json(cause)
        print(printable_json(json.dumps(answer, ensure_ascii=False, indent=2)))
    else:
        print("\n".join(overview(width()) if cause is None else page(cause, width())))
    return DONE


def overview(columns: int) -> list[str]:
    """Name, class and one sentence of every cause."""
    return list(listed(overview_rows(), columns))


def overview_rows() -> Iterator[tuple[CauseName, str, str]]:
    """(name, class, definition) of every cause."""
    for name in NAMES:
        whole = CAUSES[name]
        yield name, whole.classes[0] if len(whole.classes) == 1 else "varies", whole.definition


def page(name: CauseName, columns: int) -> list[str]:
    """The whole page of one cause."""
    whole = CAUSES[name]
    return [
        *wrapped(whole.definition, columns, "", f"{name}: "),
        "",
        *titled(paragraphs(whole), columns),
        "",
        *cited(whole.sources, columns),
    ]
