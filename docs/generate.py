"""Write what is made from tables and from the command line: `make docs`, or `python docs/generate.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from docs.api_page import api
from docs.completions import FILES
from docs.manual import manual
from frontend.cli.cause_pages import overview_rows
from frontend.commands.reference import markdown as commands
from frontend.tui.keys import KEYS, MOUSE, PANE_KEYS, PROMPT_KEYS, STOPS, Place
from gdbstub.explain.explanation import CauseName
from gdbstub.explain.quirks.lookup import QUIRKS, Quirk
from gdbstub.explain.reference.causes import CAUSES, NAMES
from gdbstub.explain.reference.page import paragraphs
from gdbstub.protocol import packet_table_markdown
from gdbstub.protocol.states import state_diagram
from tests.labs.platform_table import table as platform_table

HERE = Path(__file__).parent
SHARE = HERE.parent / "share"

PLACES: dict[Place, str] = {
    "everywhere": "Everywhere",
    "pane": "While a pane has the keys",
    "prompt": "At the prompt",
}
KEYS_HEAD = """\
# Keys

The keys of the screen; F1 shows them too.
The prompt has the keys at first; Alt-Right gives them to a pane, Esc gives them back.
This page is made from `frontend/tui/keys.py`.
"""
CAUSES_HEAD = """\
# Causes

What each cause is that an answer can name: when it happens, what it leaves behind, what holds it back, who does what to it, and how sure dr6 can be of it.
`dr6 explain --cause NAME` prints one of these sections.

Marks: *measured* and *observed* are runs of the named version, *read* is its source, *cited* a document, *inferred* a conclusion of ours, *not checked* a manual that was not at hand.
What has none is the word of a manual or of a commit, or a test of kvm-unit-tests, which pass on hardware.
[backends.md](backends.md) says how it was measured; Xen means with its gdbsx.
SDM and APM are the manuals of Intel and AMD, with the volume behind them.
This page is made from the table in `gdbstub/explain/reference/causes.py`.
"""
LINK = """\

## The state of the link

Who may send what, and when, is one table, `TRANSITIONS` in `gdbstub/protocol/states.py`.
This is its picture, without the steps that stay in their state.
dr6 is the client: from the moment a resume is queued until its stop reply is read, it sends nothing but 0x03.
"""


def keys() -> str:
    parts = [KEYS_HEAD]
    for place, title in PLACES.items():
        rows = [(key.label, key.action.__doc__ or "") for key in KEYS if key.where == place]
        if place == "everywhere":
            rows.append(PANE_KEYS)
        parts.append(_table(title, [*(PROMPT_KEYS if place == "prompt" else ()), *rows]))
    return "".join([*parts, _table("The list of stops", STOPS, "there | what it means"), _table("Mouse", MOUSE)])


def _table(title: str, rows: Iterable[tuple[str, str]], head: str = "key | what it does") -> str:
    lines = [f"| {label} | {text} |" for label, text in rows]
    return "\n".join([f"\n## {title}\n", f"| {head} |", "|---|---|", *lines, ""])


def packets() -> str:
    return f"{packet_table_markdown().rstrip()}\n{LINK}\n```mermaid\n{state_diagram().rstrip()}\n```\n"


def causes() -> str:
    table = ["\n| cause | class | |", "|---|---|---|"]
    table += [f"| [{name}](#{name}) | {klass} | {text} |" for name, klass, text in overview_rows()]
    return CAUSES_HEAD + "\n".join([*table, ""]) + "".join(_cause(name) for name in NAMES)


def _cause(name: CauseName) -> str:
    page = CAUSES[name]
    parts = [f"\n## {name}\n", page.definition, "", *(f"* **{title}.** {text}" for title, text in paragraphs(page))]
    return "\n".join([*parts, f"* **Sources.** {'; '.join(page.sources)}.", ""])


BEGIN, END = "<!-- what the demo guest sees: made by `make docs` -->\n", "<!-- end -->\n"


def backends() -> str:
    """The page as it is, with the part between the two marks made anew."""
    before, _, rest = (HERE / "backends.md").read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}{platform_table()}{END}{rest.partition(END)[2]}"


QUIRKS_HEAD = """\
# Quirks

Known departures of platforms from the architecture; an answer that meets one names it.
Made from `gdbstub/explain/quirks/table.py` by `make docs`.
Each one is shown by a case of its name in `tests/gdbstub/explain/test_departures.py`, which also holds what must not be called so; those that the bundled guest meets are in the recordings of `tests/golden/` as well.
"""
OWNERS = {"qemu-tcg": "QEMU TCG", "qemu-kvm": "QEMU with KVM", "xen-gdbsx": "Xen", None: "Any platform"}
VENDORS: dict[str | None, str] = {"intel": "Intel", "amd": "AMD"}


def quirks() -> str:
    parts = [QUIRKS_HEAD]
    for backend, title in OWNERS.items():
        parts += [f"\n## {title}\n\n| quirk | where | what | source |\n|---|---|---|---|\n"]
        parts += [
            f"| `{row.name}` | {_where(row)} | {row.sentence} | {row.source} |\n"
            for row in QUIRKS.values()
            if row.backend == backend
        ]
    return "".join(parts)


def _where(row: Quirk) -> str:
    narrowed = [text for text in (VENDORS.get(row.vendor), row.guest and row.guest.upper()) if text]
    versions = [
        f"{word} {'.'.join(map(str, numbers))}"
        for word, numbers in (("from", row.since), ("before", row.below))
        if numbers
    ]
    return ", ".join([*narrowed, " ".join(versions)] if versions else narrowed) or "all"


PAGES: dict[str, Callable[[], str]] = {
    "api.md": api,
    "backends.md": backends,
    "causes.md": causes,
    "commands.md": commands,
    "keys.md": keys,
    "packets.md": packets,
    "quirks.md": quirks,
}

SHARED: dict[str, Callable[[], str]] = {"man/man1/dr6.1": manual, **FILES}
"""What is installed below share/: the manual page, and the completions."""


if __name__ == "__main__":
    for folder, texts in ((HERE, PAGES), (SHARE, SHARED)):
        for name, text in texts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text(), encoding="utf-8")
