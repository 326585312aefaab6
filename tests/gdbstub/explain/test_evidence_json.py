"""The formats of `dr6 explain`: what is read, what is refused and how, what is written."""

from __future__ import annotations

import pytest

from gdbstub.explain.evidence import Action, CodeBytes, Known, SteppedOver, Unknown
from gdbstub.explain.evidence_json import (
    cause_to_json,
    evidence_from_json,
    evidence_to_json,
    explanation_to_json,
)
from gdbstub.explain.explain import explain
from gdbstub.explain.json_values import BadEvidence
from gdbstub.x86.breakpoints import ArmedBreakpoint, BreakpointKind
from gdbstub.x86.exceptions import FailedDelivery, Frame
from tests.gdbstub.explain.build import event, stop

CONTRACT: dict[str, object] = {
    "backend": "qemu-kvm",
    "vendor": "intel",
    "guest": "hvm",
    "reply": "T05thread:p01.01;",
    "action": "continue",
    "mode": 64,
    "cpl": 0,
    "vector": 1,
    "at_handler": True,
    "before": {"rip": "0x100400", "rflags": "0x102", "dr6": "0xffff0ff0", "dr7": "0x400", "bytes": "9090f1"},
    "after": {
        "rip": "0x100149",
        "rflags": "0x2",
        "cr4": "0x8",
        "debugctl": "0x0",
        "dr0": "0x0",
        "dr1": "0x0",
        "dr2": "0x0",
        "dr3": "0x0",
        "dr6": "0xffff4ff0",
        "dr7": "0x400",
    },
    "frame": {"rip": "0x100402", "cs": "0x8", "rflags": "0x102"},
    "code": {"address": "0x100400", "bytes": "9090f1"},
    "breakpoints": [{"owner": "debugger", "kind": "execute", "address": "0x100401", "length": 1, "slot": 0}],
}


def test_the_example_of_the_contract_is_read() -> None:
    evidence = evidence_from_json(CONTRACT)
    assert evidence.action == Known(Action.CONTINUE, "evidence")
    assert evidence.frame == Known(Frame(0x100402, 8, 0x102), "evidence")
    assert evidence.code == (CodeBytes(0x100400, b"\x90\x90\xf1"),)
    assert evidence.breakpoints == Known(
        (ArmedBreakpoint("debugger", BreakpointKind.EXECUTE, 0x100401, 1, 0),), "evidence"
    )
    assert isinstance(evidence.before.dr0, Unknown)
    assert (
        explain(evidence).summary
        == "single-step by the guest, over the instruction in front, `nop`, if no branch led here"
    )
    written = evidence_to_json(evidence)
    assert written | {"code": CONTRACT["code"]} == CONTRACT


def test_every_further_key_is_read_and_written() -> None:
    row = {
        "version": "7.2",
        "handler": "0x10",
        "frame_mode": 32,
        "last_frame": {"rip": "0x1", "cs": "0x8", "rflags": "0x2", "rsp": "0x3", "ss": "0x10", "error_code": "0x4"},
        "saved_rip": "0x1",
        "failed": {"vector": 13, "error_code": "0x33"},
        "unpushed": {"rip": "0x1", "cs": "0x8", "rflags": "0x2"},
        "instead_of": 6,
        "triple_fault": [6, 13, 8],
        "triple_fault_at": "0x7c05",
        "triple_fault_gates": ["0x60", "0xd0", "0x80"],
        "code": [{"address": "0x1", "bytes": "90"}, {"address": "0x9", "bytes": "f1"}],
        "stepped": [{"address": "0x5", "bytes": "9c"}],
        "after": {"rbx": "0x7", "fs_base": "0x9", "rip": "0x1"},
    }
    evidence = evidence_from_json(row)
    assert evidence.stepped == (SteppedOver(5, b"\x9c"),)
    assert evidence.after.registers == Known({"rbx": 7, "fs_base": 9, "rip": 1}, "evidence")
    assert evidence_to_json(evidence) == row


def test_a_triple_fault_need_not_have_a_place() -> None:
    for row in ({"triple_fault": [8]}, {"triple_fault": [8], "triple_fault_at": "0x1"}, {}):
        assert evidence_to_json(evidence_from_json(row)) == row


def test_a_delivery_that_a_triple_fault_ended_names_no_vector() -> None:
    evidence = evidence_from_json({"failed": {}})
    assert evidence.failed == Known(FailedDelivery(None, 0), "evidence")
    assert evidence_to_json(evidence) == {"failed": {}}
    assert evidence_from_json({"failed": {"vector": "np"}}).failed == Known(FailedDelivery(11, 0), "evidence")


def test_registers_that_are_not_in_the_format_are_not_written() -> None:
    evidence = stop(registers={"rbx": 5, "xmm0": 7})
    written = evidence_to_json(evidence)["before"]
    assert isinstance(written, dict)
    assert written["rbx"] == "0x5"
    assert "xmm0" not in written


def test_what_is_unknown_is_not_written() -> None:
    assert evidence_to_json(evidence_from_json({})) == {}
    assert evidence_to_json(evidence_from_json({"after": {}})) == {}


def test_null_and_absent_are_unknown() -> None:
    assert evidence_from_json({"mode": None, "before": None, "code": None, "stepped": None}) == evidence_from_json({})


@pytest.mark.parametrize(("text", "number"), [("0x0", 0), ("0XfF", 255), (7, 7), ("0x00000000000000000001", 1)])
def test_numbers_are_hex_text_or_json_numbers(text: object, number: int) -> None:
    assert evidence_from_json({"handler": text}).handler == Known(number, "evidence")


