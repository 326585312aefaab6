"""The table of docs/backends.md that says what the demo guest sees on each platform that a lab recorded."""

from __future__ import annotations

from collections.abc import Iterable

from frontend.demo_guest import DEMO_EVENTS, MEASURED, DemoEvent, GuestLogEntry, expected
from gdbstub.x86.exceptions import vector
from tests.labs.demo_lab import SEEN, seen_on
from tests.labs.recordings import GOLDEN

TITLES = {
    "qemu-tcg-7.2": "TCG 7.2",
    "qemu-tcg-10.0": "TCG 10.0",
    "kvm-amd-on-tcg-7.2": "kvm_amd on TCG",
    "kvm-intel-on-bochs-7.2": "kvm_intel on Bochs",
}
SAME = "·"


def platforms() -> list[str]:
    """Those with a recording, in the order of `TITLES`."""
    found = {path.parent.name for path in GOLDEN.glob(f"*/{SEEN}")}
    return [name for name in TITLES if name in found] + sorted(found - TITLES.keys())


def table() -> str:
    """One row for each event that some platform does not deliver as the architecture says; `SAME` where it does."""
    names = platforms()
    seen = {name: seen_on(name) for name in names}
    head = ["the guest does", "architecture", *(TITLES.get(name, name) for name in names), "in words"]
    rows = [_row(event, [seen[name].get(event.name, ()) for name in names], names) for event in DEMO_EVENTS]
    lines = [head, ["---"] * len(head), *(row for row in rows if row)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _row(event: DemoEvent, seen: list[tuple[GuestLogEntry, ...]], names: list[str]) -> list[str]:
    due = expected(event, "", "")
    optional = event.raised[0].optional
    cells = [SAME if _plain(got, optional) == _plain(due, optional) else _cell(got, due) for got in seen]
    if set(cells) == {SAME}:
        return []
    return [f"{event.title} (`{event.name}`)", _cell(due, ()), *cells, "; ".join(_words(event, names))]


def _plain(seen: tuple[GuestLogEntry, ...], optional: int) -> list[GuestLogEntry]:
    return [one._replace(dr6=one.dr6 & ~optional) for one in seen]


def _cell(seen: tuple[GuestLogEntry, ...], due: tuple[GuestLogEntry, ...]) -> str:
    """Vector, DR6 and place of each exception; RF and the error code where they matter."""
    return "<br>".join(_one(one, any(one.rf for one in (*seen, *due))) for one in seen) or "nothing"


def _one(one: GuestLogEntry, rf: bool) -> str:
    code = f" error {one.error_code:#x}" if one.error_code else ""
    return f"{vector(one.vector).name} {one.dr6:08x} at `{one.rip}`{code}{f' RF={int(one.rf)}' if rf else ''}"


def _words(event: DemoEvent, names: Iterable[str]) -> list[str]:
    found = []
    for name in names:
        platform, _, release = name.rpartition("-")
        deviation = MEASURED.get((platform, release), {}).get(event.name)
        if deviation is not None and deviation.why not in found:
            found.append(deviation.why)
    return found
