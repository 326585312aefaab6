"""Is what the demo guest did, and what dr6 said of it, what is known of the platform?

The list of events says what the architecture does, `MEASURED` what the platform does instead. Each function gives
sentences about what is not so; none is good.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import cache
from itertools import zip_longest
from typing import NamedTuple

from frontend.demo_guest import DEMO_EVENTS, DEMO_IMAGE, DemoEvent, GuestLogEntry, expected
from tests.guests.image import read_image
from tests.labs.run_dr6 import Row

Key = tuple[str, str]
VECTORS = {"db": 1, "bp": 3, "ud": 6, "df": 8, "ts": 10, "np": 11, "ss": 12, "gp": 13, "pf": 14}
_LINE = re.compile(r"^(\d\d) (\w\w) dr6=([0-9a-f]{8}) rip=([0-9a-f]{16}) ", re.MULTILINE)
RF = 1 << 16


class Delivered(NamedTuple):
    """One exception on the guest's console."""

    vector: int
    dr6: int
    rip: int


def on_console(console: str) -> dict[int, list[Delivered]]:
    """The guest's own account: number of the event → what its handlers saw."""
    found: dict[int, list[Delivered]] = {event.id: [] for event in DEMO_EVENTS}
    for number, name, dr6, rip in _LINE.findall(console):
        found[int(number)].append(Delivered(VECTORS.get(name, -1), int(dr6, 16), int(rip, 16)))
    return found


def wrong_alone(console: str, key: Key) -> Iterator[str]:
    """What the guest saw without a debugger, against what it is known to see there."""
    if "end" not in console.splitlines():
        yield f"the guest did not come to its end; its last line is {(console.splitlines() or [''])[-1]!r}"
    seen = on_console(console)
    for event in DEMO_EVENTS:
        wanted = expected(event, *key)
        if not _same(event, wanted, seen[event.id]):
            yield f"{event.name}: the guest alone saw {_shown(seen[event.id])}, expected {_listed(wanted)}"


def _same(event: DemoEvent, wanted: tuple[GuestLogEntry, ...], seen: list[Delivered]) -> bool:
    addresses = symbols()
    optional = event.raised[0].optional
    pairs = list(zip_longest(wanted, seen))
    return all(
        want is not None
        and got is not None
        and (want.vector, addresses[want.rip]) == (got.vector, got.rip)
        and not (want.dr6 ^ got.dr6) & ~optional
        for want, got in pairs
    )


def wrong_debugged(rows: list[Row], key: Key) -> Iterator[str]:
    """What dr6 caught and said of it: each event there, in order, its frame right, and explained."""
    end = rows[-1]
    if end.get("kind") != "end" or end.get("reason") != "shutdown":
        yield f"the trace did not end with the guest's shutdown: {end.get('reason', 'it was cut off')}"
    wanted = [(event, seen) for event in DEMO_EVENTS for seen in expected(event, *key)]
    caught = [row for row in rows if row["kind"] == "event"]
    places = [(seen.vector, symbols()[seen.rip]) for _, seen in wanted]
    found = [(row["vector"], int((row["frame"] or {"rip": "-1"})["rip"], 16)) for row in caught]
    for what, a, b, c, d in SequenceMatcher(None, places, found, autojunk=False).get_opcodes():
        if what == "equal":
            for (event, seen), row in zip(wanted[a:b], caught[c:d], strict=True):
                for fault in (*_wrong_frame(event, seen, row), *_wrong_causes(event, seen, row)):
                    yield f"{event.name} (event {row['n']} of the trace): {fault}"
            continue
        for event, seen in wanted[a:b]:
            yield f"{event.name}: dr6 did not catch {_listed((seen,))}"
        for row in caught[c:d]:
            yield f"event {row['n']} of the trace is none that is known: {row['summary']}"


def _wrong_frame(event: DemoEvent, seen: GuestLogEntry, row: Row) -> Iterator[str]:
    frame = row["frame"]
    got = bool(int(frame["rflags"], 16) & RF), int(frame.get("error_code") or "0", 16)
    if got != (seen.rf, seen.error_code):
        yield f"RF and the error code are {got}, expected {(seen.rf, seen.error_code)}"
    dr6 = int(row["dr"]["dr6"], 16) ^ seen.dr6
    if dr6 & ~event.raised[0].optional:
        yield f"DR6 is {row['dr']['dr6']}, expected {seen.dr6:#x}"


def _wrong_causes(event: DemoEvent, seen: GuestLogEntry, row: Row) -> Iterator[str]:
    causes = row["causes"]
    if not causes or any(cause["cause"] in ("unknown", "spurious") for cause in causes):
        yield f"unexplained: {row['summary']}"
    if any(cause["owner"] != "guest" for cause in causes):
        yield f"not the guest's: {[(cause['cause'], cause['owner']) for cause in causes]}"
    due = _due(event, seen)
    said = {(cause["cause"], cause["class"]) for cause in causes}
    if due is not None and said != due:
        yield f"said to be {sorted(said)}, and it is {sorted(due)}"
    for text in row["contradictions"]:
        if "Known quirk" not in text:
            yield f"a contradiction that is no known quirk: {text}"


def _due(event: DemoEvent, seen: GuestLogEntry) -> set[tuple[str, str]] | None:
    """The causes, where the platform does what the architecture says."""
    for raised in event.raised:
        if (raised.vector, raised.rip) == (seen.vector, seen.rip) and not (raised.dr6 ^ seen.dr6) & ~raised.optional:
            return {(cause.cause, cause.klass) for cause in raised.causes}
    return None


@cache
def symbols() -> dict[str, int]:
    return read_image(DEMO_IMAGE).symbols


def _shown(seen: list[Delivered]) -> str:
    return ", ".join(f"vector {v} dr6={dr6:#x} rip={rip:#x}" for v, dr6, rip in seen) or "nothing"


def _listed(wanted: tuple[GuestLogEntry, ...]) -> str:
    return ", ".join(f"vector {s.vector} dr6={s.dr6:#x} rip={symbols()[s.rip]:#x}" for s in wanted) or "nothing"
