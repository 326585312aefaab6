"""Traces in the formats of other tools: Tenet's text, DRcov for coverage explorers, Chrome's trace events."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Iterator

from gdbstub.trace.reader import TraceReader
from gdbstub.trace.rows import Row
from gdbstub.x86.exceptions import vector

FURTHEST = 1 << 30
"""Bytes between two instructions that DRcov has in one module; its offsets have 32 bits."""


def tenet(trace: TraceReader) -> Iterator[bytes]:
    """A line for each instruction that ran: registers that changed, ``rip`` always, and the memory it used
    (``mr``, ``mw``), where values are known. RIP is the linear address of the next instruction."""
    before: Row = {}
    for row in trace:
        if row["kind"] == "gap" or row["pc"] is None:
            continue
        registers = {name: value for name, value in row["regs"].items() if name != "rip"}
        changed = [f"{name}={value}" for name, value in registers.items() if before.get(name) != value]
        before = registers
        line = [*changed, f"rip={row['pc']}", *map(_memory, _known(trace.accesses_of(row)))]
        yield ",".join(line).encode() + b"\n"


def _known(accesses: Iterable[Row]) -> Iterator[Row]:
    return (access for access in accesses if access["value"] is not None and access["size"] <= 8)


def _memory(access: Row) -> str:
    data = int(access["value"], 16).to_bytes(8, "little")[: access["size"]]
    return f"{'mw' if access['write'] else 'mr'}={access['address']}:{data.hex().upper()}"


def drcov(trace: TraceReader) -> Iterator[bytes]:
    """Version 2: each instruction that ran is a block. There are no modules in a guest: stretches of code that lie
    close together are one each, named after where they begin."""
    sizes: dict[int, int] = {}
    for row in trace:
        insn = row.get("insn")
        if insn and insn["bytes"]:
            sizes[int(insn["address"], 16)] = len(insn["bytes"]) // 2
    modules: list[tuple[int, int]] = []
    blocks = []
    for address, size in sorted(sizes.items()):
        if not modules or address - modules[-1][1] > FURTHEST or address + size - modules[-1][0] >= 1 << 32:
            modules.append((address & ~0xFFF, address + size))
        modules[-1] = modules[-1][0], max(modules[-1][1], address + size)
        blocks.append(struct.pack("<IHH", address - modules[-1][0], size, len(modules) - 1))
    yield b"DRCOV VERSION: 2\nDRCOV FLAVOR: dr6\n"
    yield f"Module Table: version 2, count {len(modules)}\n".encode()
    yield b"Columns: id, base, end, entry, checksum, timestamp, path\n"
    for number, (base, end) in enumerate(modules):
        yield f"{number:3}, {base:#018x}, {end:#018x}, {0:#018x}, 0x00000000, 0x00000000, guest-{base:x}\n".encode()
    yield f"BB Table: {len(blocks)} bbs\n".encode()
    yield from blocks


def chrome(trace: TraceReader) -> Iterator[bytes]:
    """Stops and events on a line for each vCPU, for chrome://tracing and Perfetto; a microsecond there is a row here,
    since rows have no time of their own."""
    yield b'{"displayTimeUnit":"ns","traceEvents":[\n'
    separator = b""
    for row in trace:
        if row["kind"] in ("stop", "event"):
            yield separator + json.dumps(_chrome_event(row), separators=(",", ":")).encode()
            separator = b",\n"
    yield b"\n]}\n"


def _chrome_event(row: Row) -> Row:
    name = vector(row["vector"]).name if row["kind"] == "event" else row["action"]
    causes = [f"{cause['cause']} ({cause['owner']})" for cause in row["causes"]]
    told = {
        "summary": row["summary"],
        "pc": row["pc"],
        "dr6": row["dr"]["dr6"],
        "insn": (row["insn"] or {}).get("text"),
    }
    return {
        "name": f"{name}: {', '.join(causes)}",
        "cat": row["kind"],
        "ph": "X",
        "ts": row["n"],
        "dur": 1,
        "pid": 1,
        "tid": -1 if row["cpu"] is None else row["cpu"],
        "args": told,
    }


EXPORTS: dict[str, Callable[[TraceReader], Iterator[bytes]]] = {"tenet": tenet, "drcov": drcov, "chrome": chrome}
"""By the name of the format."""
