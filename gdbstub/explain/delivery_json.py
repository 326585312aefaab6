"""Vectors, exception frames, and deliveries that failed, as JSON: a part of `evidence_json`."""

from __future__ import annotations

from gdbstub.explain import json_values as read
from gdbstub.explain.evidence import Fact, Known, Unknown
from gdbstub.explain.json_values import BadEvidence, Json
from gdbstub.x86.exceptions import FailedDelivery, Frame, TripleFault, vector

FRAME_OPTIONS = ("rsp", "ss", "error_code", "size", "cs_base", "ss_base")
FRAME_KEYS = dict.fromkeys(("rip", "cs", "rflags", *FRAME_OPTIONS))
FAILED_KEYS = dict.fromkeys(("vector", "error_code"))


def vector_of(value: object, where: str) -> int:
    """A number, or a name ("db")."""
    if isinstance(value, str) and not value.lower().startswith("0x"):
        try:
            return vector(value).number
        except ValueError as error:
            raise BadEvidence(f'"{where}": {error}') from None
    return read.small(0, 255)(value, where)


def vectors(value: object, where: str) -> tuple[int, ...]:
    """A list of them."""
    return tuple(vector_of(row, f"{where}[{n}]") for n, row in enumerate(read.items(value, where)))


def frame(value: object, where: str) -> Frame:
    """``rip``, ``cs`` and ``rflags``, and what else was pushed."""
    fields = read.fields_of(value, f'"{where}"', FRAME_KEYS)
    at = f"{where}."
    return Frame(
        read.needed(fields, "rip", read.number, at),
        read.needed(fields, "cs", read.number, at),
        read.needed(fields, "rflags", read.number, at),
        *(read.optional(fields, name, read.number, at) for name in FRAME_OPTIONS),
    )


def frame_json(frame: Frame) -> Json:
    """The same, back."""
    return {key: hex(value) for key, value in frame._asdict().items() if value is not None}


def failed(value: object, where: str) -> FailedDelivery:
    """``vector`` and ``error_code`` of what came instead; without a vector the CPU gave up."""
    fields = read.fields_of(value, f'"{where}"', FAILED_KEYS)
    at = f"{where}."
    return FailedDelivery(
        read.optional(fields, "vector", vector_of, at), read.optional(fields, "error_code", read.number, at) or 0
    )


def triple_fault(top: Json) -> Fact[TripleFault]:
    """``triple_fault``, its vectors; and where they are known ``triple_fault_at``, the linear RIP at which the first
    came, and ``triple_fault_gates``, where the gate of each is."""
    found = read.fact(top, "triple_fault", vectors)
    at = read.optional(top, "triple_fault_at", read.number, "")
    gates = read.optional(top, "triple_fault_gates", _numbers, "") or ()
    failed = () if isinstance(found, Unknown) else found.value
    if at is not None and not failed:
        raise BadEvidence("triple_fault_at is there, and triple_fault names no vector that came at it.")
    if gates and len(gates) != len(failed):
        raise BadEvidence(f"triple_fault_gates: one for each of the {len(failed)} of triple_fault, not {len(gates)}.")
    return found if isinstance(found, Unknown) else Known(TripleFault(failed, at, gates), found.source)


def triple_fault_json(fact: Fact[TripleFault]) -> Json:
    """The same, back."""
    if isinstance(fact, Unknown):
        return {}
    found: Json = {"triple_fault": list(fact.value.vectors)}
    if fact.value.rip is not None:
        found["triple_fault_at"] = hex(fact.value.rip)
    if fact.value.gates:
        found["triple_fault_gates"] = [hex(gate) for gate in fact.value.gates]
    return found


def _numbers(value: object, where: str) -> tuple[int, ...]:
    return tuple(read.number(row, f"{where}[{n}]") for n, row in enumerate(read.items(value, where)))


def failed_json(failed: FailedDelivery) -> Json:
    """The same, back."""
    return {} if failed.vector is None else {"vector": failed.vector, "error_code": hex(failed.error_code)}
