"""Evidence for a row that nobody explained when it was traced: from it and the row before."""

from __future__ import annotations

from collections.abc import Mapping

from gdbstub.explain.abilities import Abilities
from gdbstub.explain.evidence import Evidence
from gdbstub.explain.evidence_json import MOMENT_NUMBERS, REGISTERS, evidence_from_json
from gdbstub.trace.rows import Row

DEBUG_BITS = 0xE00F
"""B0 to B3, BD, BS and BT of DR6."""


def evidence_of(header: Row, before: Row | None, row: Row, abilities: Mapping[str, Abilities]) -> Evidence:
    """What a row shows. Where DR6 gained a bit over an instruction that ran without a stop, the guest got a #DB in it,
    and stands at its handler now. Raises `GdbError` for values that are none."""
    backend = header["backend"]
    data: Row = {name: backend[name] for name in ("version", "vendor") if backend.get(name)}
    data |= {"backend": backend["profile"] or backend["name"], "mode": row["mode"], "after": _moment(row)}
    if before is not None:
        data["before"] = _moment(before)
    if insn := row.get("insn"):
        data["code"] = [{"address": insn["address"], "bytes": insn["bytes"]}] if insn["bytes"] else []
    if row["kind"] == "event":
        data |= {"vector": row["vector"], "at_handler": True, "frame": row["frame"], "action": row["action"]}
        data |= {"reply": row["reply"], "handler": row["handler"]}
    elif row["kind"] == "stop":
        data |= {"action": row["action"], "reply": row["reply"], "at_handler": False}
    elif _gained(before, row):
        data |= {"vector": 1, "at_handler": True, "handler": row["pc"]}
    else:
        data |= {"at_handler": False}
    return evidence_from_json({name: value for name, value in data.items() if value is not None}, abilities)


def took_db(before: Row | None, row: Row) -> bool:
    """Whether an instruction that ran without a stop ended with a #DB of the guest's, told by DR6."""
    return row["kind"] == "insn" and _gained(before, row)


def _gained(before: Row | None, row: Row) -> bool:
    old, new = (before or {}).get("dr", {}).get("dr6"), row["dr"].get("dr6")
    return old is not None and new is not None and bool(int(new, 16) & ~int(old, 16) & DEBUG_BITS)


def _moment(row: Row) -> Row:
    values = row["regs"] | {name: value for name, value in row["dr"].items() if name != "source"}
    return {name: values[name] for name in (*MOMENT_NUMBERS, *REGISTERS) if values.get(name) is not None}
