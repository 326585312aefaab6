"""How `dr6 trace` says that it has ended, or that it never began."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from frontend.cli.exit_codes import NOT_BEGUN
from frontend.cli.parser import main
from frontend.cli.trace_end import TraceEnd
from gdbstub.trace import open_writer
from gdbstub.trace.plan import Reason
from tests.fakes.records import event_record, step_record
from tests.gdbstub.trace.traces import batch, head


@pytest.mark.parametrize(
    ("stops", "events", "insns", "reason", "line"),
    [
        (0, 5, 0, "seconds", "5 events, ended: seconds"),
        (1, 1, 0, "shutdown", "1 stop, 1 event, ended: shutdown"),
        (3, 0, 1, "steps", "3 stops, 1 instruction, ended: steps"),
        (0, 0, 2, "lost", "2 instructions, ended: lost"),
        (0, 0, 0, "interrupt", "0 rows, ended: interrupt"),
        (0, 0, 0, "error", None),
        (2, 0, 0, None, None),
    ],
)
def test_what_is_in_the_file_and_why_it_ended_are_one_line(
    tmp_path: Path, stops: int, events: int, insns: int, reason: Reason | None, line: str | None
) -> None:
    writer = open_writer("jsonl", str(tmp_path / "t.jsonl"), lambda record: "")
    head(writer)
    for number in range(stops):
        writer.record(step_record(number))
    for number in range(events):
        writer.record(event_record(number))
    if insns:
        writer.columns(batch(0, insns, writer.define(0x1000, b"\x90", 64)))
    writer.close()
    assert TraceEnd(began=True, reason=reason).line(writer) == line


class Interrupting:
    """A Ctrl-C comes while the trace's module is looked for."""

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        if name == "frontend.cli.trace":
            raise KeyboardInterrupt


def test_ctrl_c_while_dr6_is_loaded_says_that_nothing_was_recorded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import frontend.cli

    monkeypatch.delitem(sys.modules, "frontend.cli.trace", raising=False)
    monkeypatch.delattr(frontend.cli, "trace", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupting(), *sys.meta_path])
    assert main(["trace", ":1"]) == 130
    assert capsys.readouterr() == ("", f"{NOT_BEGUN}\n")
