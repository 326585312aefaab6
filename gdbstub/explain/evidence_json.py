"""Evidence and explanations as JSON: the formats of `dr6 explain` (docs/explaining.md).

Reading is strict: a key that is not known, a value of another type or wider than 64 bits is an error of one
sentence that names its place. What is absent, or null, is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from gdbstub.errors import RemoteProtocolError
from gdbstub.explain import delivery_json as delivery
from gdbstub.explain import json_values as read
from gdbstub.explain.abilities import NONE_KNOWN, UNKNOWN, Abilities
from gdbstub.explain.evidence import (
    ABSENT,
    BACKEND_ALIASES,
    NOTHING_KNOWN,
    Action,
    CodeBytes,
    CpuFacts,
    Evidence,
    Fact,
    Known,
    NoStop,
    Platform,
    SteppedOver,
    Unknown,
)
from gdbstub.explain.explanation import Cause, Explanation
from gdbstub.explain.json_values import SOURCE, BadEvidence, Json
from gdbstub.protocol.stops import Stop, parse_stop
from gdbstub.x86.breakpoints import ArmedBreakpoint, BreakpointKind, Owner
from gdbstub.x86.registers import GENERAL_64, Mode

T = TypeVar("T")


def parse_reply(text: str) -> Stop | NoStop:
    """A stop reply as the stub sent it, or what else was sent; never an error."""
    try:
        return parse_stop(text.encode("latin-1"))
    except (RemoteProtocolError, UnicodeEncodeError):
        return NoStop(text)


def _reply(value: object, where: str) -> Stop | NoStop:
    return parse_reply(read.text(value, where))


def _backend(value: object, where: str) -> str:
    return BACKEND_ALIASES.get(name := read.text(value, where), name)


def _mode(value: object, where: str) -> Mode:
    if value in (16, 32, 64) and not isinstance(value, (bool, float)):
        return value
    raise BadEvidence(f'"{where}" has to be 16, 32 or 64, not {read.shown(value)}.')


MOMENT_NUMBERS = (
    *("rip", "rflags", "rsp", "rcx", "cs", "cs_base", "tr", "cr2", "cr4", "debugctl"),
    *("dr0", "dr1", "dr2", "dr3", "dr6", "dr7"),
)
SEGMENT_BASES = ("cs_base", "ss_base", "ds_base", "es_base", "fs_base", "gs_base")
REGISTERS = tuple(dict.fromkeys((*GENERAL_64, "rip", "rflags", *SEGMENT_BASES, "ss", "ds", "es")))
MOMENT_KEYS = dict.fromkeys((*MOMENT_NUMBERS, "bytes", *REGISTERS))
CODE_KEYS = dict.fromkeys(("address", "bytes"))
ARMED_KEYS = dict.fromkeys(("owner", "kind", "address", "length", "slot"))


def _moment(data: Json, key: str) -> CpuFacts:
    if data.get(key) is None:
        return NOTHING_KNOWN
    fields = read.fields_of(data[key], f'"{key}"', MOMENT_KEYS)
    where = f"{key}."
    numbers = {name: read.fact(fields, name, read.number, where) for name in MOMENT_NUMBERS}
    given = {name: read.number(fields[name], f"{where}{name}") for name in REGISTERS if fields.get(name) is not None}
    general = any(name in given for name in REGISTERS if name not in MOMENT_NUMBERS)
    registers: Fact[Mapping[str, int]] = Known(given, SOURCE) if general else ABSENT
    return CpuFacts(**numbers, bytes=read.fact(fields, "bytes", read.hex_bytes, where), registers=registers)


def _code(value: object, where: str) -> CodeBytes:
    fields = read.fields_of(value, f'"{where}"', CODE_KEYS)
    at = f"{where}."
    return CodeBytes(read.needed(fields, "address", read.number, at), read.needed(fields, "bytes", read.hex_bytes, at))


def _codes(data: Json) -> tuple[CodeBytes, ...]:
    value = data.get("code")
    if value is None:
        return ()
    if isinstance(value, list):
        return tuple(_code(row, f"code[{n}]") for n, row in enumerate(value))
    return (_code(value, "code"),)


OWNERS: tuple[Owner, ...] = ("debugger", "debugger-leak", "guest", "hypervisor", "unknown")
KINDS = (
    BreakpointKind.EXECUTE,
    BreakpointKind.WRITE,
    BreakpointKind.ACCESS,
    BreakpointKind.IO,
    BreakpointKind.SOFTWARE,
)


def _armed(value: object, where: str) -> ArmedBreakpoint:
    fields = read.fields_of(value, f'"{where}"', ARMED_KEYS)
    at = f"{where}."
    return ArmedBreakpoint(
        read.optional(fields, "owner", read.one_of(*OWNERS), at) or "debugger",
        read.needed(fields, "kind", read.one_of(*KINDS), at),
        read.needed(fields, "address", read.number, at),
        1 if fields.get("length") is None else read.number(fields["length"], f"{at}length"),
        read.optional(fields, "slot", read.small(0, 3), at),
    )


def _breakpoints(value: object, where: str) -> tuple[ArmedBreakpoint, ...]:
    return tuple(_armed(row, f"{where}[{n}]") for n, row in enumerate(read.items(value, where)))


def _stepped(data: Json) -> tuple[SteppedOver, ...]:
    rows = [] if data.get("stepped") is None else read.items(data["stepped"], "stepped")
    return tuple(SteppedOver(*_code(row, f"stepped[{n}]")) for n, row in enumerate(rows))


def _action(value: object, where: str) -> Action:
    return Action(read.one_of("step", "continue", "interrupt", "attach")(value, where))


TOP_KEYS = dict.fromkeys(
    (
        *("backend", "version", "vendor", "guest", "reply", "action", "mode", "cpl", "vector", "at_handler", "handler"),
        *("before", "after", "frame", "frame_mode", "last_frame", "saved_rip", "code", "breakpoints"),
        *("failed", "unpushed", "instead_of", "triple_fault", "triple_fault_at", "triple_fault_gates"),
        *("exit_dr6", "exit_dr7", "exit_event", "stepped"),
    )
)


def evidence_from_json(data: object, abilities: Mapping[str, Abilities] = NONE_KNOWN) -> Evidence:
    """A parsed JSON value in the format; `BadEvidence` with one sentence where it is not. ``abilities`` are what is
    known of each backend, by its name (`gdbstub.backends.ABILITIES`); of one that is not in it nothing is."""
    top = read.fields_of(data, "The evidence", TOP_KEYS)
    backend = read.fact(top, "backend", _backend)
    platform = Platform(
        backend,
        read.fact(top, "version", read.text),
        read.fact(top, "vendor", read.one_of("intel", "amd")),
        read.fact(top, "guest", read.one_of("hvm", "pv")),
        UNKNOWN if isinstance(backend, Unknown) else abilities.get(backend.value, UNKNOWN),
    )
    return Evidence(
        platform=platform,
        reply=read.fact(top, "reply", _reply),
        action=read.fact(top, "action", _action),
        mode=read.fact(top, "mode", _mode),
        cpl=read.fact(top, "cpl", read.small(0, 3)),
        before=_moment(top, "before"),
        after=_moment(top, "after"),
        vector=read.fact(top, "vector", delivery.vector_of),
        at_handler=read.fact(top, "at_handler", read.flag),
        handler=read.fact(top, "handler", read.number),
        frame=read.fact(top, "frame", delivery.frame),
        frame_mode=read.fact(top, "frame_mode", _mode),
        last_frame=read.fact(top, "last_frame", delivery.frame),
        saved_rip=read.fact(top, "saved_rip", read.number),
        failed=read.fact(top, "failed", delivery.failed),
        unpushed=read.fact(top, "unpushed", delivery.frame),
        instead_of=read.fact(top, "instead_of", delivery.vector_of),
        triple_fault=delivery.triple_fault(top),
        code=_codes(top),
        breakpoints=read.fact(top, "breakpoints", _breakpoints),
        exit_dr6=read.fact(top, "exit_dr6", read.number),
        exit_dr7=read.fact(top, "exit_dr7", read.number),
        exit_event=read.fact(top, "exit_event", read.one_of("db", "bp", "int1", "none")),
        stepped=_stepped(top),
    )


def _put(into: Json, key: str, fact: Fact[T], write: Callable[[T], object]) -> None:
    if not isinstance(fact, Unknown):
        into[key] = write(fact.value)


def _same(value: object) -> object:
    return value


def _moment_json(moment: CpuFacts) -> Json:
    row: Json = {}
    for name in MOMENT_NUMBERS:
        _put(row, name, getattr(moment, name), hex)
    _put(row, "bytes", moment.bytes, bytes.hex)
    if not isinstance(moment.registers, Unknown):
        for name, value in moment.registers.value.items():
            if name in REGISTERS:
                row.setdefault(name, hex(value))
    return row


def _code_json(row: CodeBytes | SteppedOver) -> Json:
    return {"address": hex(row.address), "bytes": row.bytes.hex()}


def _armed_json(rows: tuple[ArmedBreakpoint, ...]) -> list[Json]:
    found: list[Json] = []
    for owner, kind, address, length, slot in rows:
        row: Json = {"owner": owner, "kind": kind, "address": hex(address), "length": length}
        if slot is not None:
            row["slot"] = slot
        found.append(row)
    return found


def evidence_to_json(evidence: Evidence) -> Json:
    """The format; sources and the reasons of unknowns are not in it."""
    row: Json = {}
    platform = evidence.platform
    for name in ("backend", "version", "vendor", "guest"):
        _put(row, name, getattr(platform, name), _same)
    _put(row, "reply", evidence.reply, lambda reply: reply.raw)
    _put(row, "action", evidence.action, lambda action: action.value)
    for name in ("mode", "cpl", "vector", "at_handler", "frame_mode", "exit_event"):
        _put(row, name, getattr(evidence, name), _same)
    for name in ("handler", "saved_rip", "exit_dr6", "exit_dr7"):
        _put(row, name, getattr(evidence, name), hex)
    for name in ("before", "after"):
        moment = _moment_json(getattr(evidence, name))
        if moment:
            row[name] = moment
    _put(row, "frame", evidence.frame, delivery.frame_json)
    _put(row, "last_frame", evidence.last_frame, delivery.frame_json)
    _put(row, "failed", evidence.failed, delivery.failed_json)
    _put(row, "unpushed", evidence.unpushed, delivery.frame_json)
    _put(row, "instead_of", evidence.instead_of, _same)
    row.update(delivery.triple_fault_json(evidence.triple_fault))
    if evidence.code:
        row["code"] = [_code_json(piece) for piece in evidence.code]
    _put(row, "breakpoints", evidence.breakpoints, _armed_json)
    if evidence.stepped:
        row["stepped"] = [_code_json(piece) for piece in evidence.stepped]
    return row


def cause_to_json(cause: Cause, *, sources: bool) -> Json:
    """One row of ``causes``; a trace leaves the sources out."""
    row: Json = {
        "cause": cause.cause,
        "owner": cause.owner,
        "class": cause.klass,
        "confidence": cause.confidence,
        "because": list(cause.because),
    }
    if sources:
        row["sources"] = list(cause.sources)
    return row


def explanation_to_json(explanation: Explanation) -> Json:
    """The answer of `dr6 explain --json`. ``guest`` is null where the guest's DR6 is not known."""
    guest, exit_dr6 = explanation.guest_dr6, explanation.exit_dr6
    seen = None
    if guest is not None:
        seen = {
            "value": hex(guest.value),
            "set": list(guest.set),
            "stale": list(guest.stale),
            "reserved_wrong": list(guest.reserved_wrong),
        }
    value = None if exit_dr6.value is None else hex(exit_dr6.value)
    return {
        "summary": explanation.summary,
        "causes": [cause_to_json(cause, sources=True) for cause in explanation.causes],
        "dr6": {"guest": seen, "exit": {"value": value, "provenance": exit_dr6.provenance}},
        "contradictions": list(explanation.contradictions),
        "unknowns": list(explanation.unknowns),
        "advice": list(explanation.advice),
    }
