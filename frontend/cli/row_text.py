"""A row of a trace for people: in one line, and whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gdbstub.trace import Row
from gdbstub.x86.debug_registers import describe_dr6, describe_dr7
from gdbstub.x86.exceptions import vector
from gdbstub.x86.registers import RFLAGS

COLUMNS = 4


def heading(header: Row) -> str:
    """Whose trace it is."""
    backend = header["backend"]
    return f"{header['target']}, {backend['name']} {backend['version'] or ''}".rstrip() + f", {header['started']}"


def one_row(row: Row) -> str:
    """Number, vCPU, what it is, the instruction, the causes."""
    causes = ", ".join(f"{cause['cause']}/{cause['owner']}" for cause in row["causes"])
    told = f"  [{causes}]" if causes else ""
    insn = row.get("insn")
    ran = f"  {insn['address']}  {insn['text'] or insn['bytes']}" if insn else ""
    return f"#{row['n']} {_what(row)}{ran}{told}"


def _what(row: Row) -> str:
    cpu = "cpu?" if row["cpu"] is None else f"cpu{row['cpu']}"
    if row["kind"] == "event":
        where = f"at handler {row['handler']}" if row["handler"] else "seen in the log"
        return f"{cpu} {vector(row['vector']).name} {where}"
    done = row.get("action", "ran")
    return f"{cpu} {done}, now at {row['pc']}" if row["pc"] else f"{cpu} {done}, the guest is gone"


def whole_row(row: Row, before: Row | None, accesses: Sequence[Row] = ()) -> Iterator[str]:
    """All that a row has; registers that are not as in the row before are marked with a star."""
    yield one_row(row)
    yield f"  {row['summary']}"
    for cause in row["causes"]:
        yield f"  {cause['cause']} · {cause['owner']} · {cause['class']} · {cause['confidence']}"
        if cause["because"]:
            yield f"    because: {'; '.join(cause['because'])}"
    yield from (f"  contradiction: {text}" for text in row["contradictions"])
    yield from (f"  unknown: {text}" for text in row["unknowns"])
    if insn := row.get("insn"):
        yield f"instruction  {insn['address']}: {insn['bytes']}  {insn['text']}"
    if frame := row.get("frame"):
        yield "frame  " + "  ".join(f"{name} {value}" for name, value in frame.items())
    yield "registers"
    yield from _registers(row["regs"], before["regs"] if before else {})
    if flags := _flags(int(row["regs"].get("rflags", "0"), 16)):
        yield f"  rflags: {flags}"
    yield f"debug registers  ({row['dr']['source']})"
    yield from _debug(row, before)
    if "exit_dr6" in row and (row["kind"] != "event" or row["exit_dr6"]["value"]):
        value, provenance = row["exit_dr6"]["value"], row["exit_dr6"]["provenance"]
        yield f"  DR6 of the exit: {f'{value} ({provenance})' if value else 'unknown'}"
    if accesses:
        yield "memory"
        yield from (f"  {_access(access)}" for access in accesses)


def _registers(registers: Row, before: Row) -> Iterator[str]:
    cells = [
        f"{'*' if before.get(name, value) != value else ' '}{name:<9} {value:>18}" for name, value in registers.items()
    ]
    for start in range(0, len(cells), COLUMNS):
        yield "  ".join(cells[start : start + COLUMNS]).rstrip()


def _flags(value: int) -> str:
    return " ".join(
        field.name if field.width == 1 else f"{field.name}={value >> field.bit & (1 << field.width) - 1}"
        for field in RFLAGS
        if value >> field.bit & (1 << field.width) - 1
    )


def _debug(row: Row, before: Row | None) -> Iterator[str]:
    old = before["dr"] if before else {}
    for name in ("dr0", "dr1", "dr2", "dr3", "dr6", "dr7"):
        value = row["dr"].get(name)
        mark = "*" if old.get(name, value) != value else " "
        bits = ""
        if value is not None and name in ("dr6", "dr7"):
            rows = describe_dr6(int(value, 16)) if name == "dr6" else describe_dr7(int(value, 16))
            bits = "  " + ", ".join(f"{bit.name} {bit.meaning}" for bit in rows if bit.active)
        yield f"{mark}{name}  {value or 'unknown'}{bits}".rstrip()


def _access(access: Row) -> str:
    done = "wrote" if access["write"] else "read"
    value = f": {access['value']}" if access["value"] else ""
    return f"{done} {access['size']} bytes at {access['address']}{value}"
