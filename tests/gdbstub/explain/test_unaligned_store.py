"""QEMU 7.2 takes an unaligned store for a hit of a watch beside it; which stores those are."""

from __future__ import annotations

import pytest

from gdbstub.explain.evidence import Action, Evidence, Platform
from gdbstub.explain.explain import explain
from gdbstub.explain.rules.unaligned_store import store_beside
from gdbstub.x86.breakpoints import ArmedBreakpoint, BreakpointKind
from gdbstub.x86.debug_registers import Range
from tests.gdbstub.explain.build import TCG, TCG_10, stop

STORE = "90" * 8 + "66c705130400007f02"  # mov word ptr [0x413], 0x27f
WATCH = (ArmedBreakpoint("debugger", BreakpointKind.WRITE, 0x100198, 4, None),)


def reported_behind_the_store(on: Platform) -> Evidence:
    reply = "T05thread:p01.01;watch:0000000000100198;"
    return stop(STORE, reply=reply, action=Action.CONTINUE, own=WATCH, mode=32, registers={"rflags": 2}, on=on)


def test_a_watch_that_a_store_of_the_bios_missed_is_not_certain() -> None:
    answer = explain(reported_behind_the_store(TCG))
    (cause,) = answer.causes
    assert (cause.cause, cause.owner, cause.confidence) == ("data-write", "debugger", "likely")
    assert answer.summary == (
        "write watch of the debugger on 0x100198 reported hit behind `mov word ptr [0x413], 0x27f`, which misses it"
    )
    (said,) = answer.contradictions
    assert said.startswith(
        "`mov word ptr [0x413], 0x27f` stores to 0x413, and not to what the watch on 0x100198 covers; hardware does "
        "not stop for it. Known quirk tcg-unaligned-store: "
    )


def test_a_version_without_the_quirk_is_contradicted_without_its_name() -> None:
    (said,) = explain(reported_behind_the_store(TCG_10)).contradictions
    assert said.endswith("hardware does not stop for it.")


@pytest.mark.parametrize(
    ("store", "at", "place", "beside"),
    [
        ("668903", 0x5101, Range(0x5000, 0x5004), True),
        ("668903", 0x5100, Range(0x5000, 0x5004), False),  # aligned
        ("668903", 0x5101, Range(0x5102, 0x5106), False),  # it accesses that
        ("668903", 0x5101, Range(0x5200, 0x5204), False),  # behind it, in a page that is not the lowest
        ("668903", 0x5101, Range(0x4000, 0x4004), False),  # another page
        ("668903", 0x5FFF, Range(0x5000, 0x5004), False),  # it really crosses
        ("668903", 0x0101, Range(0x5000, 0x5004), True),  # the lowest page
        ("668903", 0x0101, Range(0x0000, 0x0004), True),
        ("8803", 0x5101, Range(0x5000, 0x5004), False),  # a byte
        ("668b03", 0x5101, Range(0x5000, 0x5004), False),  # a load
        ("90", 0x5101, Range(0x5000, 0x5004), False),
        ("", 0x5101, Range(0x5000, 0x5004), False),
    ],
)
def test_only_an_unaligned_store_beside_the_watch_is_one(store: str, at: int, place: Range, beside: bool) -> None:
    found = store_beside(bytes.fromhex(store), 0x1003, {"rbx": at, "rflags": 2}, 32, place)
    assert (found is not None) == beside
    assert found is None or found.address == at


def test_a_store_to_a_place_that_is_not_known_is_none() -> None:
    assert store_beside(bytes.fromhex("668903"), 0x1003, {}, 32, Range(0x5000, 0x5004)) is None
