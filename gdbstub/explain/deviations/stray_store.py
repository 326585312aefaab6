"""Watches and data breakpoints that are reported hit behind a store which misses them."""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.explain.exception_facts import ExceptionFacts
from gdbstub.explain.quirks.lookup import known_quirk
from gdbstub.explain.rules.unaligned_store import store_beside
from gdbstub.explain.rules.watchpoints import stored_beside, watched_here
from gdbstub.explain.stop_facts import Finding, StopFacts
from gdbstub.x86.debug_registers import covered


def guests(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """A data breakpoint behind a store that misses it."""
    for row in found:
        slot = None if event.dr7 is None or row.cause.slot is None else event.dr7.slots[row.cause.slot]
        if slot is None or row.place is None or event.at is None or not slot.type.is_watch:
            continue
        place = covered(row.place, slot.length)
        store = store_beside(event.front, event.at, event.registers, event.mode, place)
        if store is not None:
            yield (
                f"`{store.text}` stores to {store.address:#x}, and not to what DR{slot.number} covers; hardware raises "
                f"no #DB for it.{known_quirk(event.scene, 'tcg-unaligned-store')}"
            )


def ours(scene: StopFacts, found: list[Finding]) -> Iterator[str]:
    """A watch packet behind a store that misses the watch."""
    for armed in watched_here(scene):
        store = stored_beside(scene, armed)
        if store is not None:
            yield (
                f"`{store.text}` stores to {store.address:#x}, and not to what the watch on {armed.address:#x} covers; "
                f"hardware does not stop for it.{known_quirk(scene, 'tcg-unaligned-store')}"
            )
