"""Rows hold what the format promises, key by key and in its order."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from gdbstub.debugger.record import CaughtEvent
from gdbstub.explain.explanation import ExitDr6
from gdbstub.protocol.stops import Exited, Stopped
from gdbstub.remote.capabilities import BackendInfo
from gdbstub.trace import end_line, gap_line, header_line, line, row
from gdbstub.x86.cpu_state import DebugState
from tests.fakes.records import event_record, state, step_record


def test_a_header_names_tool_target_and_backend_in_utc() -> None:
    started = datetime.datetime(2026, 11, 21, 12, 0, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
    backend = BackendInfo("qemu-tcg", "7.2.22", "amd", "qemu-tcg")
    assert header_line("tcp:127.0.0.1:1234", backend, started, "dr6 0.1.0") == (
        '{"kind":"header","schema":1,"tool":"dr6 0.1.0","target":"tcp:127.0.0.1:1234","backend":{"name":'
        '"qemu-tcg","version":"7.2.22","vendor":"amd","profile":"qemu-tcg"},"started":"2026-11-21T10:00:00Z"}'
    )
    assert header_line("x", backend, started, "dr6", {"engine": "log"}).endswith(',"asked":{"engine":"log"}}')


def test_an_end_row_counts_and_gives_the_reason() -> None:
    assert end_line("steps", 1000, 3, 0.41) == (
        '{"kind":"end","reason":"steps","stops":1000,"events":3,"seconds":0.41,"taken":null,"seen":3,"missed":null}'
    )


def test_what_a_witness_counted_says_what_was_missed() -> None:
    assert end_line("shutdown", 1, 38, 1.0, taken=40).endswith('"taken":40,"seen":38,"missed":2}')
    assert gap_line(7, 'a "look"') == '{"kind":"gap","from":7,"why":"a \\"look\\""}'


def test_an_event_of_the_log_has_no_handler_and_may_have_no_vcpu() -> None:
    record = event_record(3)
    assert record.event is not None
    parsed = row(replace(record, cpu=-1, event=replace(record.event, handler=None, seen_by="log")))
    assert (parsed["handler"], parsed["pc"], parsed["cpu"], parsed["seen_by"]) == (None, None, None, "log")
    assert parsed["frame"] == row(record)["frame"]


def test_a_stop_row_is_the_record_to_the_letter() -> None:
    parsed = row(step_record())
    registers = parsed.pop("regs")
    assert list(registers) == list(state().registers)
    assert registers["rip"] == "0x100402"
    assert registers["rax"] == "0x0"
    assert parsed == {
        "kind": "stop",
        "n": 0,
        "cpu": 0,
        "action": "step",
        "reply": "T05thread:p01.01;",
        "pc": "0x100402",
        "mode": 64,
        "insn": {"address": "0x100401", "bytes": "90", "text": "nop"},
        "dr": {
            "dr0": "0x0",
            "dr1": "0x0",
            "dr2": "0x0",
            "dr3": "0x0",
            "dr6": "0xffff0ff0",
            "dr7": "0x400",
            "source": "monitor",
        },
        "exit_dr6": {"value": "0xffff4ff0", "provenance": "reconstructed"},
        "causes": [
            {
                "cause": "single-step",
                "owner": "debugger",
                "class": "trap",
                "confidence": "certain",
                "because": ["a step was asked for", "RIP moved past one instruction"],
            }
        ],
        "contradictions": [],
        "unknowns": [],
        "summary": "single-step by the debugger over nop",
    }


def test_an_event_row_has_vector_handler_and_frame() -> None:
    parsed = row(event_record())
    assert list(parsed)[:6] == ["kind", "n", "cpu", "vector", "handler", "frame"]
    assert (parsed["kind"], parsed["vector"], parsed["handler"]) == ("event", 1, "0x100149")
    assert parsed["frame"] == {
        "rip": "0x10041c",
        "cs": "0x8",
        "rflags": "0x10002",
        "rsp": "0x200000",
        "ss": "0x10",
    }
    assert parsed["insn"] == {"address": "0x10041b", "bytes": "f1", "text": "int1"}
    assert parsed["contradictions"] == ["DR6.B0 is set but DR7 does not enable slot 0"]


def test_what_is_unknown_is_null_and_never_zero() -> None:
    record = step_record()
    unknown = replace(
        record,
        state=replace(record.state, debug=DebugState()),
        explanation=replace(record.explanation, instruction=None, exit_dr6=ExitDr6(None, "unknown")),
        event=CaughtEvent(1, 0x1000, None),
    )
    parsed = row(unknown)
    assert set(parsed["dr"].values()) == {None, "unknown"}
    assert parsed["exit_dr6"] == {"value": None, "provenance": "unknown"}
    assert parsed["insn"] is None
    assert parsed["frame"] is None


def test_a_guest_that_is_gone_has_no_pc_and_no_registers() -> None:
    parsed = row(replace(step_record(), stop=Exited(0)))
    assert parsed["pc"] is None
    assert parsed["regs"] == {}


def test_text_of_the_stub_cannot_break_a_line() -> None:
    record = replace(step_record(), stop=Stopped(5, raw='T05"\n\x1b[2J\\\ud800'))
    assert "\n" not in line(record)
    assert "\x1b" not in line(record)
    assert row(record)["reply"] == 'T05"\n\x1b[2J\\\ud800'


@pytest.mark.slow
def test_a_row_is_written_faster_than_json_would_write_it() -> None:
    """Half of its time on a quiet machine; the best of ten rounds of each in turns, since both slow down together."""
    records = [step_record(n, 0x100000 + n) for n in range(500)]
    assert len(records[0].state.registers) >= 33
    rows = [row(record) for record in records]
    rounds = [(_seconds_for(line, records), _seconds_for(json.dumps, rows)) for _ in range(10)]
    ours, theirs = (min(times) for times in zip(*rounds, strict=True))
    assert ours < theirs


def _seconds_for(write: Callable[[Any], str], values: Sequence[object]) -> float:
    started = time.thread_time()
    for value in values:
        write(value)
    return time.thread_time() - started


def test_each_line_is_compact_json() -> None:
    for text in (line(step_record()), line(event_record())):
        assert json.dumps(json.loads(text), separators=(",", ":")) == text
