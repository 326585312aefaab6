"""Traces for tests: written by the real writers, in any format."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

import numpy as np

from gdbstub.protocol.stops import Exited
from gdbstub.remote.capabilities import BackendInfo
from gdbstub.trace import Accesses, Columns, TraceWriter, format_of, open_writer
from tests.fakes.records import event_record, state, step_record

BACKEND = BackendInfo("qemu-tcg", "7.2.22", "amd", "qemu-tcg")
STARTED = datetime.datetime(2026, 11, 21, 10, tzinfo=datetime.UTC)


def head(writer: TraceWriter) -> None:
    writer.header("tcp:127.0.0.1:1234", BACKEND, STARTED, "dr6 0.2.0")


def batch(first: int, count: int, insn: int = 0, cpu: int | None = 0) -> Columns:
    """``count`` instructions, RAX counting up from ``first``; the last of them writes 8 bytes at 0x5000."""
    numbers = np.arange(first, first + count, dtype=np.uint64)
    values = {
        "pc": numbers + np.uint64(0x1001),
        "insn": np.full(count, insn, np.uint32),
        "mode": np.full(count, 64, np.uint8),
        "rax": numbers,
        "dr6": np.full(count, 0xFFFF0FF0, np.uint64),
    }
    accesses = Accesses(
        np.array([count - 1], np.uint32),
        np.array([0x5000], np.uint64),
        np.array([8], np.uint8),
        np.array([1], np.uint8),
        np.array([first], np.uint64),
    )
    return Columns(cpu, first, count, values, "log", accesses)


def write_all(path: Path) -> None:
    """Every kind of row, and rows whose keys differ."""
    writer = open_writer(format_of(str(path)), str(path), lambda record: "")
    head(writer)
    for number in range(3):
        writer.record(step_record(number))
    writer.columns(batch(3, 2, writer.define(0x1000, b"\x90\xf4", 64)))
    writer.gap(5, "a reason")
    writer.record(event_record(5))
    seen = event_record(6)
    assert seen.event is not None
    writer.record(replace(seen, cpu=-1, event=replace(seen.event, handler=None, frame=None, seen_by="log")))
    writer.record(replace(step_record(7), state=state(n=1, made_up=2**64 - 1), retried=1, cpu=1))
    writer.record(replace(step_record(8), stop=Exited(0, None, "W00")))
    writer.end("shutdown", 0.5, taken=3)
    writer.close()
