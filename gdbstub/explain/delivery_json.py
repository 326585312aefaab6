"""Vectors, exception frames, and deliveries that failed, as JSON: a part of `evidence_json`."""

from __future__ import annotations

from gdbstub.explain import json_values as read
from gdbstub.explain.json_values import BadEvidence, Json
from gdbstub.x86.exceptions import FailedDelivery, Frame, vector

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


def failed_json(failed: FailedDelivery) -> Json:
    """The same, back."""
    return {} if failed.vector is None else {"vector": failed.vector, "error_code": hex(failed.error_code)}
