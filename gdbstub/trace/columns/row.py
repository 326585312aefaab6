"""One row of columns → the row that JSON lines have, key for key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gdbstub.trace.columns.batch import Columns
from gdbstub.trace.columns.definitions import Definition, Definitions
from gdbstub.trace.columns.schema import DEBUG_REGISTERS, FRAME_FIELDS, register_of
from gdbstub.trace.rows import Row

Values = Mapping[str, object]


def row_of(cpu: int | None, values: Values, definition: Definition | None) -> Row:
    """``values`` are those of one row by column, as Python's: whole numbers, None for what is unknown."""
    kind = values["kind"]
    row: Row = {"kind": kind, "n": values["n"], "cpu": cpu}
    if kind == "event":
        row |= {"vector": values["vector"], "handler": _hex(values["handler"])}
        row |= {"frame": _frame(values["frame"]), "seen_by": values["seen_by"]}
    if kind != "insn":
        row |= {"action": values["action"], "reply": values["reply"]}
        if values["retried"] is not None:
            row["retried"] = values["retried"]
    row |= {"pc": _hex(values["pc"]), "mode": values.get("mode"), "insn": _instruction(definition)}
    row["regs"] = {name: _hex(value) for name, value in _registers(values) if value is not None}
    row["dr"] = {name: _hex(values.get(name)) for name in DEBUG_REGISTERS} | {"source": values["dr_source"]}
    if kind != "insn":
        row["exit_dr6"] = {"value": _hex(values["exit_dr6"]), "provenance": values["exit_dr6_provenance"]}
    for name in ("causes", "contradictions", "unknowns"):
        row[name] = values.get(name) or []
    row["summary"] = values.get("summary") if kind != "insn" else _ran(definition)
    return row


def access_of(values: Sequence[object]) -> Row:
    """A row of the table ``accesses``."""
    number, address, size, write, value = values
    return {"n": number, "address": _hex(address), "size": size, "write": write, "value": _hex(value)}


def rows_of(batch: Columns, definitions: Definitions) -> Iterator[Row]:
    """The rows of an engine's batch, one by one."""
    columns = {name: python_values(values) for name, values in batch.values.items()}
    for index in range(batch.count):
        values: dict[str, object] = {name: column[index] for name, column in columns.items()}
        values |= {"kind": "insn", "n": batch.first + index, "dr_source": batch.dr_source}
        number = values.get("insn")
        yield row_of(batch.cpu, values, definitions[number] if isinstance(number, int) else None)


def python_values(values: object) -> list[object]:
    """A column as a list of whole numbers, None for a null. Raises ValueError for what is no column."""
    for name in ("tolist", "to_pylist"):  # numpy's, and Arrow's
        if (convert := getattr(values, name, None)) is not None:
            converted: list[object] = convert()
            return converted
    raise ValueError(f"a column can't be {type(values).__name__}")


def _registers(values: Values) -> Iterator[tuple[str, object]]:
    for column, value in values.items():
        if (register := register_of(column)) is not None:
            yield register, value


def _hex(value: object) -> str | None:
    return f"{value:#x}" if isinstance(value, int) else None


def _frame(frame: object) -> Row | None:
    if not isinstance(frame, dict):
        return None
    return {name: _hex(frame[name]) for name in FRAME_FIELDS if frame[name] is not None}


def _instruction(definition: Definition | None) -> Row | None:
    if definition is None:
        return None
    known = definition.bytes.hex()
    return {"address": f"{definition.address:#x}", "bytes": known, "text": definition.text}


def _ran(definition: Definition | None) -> str:
    return f"`{definition.text}` ran" if definition is not None and definition.text else "an instruction ran"
