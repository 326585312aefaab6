"""Evidence and explanations as JSON: the formats of `dr6 explain` (docs/explaining.md).

Reading is strict: a key that is not known, a value of another type or wider than 64 bits is an error of one
sentence that names its place. What is absent, or null, is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from gdbstub.errors import GdbError, RemoteProtocolError
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
from gdbstub.protocol.stops import Stop, parse_stop
from gdbstub.x86.breakpoints import ArmedBreakpoint, BreakpointKind, Owner
from gdbstub.x86.exceptions import Frame, vector
from gdbstub.x86.registers import GENERAL_64, Mode

T = TypeVar("T")
L = TypeVar("L", bound=str)
Json = dict[str, object]
Reader = Callable[[object, str], T]

SOURCE = "evidence"
LIMIT = 1 << 64


class BadEvidence(GdbError):
    """The evidence is not in the format; the text says where and what was expected."""


def _shown(value: object) -> str:
    names = {
        str: "text",
        int: "a number",
        float: "a fraction",
        bool: "true or false",
        list: "a list",
        dict: "an object",
    }
    if value is None:
        return "null"
    text = repr(value)
    kind = names[type(value)]
    return kind if isinstance(value, (list, dict)) or len(text) > 40 else f"{kind} ({text})"


def _number(value: object, where: str) -> int:
    """A number of at most 64 bits: "0x…" text, or a JSON number."""
    number: int
    if isinstance(value, str):
        digits = value[2:]
        if value[:2] not in ("0x", "0X") or not digits or not all(c in "0123456789abcdefABCDEF" for c in digits):
            raise BadEvidence(f'"{where}" has to be a number like "0x1f", not {_shown(value)}.')
        if len(digits.lstrip("0")) > 16:
            raise BadEvidence(f'"{where}" is wider than 64 bits.')
        number = int(digits, 16)
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        raise BadEvidence(f'"{where}" has to be a number like "0x1f", not {_shown(value)}.')
    if not 0 <= number < LIMIT:
        raise BadEvidence(f'"{where}" has to be from 0 to 0xffffffffffffffff.')
    return number


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise BadEvidence(f'"{where}" has to be text, not {_shown(value)}.')
    return value


def parse_reply(text: str) -> Stop | NoStop:
    """A stop reply as the stub sent it, or what else was sent; never an error."""
    try:
        return parse_stop(text.encode("latin-1"))
    except (RemoteProtocolError, UnicodeEncodeError):
        return NoStop(text)


def _reply(value: object, where: str) -> Stop | NoStop:
    return parse_reply(_text(value, where))


def _backend(value: object, where: str) -> str:
    return BACKEND_ALIASES.get(name := _text(value, where), name)


def _flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise BadEvidence(f'"{where}" has to be true or false, not {_shown(value)}.')
    return value


def _bytes(value: object, where: str) -> bytes:
    text = _text(value, where)
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise BadEvidence(f'"{where}" has to be bytes as hex text like "9090f1".') from None


def _one_of(*allowed: L) -> Reader[L]:
    def read(value: object, where: str) -> L:
        for choice in allowed:
            if value == choice and isinstance(value, str):
                return choice
        raise BadEvidence(f'"{where}" has to be one of {", ".join(allowed)}, not {_shown(value)}.')

    return read


def _small(low: int, high: int) -> Reader[int]:
    def read(value: object, where: str) -> int:
        number = _number(value, where)
        if not low <= number <= high:
            raise BadEvidence(f'"{where}" has to be from {low} to {high}, not {number}.')
        return number

    return read


def _mode(value: object, where: str) -> Mode:
    if value in (16, 32, 64) and not isinstance(value, (bool, float)):
        return value
    raise BadEvidence(f'"{where}" has to be 16, 32 or 64, not {_shown(value)}.')


def _vector(value: object, where: str) -> int:
    if isinstance(value, str) and not value.lower().startswith("0x"):
        try:
            return vector(value).number
        except ValueError as error:
            raise BadEvidence(f'"{where}": {error}') from None
    return _small(0, 255)(value, where)


def _object(value: object, where: str, keys: Mapping[str, object]) -> Json:
    if not isinstance(value, dict):
        raise BadEvidence(f"{where} has to be an object, not {_shown(value)}.")
    for key in value:
        if key not in keys:
            raise BadEvidence(f"{where} has a key that is not known: {key!r}; known are {', '.join(keys)}.")
    return value


def _list(value: object, where: str) -> list[object]:
    if not isinstance(value, list):
        raise BadEvidence(f'"{where}" has to be a list, not {_shown(value)}.')
    return value


def _fact(data: Json, key: str, read: Reader[T], where: str = "") -> Fact[T]:
    value = data.get(key)
    return ABSENT if value is None else Known(read(value, f"{where}{key}"), SOURCE)


def _needed(data: Json, key: str, read: Reader[T], where: str) -> T:
    value = data.get(key)
    if value is None:
        raise BadEvidence(f'"{where}{key}" is missing.')
    return read(value, f"{where}{key}")


def _optional(data: Json, key: str, read: Reader[T], where: str) -> T | None:
    value = data.get(key)
    return None if value is None else read(value, f"{where}{key}")


MOMENT_NUMBERS = (
    *("rip", "rflags", "rsp", "rcx", "cs", "cs_base", "tr", "cr2", "cr4", "debugctl"),
    *("dr0", "dr1", "dr2", "dr3", "dr6", "dr7"),
)
SEGMENT_BASES = ("cs_base", "ss_base", "ds_base", "es_base", "fs_base", "gs_base")
REGISTERS = tuple(dict.fromkeys((*GENERAL_64, "rip", "rflags", *SEGMENT_BASES, "ss", "ds", "es")))
MOMENT_KEYS = dict.fromkeys((*MOMENT_NUMBERS, "bytes", *REGISTERS))
FRAME_OPTIONS = ("rsp", "ss", "error_code", "size", "cs_base", "ss_base")
FRAME_KEYS = dict.fromkeys(("rip", "cs", "rflags", *FRAME_OPTIONS))
CODE_KEYS = dict.fromkeys(("address", "bytes"))
ARMED_KEYS = dict.fromkeys(("owner", "kind", "address", "length", "slot"))


def _moment(data: Json, key: str) -> CpuFacts:
    if data.get(key) is None:
        return NOTHING_KNOWN
    fields = _object(data[key], f'"{key}"', MOMENT_KEYS)
    where = f"{key}."
    numbers = {name: _fact(fields, name, _number, where) for name in MOMENT_NUMBERS}
    given = {name: _number(fields[name], f"{where}{name}") for name in REGISTERS if fields.get(name) is not None}
    general = any(name in given for name in REGISTERS if name not in MOMENT_NUMBERS)
    registers: Fact[Mapping[str, int]] = Known(given, SOURCE) if general else ABSENT
    return CpuFacts(**numbers, bytes=_fact(fields, "bytes", _bytes, where), registers=registers)


def _frame(value: object, where: str) -> Frame:
    fields = _object(value, f'"{where}"', FRAME_KEYS)
    at = f"{where}."
    return Frame(
        _needed(fields, "rip", _number, at),
        _needed(fields, "cs", _number, at),
        _needed(fields, "rflags", _number, at),
        *(_optional(fields, name, _number, at) for name in FRAME_OPTIONS),
    )


def _code(value: object, where: str) -> CodeBytes:
    fields = _object(value, f'"{where}"', CODE_KEYS)
    return CodeBytes(_needed(fields, "address", _number, f"{where}."), _needed(fields, "bytes", _bytes, f"{where}."))


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
    fields = _object(value, f'"{where}"', ARMED_KEYS)
    at = f"{where}."
    return ArmedBreakpoint(
        _optional(fields, "owner", _one_of(*OWNERS), at) or "debugger",
        _needed(fields, "kind", _one_of(*KINDS), at),
        _needed(fields, "address", _number, at),
        1 if fields.get("length") is None else _number(fields["length"], f"{at}length"),
        _optional(fields, "slot", _small(0, 3), at),
    )


def _breakpoints(value: object, where: str) -> tuple[ArmedBreakpoint, ...]:
    return tuple(_armed(row, f"{where}[{n}]") for n, row in enumerate(_list(value, where)))


def _stepped(data: Json) -> tuple[SteppedOver, ...]:
    rows = [] if data.get("stepped") is None else _list(data["stepped"], "stepped")
    return tuple(SteppedOver(*_code(row, f"stepped[{n}]")) for n, row in enumerate(rows))


def _action(value: object, where: str) -> Action:
    return Action(_one_of("step", "continue", "interrupt", "attach")(value, where))


TOP_KEYS = dict.fromkeys(
    (
        *("backend", "version", "vendor", "guest", "reply", "action", "mode", "cpl", "vector", "at_handler", "handler"),
        *("before", "after", "frame", "frame_mode", "last_frame", "saved_rip", "code", "breakpoints", "exit_dr6"),
        "stepped",
    )
)


def evidence_from_json(data: object, abilities: Mapping[str, Abilities] = NONE_KNOWN) -> Evidence:
    """A parsed JSON value in the format; `BadEvidence` with one sentence where it is not. ``abilities`` are what is
    known of each backend, by its name (`gdbstub.backends.ABILITIES`); of one that is not in it nothing is."""
    top = _object(data, "The evidence", TOP_KEYS)
    backend = _fact(top, "backend", _backend)
    platform = Platform(
        backend,
        _fact(top, "version", _text),
        _fact(top, "vendor", _one_of("intel", "amd")),
        _fact(top, "guest", _one_of("hvm", "pv")),
        UNKNOWN if isinstance(backend, Unknown) else abilities.get(backend.value, UNKNOWN),
    )
    return Evidence(
        platform=platform,
        reply=_fact(top, "reply", _reply),
        action=_fact(top, "action", _action),
        mode=_fact(top, "mode", _mode),
        cpl=_fact(top, "cpl", _small(0, 3)),
        before=_moment(top, "before"),
        after=_moment(top, "after"),
        vector=_fact(top, "vector", _vector),
        at_handler=_fact(top, "at_handler", _flag),
        handler=_fact(top, "handler", _number),
        frame=_fact(top, "frame", _frame),
        frame_mode=_fact(top, "frame_mode", _mode),
        last_frame=_fact(top, "last_frame", _frame),
        saved_rip=_fact(top, "saved_rip", _number),
        code=_codes(top),
        breakpoints=_fact(top, "breakpoints", _breakpoints),
        exit_dr6=_fact(top, "exit_dr6", _number),
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


def _frame_json(frame: Frame) -> Json:
    return {key: hex(value) for key, value in frame._asdict().items() if value is not None}


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
    _put(row, "backend", platform.backend, _same)
    _put(row, "version", platform.version, _same)
    _put(row, "vendor", platform.vendor, _same)
    _put(row, "guest", platform.guest, _same)
    _put(row, "reply", evidence.reply, lambda reply: reply.raw)
    _put(row, "action", evidence.action, lambda action: action.value)
    for name in ("mode", "cpl", "vector", "at_handler", "frame_mode"):
        _put(row, name, getattr(evidence, name), _same)
    for name in ("handler", "saved_rip", "exit_dr6"):
        _put(row, name, getattr(evidence, name), hex)
    for name in ("before", "after"):
        moment = _moment_json(getattr(evidence, name))
        if moment:
            row[name] = moment
    _put(row, "frame", evidence.frame, _frame_json)
    _put(row, "last_frame", evidence.last_frame, _frame_json)
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
