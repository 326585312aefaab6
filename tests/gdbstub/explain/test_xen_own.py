"""Breakpoints of the debugger's own in debug registers that it shares with a Xen guest: whose each stop is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gdbstub.backends import ABILITIES
from gdbstub.explain.evidence_json import evidence_from_json, evidence_to_json
from gdbstub.explain.explain import explain
from gdbstub.explain.explanation import Cause, Explanation

CODE = "488903" + "90" * 9
"""mov [rbx], rax; nops."""
START, PC = 0x1000, 0x1003
STORE = {"owner": "debugger", "kind": "write", "address": "0x4000", "length": 8, "slot": 3}
HERE = {"owner": "debugger", "kind": "execute", "address": hex(PC), "length": 1, "slot": 2}


def answer(exit_dr6: int | None, *breakpoints: dict[str, Any], **more: Any) -> Explanation:
    after = {"rip": hex(PC), "rflags": "0x2", "dr6": "0xffff0ff0", "dr7": "0x400", "cs": "0xe033", "rbx": "0x4000"}
    after |= {f"dr{n}": "0x0" for n in range(4)} | more.pop("after", {})
    data = {
        "backend": "xen-gdbsx",
        "version": "4.17.5",
        "vendor": "amd",
        "guest": "pv",
        "mode": 64,
        "cpl": 0,
        "reply": "T02thread:0;",
        "action": "continue",
        "at_handler": False,
        "after": after,
        "before": {
            "rip": hex(START),
            "rflags": "0x2",
            "dr6": "0xffff0ff0",
            "dr7": "0x400",
            "bytes": CODE,
            "rbx": "0x4000",
        },
        "code": {"address": hex(START), "bytes": CODE},
        "breakpoints": list(breakpoints),
        **more,
    }
    if exit_dr6 is not None:
        data["exit_dr6"] = hex(exit_dr6)
    evidence = evidence_from_json(data, ABILITIES)
    again = evidence_from_json(json.loads(json.dumps(evidence_to_json(evidence))), ABILITIES)
    assert explain(again) == explain(evidence), "it goes through a file as it is"
    return explain(evidence)


def rows(explanation: Explanation) -> list[tuple[str, str, str, int | None]]:
    return [(cause.cause, cause.owner, cause.confidence, cause.slot) for cause in explanation.causes]


SET, OURS = (
    "is set in the DR6 that the vCPU stopped with",
    "is the debugger's, set beside the guest's own debug registers:",
)
TRAPS, FAULTS = (
    ("SDM 3B 18.3.1.2", "Xen domain_pause_for_debugger"),
    ("SDM 3B 18.3.1.1", "Xen domain_pause_for_debugger"),
)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (
            answer(0xFFFF0FF8, STORE),
            Cause(
                "data-write", "debugger", "trap", "certain",
                (f"B3 {SET}", f"DR3 {OURS} a write watch on 0x4000 (8 bytes)", "the instruction accesses it"), TRAPS, 3,
            ),
        ),
        (
            answer(0xFFFF0FF8, STORE | {"kind": "access", "address": "0x8000"}),
            Cause(
                "data-access", "debugger", "trap", "certain",
                (f"B3 {SET}", f"DR3 {OURS} an access watch on 0x8000 (8 bytes)"), TRAPS, 3,
            ),
        ),
        (
            answer(0xFFFF0FF4, HERE),
            Cause(
                "instruction-breakpoint", "debugger", "fault", "certain",
                (f"B2 {SET}", f"DR2 {OURS} a hardware breakpoint at 0x1003, where RIP stands"), FAULTS, 2,
            ),
        ),
        (
            answer(0xFFFF0FF0, STORE, version=None),
            Cause(
                "data-write", "debugger", "trap", "possible",
                (f"DR3 {OURS} a write watch on 0x4000 (8 bytes)",
                 "its condition is met here, and this Xen loses the B bits of DR6", "the instruction accesses it"),
                TRAPS, 3,
            ),
        ),
    ],
    ids=["a store", "an access that the code does not show", "an instruction", "bits that Xen lost"],
)  # fmt: skip
def test_a_hit_of_ours_is_told_whole(found: Explanation, wanted: Cause) -> None:
    assert found.causes == (wanted,)


def test_what_dr6_names_of_ours_is_certain_and_nothing_of_the_guests() -> None:
    found = answer(0xFFFF0FF8, STORE)
    assert rows(found) == [("data-write", "debugger", "certain", 3)]
    assert "the instruction accesses it" in found.causes[0].because
    assert found.instruction is not None
    assert found.instruction.address == START
    assert (found.exit_dr6.value, found.exit_dr6.provenance) == (0xFFFF0FF8, "reported")
    assert found.guest_dr6 is not None
    assert found.guest_dr6.set == ()
    assert rows(answer(0xFFFF0FF4, HERE)) == [("instruction-breakpoint", "debugger", "certain", 2)]


def test_an_access_that_the_code_does_not_show_is_named_all_the_same() -> None:
    found = answer(0xFFFF0FF8, STORE | {"kind": "access", "address": "0x8000"})
    assert rows(found) == [("data-access", "debugger", "certain", 3)]
    assert "the instruction accesses it" not in found.causes[0].because


def test_ours_and_the_guests_at_one_instruction_are_both() -> None:
    theirs = {"dr0": hex(PC), "dr7": "0x402", "dr6": "0xffff0ff1"}
    found = answer(0xFFFF0FF5, HERE, after=theirs)
    assert ("instruction-breakpoint", "debugger", "certain", 2) in rows(found)
    assert ("instruction-breakpoint", "guest", "likely", 0) in rows(found)
    assert found.guest_dr6 is not None
    assert found.guest_dr6.set == ("B0",)


def test_the_guests_alone_is_the_guests_beside_ours() -> None:
    theirs = {"dr0": hex(PC), "dr7": "0x402", "dr6": "0xffff0ff1"}
    found = answer(0xFFFF0FF1, STORE, after=theirs)
    assert rows(found) == [("instruction-breakpoint", "guest", "likely", 0)]


def test_int1_where_ours_stands_has_not_run() -> None:
    code = "488903" + "f1" + "90" * 8
    more = {"code": {"address": hex(START), "bytes": code}}
    assert rows(answer(0xFFFF0FF4, HERE, **more)) == [("instruction-breakpoint", "debugger", "certain", 2)]
    assert rows(answer(0xFFFF0FF0, **more))[0][:2] == ("icebp", "guest")


@pytest.mark.parametrize("exit_dr6", [0xFFFF0FF0, None])
@pytest.mark.parametrize("armed", [STORE, HERE])
def test_a_xen_that_loses_the_bits_is_likely_where_the_condition_is_met(
    exit_dr6: int | None, armed: dict[str, Any]
) -> None:
    wiped = answer(exit_dr6, armed, version="4.18.0")
    assert [row[1:3] for row in rows(wiped)] == [("debugger", "likely")]
    assert rows(answer(exit_dr6, armed))[0][:2] == ("unknown", "unknown"), "4.17 keeps them"
    elsewhere = answer(exit_dr6, armed | {"address": "0x8000"}, version="4.18.0")
    assert "debugger" not in [row[1] for row in rows(elsewhere)]


def test_a_step_over_a_watched_store_is_both() -> None:
    step = {"reply": "T05thread:0;", "action": "step"}
    found = answer(0xFFFF4FF8, STORE, **step)
    assert {row[:3] for row in rows(found)} == {
        ("single-step", "debugger", "certain"),
        ("data-write", "debugger", "certain"),
    }
    assert rows(answer(0xFFFF4FF0, STORE, **step)) == [("single-step", "debugger", "certain", None)]
    assert rows(answer(0xFFFF4FF4, HERE, **step))[0][:2] == ("single-step", "debugger")


def test_a_pause_is_none_of_ours_and_the_guests_tf_is_not_guessed_where_dr6_is_shown() -> None:
    assert rows(answer(None, STORE, action="interrupt"))[0][:2] == ("interrupt-request", "debugger")
    hvm = {"guest": "hvm", "after": {"rflags": "0x102", "cs": "0x8"}}
    assert ("single-step", "guest") not in [row[:2] for row in rows(answer(0xFFFF0FF8, STORE, **hvm))]


def test_elsewhere_a_slot_says_nothing() -> None:
    found = answer(0xFFFF0FF8, STORE, backend="qemu-kvm", guest="hvm")
    assert ("data-write", "debugger", "certain", 3) not in rows(found)