@pytest.mark.parametrize(("vector", "number"), [("db", 1), ("0xe", 14), (3, 3)])
def test_a_vector_may_be_named(vector: object, number: int) -> None:
    assert evidence_from_json({"vector": vector}).vector == Known(number, "evidence")


BAD: list[tuple[object, str]] = [
    ([], "The evidence has to be an object, not a list."),
    (None, "The evidence has to be an object, not null."),
    ({"dr6": "0x1"}, "a key that is not known: 'dr6'"),
    ({"before": {"r99": "0x1"}}, "\"before\" has a key that is not known: 'r99'"),
    ({"before": 1}, '"before" has to be an object, not a number (1).'),
    ({"after": {"dr6": "ffff"}}, '"after.dr6" has to be a number like "0x1f", not text (\'ffff\').'),
    ({"after": {"dr6": "0x"}}, "has to be a number"),
    ({"after": {"dr6": "0xfffg"}}, "has to be a number"),
    ({"after": {"dr6": "0x1_0"}}, "has to be a number"),
    ({"after": {"dr6": 1.5}}, "not a fraction (1.5)"),
    ({"after": {"dr6": True}}, "not true or false (True)"),
    ({"after": {"dr6": [1]}}, "not a list."),
    ({"after": {"dr6": -1}}, '"after.dr6" has to be from 0 to 0xffffffffffffffff.'),
    ({"after": {"dr6": "0x10000000000000000"}}, '"after.dr6" is wider than 64 bits.'),
    ({"after": {"dr6": 1 << 64}}, "has to be from 0 to 0xffffffffffffffff."),
    ({"after": {"bytes": "9"}}, '"after.bytes" has to be bytes as hex text like "9090f1".'),
    ({"after": {"bytes": 9}}, '"after.bytes" has to be text, not a number (9).'),
    ({"mode": 48}, '"mode" has to be 16, 32 or 64, not a number (48).'),
    ({"mode": "64"}, "\"mode\" has to be 16, 32 or 64, not text ('64')."),
    ({"mode": 64.0}, "not a fraction"),
    ({"cpl": 4}, '"cpl" has to be from 0 to 3, not 4.'),
    ({"vector": 256}, '"vector" has to be from 0 to 255, not 256.'),
    ({"vector": "zz"}, "neither a vector's name"),
    ({"vendor": "via"}, "\"vendor\" has to be one of intel, amd, not text ('via')."),
    ({"action": 1}, '"action" has to be one of step, continue, interrupt, attach, not a number (1).'),
    ({"at_handler": 1}, '"at_handler" has to be true or false, not a number (1).'),
    ({"frame": {"rip": "0x1"}}, '"frame.cs" is missing.'),
    ({"code": {"address": "0x1"}}, '"code.bytes" is missing.'),
    ({"code": [{"bytes": "90"}]}, '"code[0].address" is missing.'),
    ({"breakpoints": {}}, '"breakpoints" has to be a list, not an object.'),
    ({"breakpoints": [{"kind": "read", "address": "0x1"}]}, '"breakpoints[0].kind" has to be one of execute'),
    ({"breakpoints": [{"kind": "io", "address": "0x1", "slot": 4}]}, '"breakpoints[0].slot" has to be from 0 to 3'),
    ({"triple_fault_at": "0x1"}, "triple_fault_at is there, and triple_fault names no vector"),
    ({"triple_fault": [6, 8], "triple_fault_gates": ["0x1"]}, "one for each of the 2 of triple_fault, not 1."),
    ({"stepped": "x"}, '"stepped" has to be a list, not text'),
    ({"reply": "x" * 10, "backend": 1}, '"backend" has to be text'),
    ({"reply": ["x"]}, '"reply" has to be text, not a list.'),
    ({"vendor": "x" * 99}, "not text."),
]


@pytest.mark.parametrize(("data", "words"), BAD)
def test_what_is_wrong_is_said_in_one_sentence(data: object, words: str) -> None:
    with pytest.raises(BadEvidence) as caught:
        evidence_from_json(data)
    text = str(caught.value)
    assert words in text
    assert text.endswith(".")
    assert "\n" not in text


def test_a_breakpoint_without_a_slot_is_written_without_one() -> None:
    row = {"breakpoints": [{"owner": "debugger", "kind": "software", "address": "0x1", "length": 1}]}
    assert evidence_to_json(evidence_from_json(row)) == row


def test_a_breakpoint_needs_only_its_kind_and_address() -> None:
    evidence = evidence_from_json({"breakpoints": [{"kind": "software", "address": "0x1"}]})
    assert evidence.breakpoints == Known((ArmedBreakpoint("debugger", BreakpointKind.SOFTWARE, 1, 1),), "evidence")


def test_the_answer_is_the_contracts() -> None:
    answer = explanation_to_json(explain(event(0xFFFF4FF1, rflags=0x102, old=0xFFFF0FF1)))
    assert list(answer) == ["summary", "causes", "dr6", "contradictions", "unknowns", "advice"]
    assert answer["dr6"] == {
        "guest": {"value": "0xffff4ff1", "set": ["BS"], "stale": ["B0"], "reserved_wrong": []},
        "exit": {"value": None, "provenance": "unknown"},
    }
    stepped = explanation_to_json(explain(stop(dr6=None)))
    assert stepped["dr6"] == {"guest": None, "exit": {"value": "0xffff4ff0", "provenance": "reconstructed"}}
    assert stepped["causes"] == [
        {
            "cause": "single-step",
            "owner": "debugger",
            "class": "trap",
            "confidence": "certain",
            "because": ["a step was asked for", "RIP moved past one instruction"],
            "sources": ["SDM 3B 18.3.1.4"],
        }
    ]


def test_a_trace_leaves_the_sources_out() -> None:
    assert "sources" not in cause_to_json(explain(stop()).causes[0], sources=False)
