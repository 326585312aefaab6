"""`StopRecord` → one JSON line of a trace, to the letter of the format (docs/formats.md).

Addresses and registers are ``"0x…"`` strings; what is unknown is null (``pc`` too, once the guest is gone).
The lines are put together from templates rather than by `json.dumps`, because a trace takes some thousands
of them a second; `row` is the same line as a dict, so there is one truth. An ``event`` row carries the keys
of a ``stop`` row as well.
"""

from __future__ import annotations

import datetime
import json
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quote
from typing import Any

from gdbstub.debugger.record import StopRecord
from gdbstub.explain.explanation import Cause
from gdbstub.remote.capabilities import BackendInfo
from gdbstub.x86.cpu_state import DebugState
from gdbstub.x86.exceptions import Frame
from gdbstub.x86.instructions import Instruction

SCHEMA = 1
"""Raised when a key changes its meaning or goes; added keys do not raise it."""

Row = dict[str, Any]  # JSON of a known shape; checked against docs/formats.md by its tests


def hexadecimal(value: int | None) -> str:
    """``"0x…"`` with its quotes, or ``null``."""
    return "null" if value is None else f'"{value:#x}"'


def header_line(
    target: str, backend: BackendInfo, started: datetime.datetime, tool: str, asked: Row | None = None
) -> str:
    """Line 1 of a trace. ``started`` is aware; it is written in UTC. ``tool`` is ``dr6 VERSION``. ``asked`` is what was
    to be traced, as the user said it."""
    utc = started.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    row = {
        "kind": "header",
        "schema": SCHEMA,
        "tool": tool,
        "target": target,
        "backend": {
            "name": backend.name,
            "version": backend.version,
            "vendor": backend.vendor,
            "profile": backend.profile,
        },
        "started": utc,
    }
    return json.dumps(row if asked is None else row | {"asked": asked}, separators=(",", ":"))


def end_line(reason: str, stops: int, events: int, seconds: float, taken: int | None = None, insns: int = 0) -> str:
    """The last line of a trace; a file without it was cut off. ``stops``, ``events`` and ``insns`` count the rows;
    ``taken`` is how many exceptions of the caught vectors the guest got, where a witness counted them."""
    missed = None if taken is None else taken - events
    row: Row = {"kind": "end", "reason": reason, "stops": stops, "events": events, "seconds": round(seconds, 6)}
    if insns:
        row["insns"] = insns
    return json.dumps(row | {"taken": taken, "seen": events, "missed": missed}, separators=(",", ":"))


def gap_line(number: int, why: str) -> str:
    """From row ``number`` on events may be missing, and why."""
    return json.dumps({"kind": "gap", "from": number, "why": why}, separators=(",", ":"))


def _exit_source(record: StopRecord) -> str:
    source = record.exit_source
    return "" if source is None else f',"source":{quote(source)}'


def line(record: StopRecord) -> str:
    """The record as one line of JSON without its newline: ``event`` where a vector was caught."""
    state = record.state
    explanation = record.explanation
    event = record.event
    exit_dr6 = explanation.exit_dr6
    cpu = "null" if record.cpu < 0 else record.cpu  # of several vCPUs, a log does not say which
    start = (
        f'{{"kind":"stop","n":{record.number},"cpu":{cpu},'
        if event is None
        else f'{{"kind":"event","n":{record.number},"cpu":{cpu},"vector":{event.vector},'
        f'"handler":{hexadecimal(event.handler)},"frame":{_frame(event.frame)},"seen_by":"{event.seen_by}",'
    )
    retried = f'"retried":{record.retried},' if record.retried else ""
    pc, registers = f'"{state.pc:#x}"', state.registers
    if record.ended:  # nothing is behind such a record that could have been read
        pc, registers = "null", {}
    elif event is not None and event.handler is None:  # the registers are those in front of the delivery
        pc = "null"
    return (
        f'{start}"action":"{record.action.value}","reply":{quote(record.stop.raw)},{retried}"pc":{pc},'
        f'"mode":{state.mode},"insn":{_instruction(explanation.instruction)},'
        f'"regs":{_registers(registers)},"dr":{_debug(state.debug)},'
        f'"exit_dr6":{{"value":{hexadecimal(exit_dr6.value)},"provenance":"{exit_dr6.provenance}"'
        f"{_exit_source(record)}}},"
        f'"causes":{_causes(explanation.causes)},"contradictions":{_texts(explanation.contradictions)},'
        f'"unknowns":{_texts(explanation.unknowns)},"summary":{quote(explanation.summary)}}}'
    )


def json_line(row: Row) -> str:
    """A row as it stands in a file, without its newline."""
    return json.dumps(row, separators=(",", ":"))


def row(record: StopRecord) -> Row:
    """`line` as a dict."""
    parsed: Row = json.loads(line(record))
    return parsed


def _instruction(instruction: Instruction | None) -> str:
    if instruction is None:
        return "null"
    address, code, text, _ = instruction
    return f'{{"address":"{address:#x}","bytes":"{code.hex()}","text":{quote(text)}}}'


@lru_cache(maxsize=64)  # one entry for each register set seen: 16, 32 and 64 bit of a few backends
def _register_template(names: tuple[str, ...]) -> str:
    return "{" + ",".join(f'{quote(name).replace("%", "%%")}:"0x%x"' for name in names) + "}"


def _registers(registers: dict[str, int]) -> str:
    return _register_template(tuple(registers)) % tuple(registers.values())


@lru_cache(maxsize=1024)  # debug registers seldom change from one stop to the next
def _debug(debug: DebugState) -> str:
    values = ",".join(
        f'"{name}":{hexadecimal(value)}'
        for name, value in (
            ("dr0", debug.dr0),
            ("dr1", debug.dr1),
            ("dr2", debug.dr2),
            ("dr3", debug.dr3),
            ("dr6", debug.dr6),
            ("dr7", debug.dr7),
        )
    )
    return f'{{{values},"source":"{debug.source}"}}'


def _frame(frame: Frame | None) -> str:
    if frame is None:
        return "null"
    pairs = zip(frame._fields, frame, strict=True)
    return "{" + ",".join(f'"{name}":"{value:#x}"' for name, value in pairs if value is not None) + "}"


@lru_cache(maxsize=4096)  # in a loop the same reasons come again and again
def _causes(causes: tuple[Cause, ...]) -> str:
    return "[" + ",".join(map(_cause, causes)) + "]"


def _cause(cause: Cause) -> str:
    return (
        f'{{"cause":"{cause.cause}","owner":"{cause.owner}","class":"{cause.klass}",'
        f'"confidence":"{cause.confidence}","because":{_texts(cause.because)}}}'
    )


def _texts(texts: tuple[str, ...]) -> str:
    return "[" + ",".join(map(quote, texts)) + "]"
