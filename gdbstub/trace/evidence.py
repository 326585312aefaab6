"""Evidence for a row that nobody explained when it was traced: from it and the row before."""

from __future__ import annotations

from collections.abc import Mapping

from gdbstub.explain.abilities import Abilities
from gdbstub.explain.evidence import Evidence
from gdbstub.explain.evidence_json import MOMENT_NUMBERS, REGISTERS, evidence_from_json
from gdbstub.trace.rows import Row
from gdbstub.x86.decode import shape

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
    elif took_db(before, row):
        data |= {"vector": 1, "at_handler": True, "handler": row["pc"]}
    else:
        data |= {"at_handler": False}
    return evidence_from_json({name: value for name, value in data.items() if value is not None}, abilities)


def took_db(before: Row | None, row: Row) -> bool:
    """Whether an instruction that ran without a stop ended with a #DB of the guest's, told by DR6."""
    return row["kind"] == "insn" and _gained(before, row) and not wrote_dr6(row)


def wrote_dr6(row: Row) -> bool:
    """Whether it is a MOV to DR6 that went on behind itself, so that what DR6 gained is its own doing. DR4 is DR6
    where CR4.DE is 0 (SDM vol. 3B 18.2.2)."""
    insn = row.get("insn")
    if not insn or not insn["bytes"]:
        return False
    known = shape(bytes.fromhex(insn["bytes"]), row["mode"])
    if known is None or not known.text.startswith(("mov dr6,", "mov dr4,")):
        return False
    return int(row["pc"], 16) == int(insn["address"], 16) + len(known.bytes)


def _gained(before: Row | None, row: Row) -> bool:
    old, new = (before or {}).get("dr", {}).get("dr6"), row["dr"].get("dr6")
    return old is not None and new is not None and bool(int(new, 16) & ~int(old, 16) & DEBUG_BITS)


def _moment(row: Row) -> Row:
    values = row["regs"] | {name: value for name, value in row["dr"].items() if name != "source"}
    return {name: values[name] for name in (*MOMENT_NUMBERS, *REGISTERS) if values.get(name) is not None}
