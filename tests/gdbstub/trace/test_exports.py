"""Traces in the formats of Tenet, DRcov and Chrome, read back by what those formats say."""

from __future__ import annotations

import json
import struct
from pathlib import Path

from gdbstub.trace import TraceReader
from gdbstub.trace.exports import EXPORTS
from tests.gdbstub.trace.traces import write_all


def exported(tmp_path: Path, form: str) -> bytes:
    path = tmp_path / "t.parquet"
    write_all(path)
    with TraceReader(path) as trace:
        return b"".join(EXPORTS[form](trace))


def test_tenet_has_what_changed_and_the_memory_that_was_used(tmp_path: Path) -> None:
    lines = exported(tmp_path, "tenet").decode().splitlines()
    assert lines[0].startswith("rax=0x0,")
    assert lines[0].endswith("rip=0x100402")
    assert lines[1] == "rip=0x100402"
    assert lines[3] == "rax=0x3,rip=0x1004"
    assert lines[4] == "rax=0x4,rip=0x1005,mw=0x5000:0300000000000000"


def test_drcov_has_each_instruction_in_a_module_that_holds_it(tmp_path: Path) -> None:
    text, _, blocks = exported(tmp_path, "drcov").partition(b" bbs\n")
    assert text.startswith(b"DRCOV VERSION: 2\nDRCOV FLAVOR: dr6\nModule Table: version 2, count 1\n")
    assert text.endswith(b"BB Table: 3")
    assert list(struct.iter_unpack("<IHH", blocks)) == [(0, 1, 0), (0xFF401, 1, 0), (0xFF41B, 1, 0)]


def test_chrome_has_stops_and_events_by_vcpu(tmp_path: Path) -> None:
    events = json.loads(exported(tmp_path, "chrome"))["traceEvents"]
    assert [event["ts"] for event in events] == [0, 1, 2, 5, 6, 7, 8]
    assert events[3]["name"] == "#DB: icebp (guest)"
    assert [event["tid"] for event in events[4:6]] == [-1, 1]
