"""What lldb asks beside: LLDB's "GDB Remote Protocol extensions" (docs/resources/lldbgdbremote)."""

from __future__ import annotations

import json

from gdbstub.protocol import Stopped, Watch, encode_hex, encode_pairs
from gdbstub.server.session import ClientSession

TRIPLE = "x86_64-unknown-unknown"


async def suffixes(session: ClientSession, _: bytes) -> bytes:
    session.features.suffixes = True
    return b"OK"


async def error_strings(session: ClientSession, _: bytes) -> bytes:
    session.features.hex_errors = True
    return b"OK"


async def host(session: ClientSession, _: bytes) -> bytes:
    pairs = (("triple", encode_hex(TRIPLE.encode()).decode()), ("endian", "little"), ("ptrsize", "8"))
    return encode_pairs((*pairs, ("watchpoint_exceptions_received", "after")))


async def process(session: ClientSession, _: bytes) -> bytes:
    triple = encode_hex(TRIPLE.encode()).decode()
    return encode_pairs((("pid", "1"), ("triple", triple), ("endian", "little"), ("ptrsize", "8")))


async def version(session: ClientSession, _: bytes) -> bytes:
    return encode_pairs((("name", "dr6"), ("version", session.words.version)))


async def threads(session: ClientSession, _: bytes) -> bytes:
    """Every vCPU; the one that stopped with what its stop reply says."""
    stop = session.newest_stop()
    rows = []
    for cpu in session.debugger.capabilities.cpus:
        row: dict[str, object] = {"tid": cpu + 1, "name": f"vCPU {cpu}"}
        if isinstance(stop, Stopped) and stop.thread == session.features.thread(cpu):
            row |= _stopped(stop, session.expedited(session.debugger.newest))
        rows.append(row)
    return json.dumps(rows, separators=(",", ":")).encode()


def _stopped(stop: Stopped, registers: list[tuple[int, bytes]]) -> dict[str, object]:
    """Without a ``reason`` lldb finds out whether SIGTRAP is its breakpoint or its step, as it does for a ``T``."""
    row: dict[str, object] = {
        "signal": stop.signal,
        "registers": {str(number): digits.decode() for number, digits in registers},
    }
    if isinstance(stop.reason, Watch):
        row |= {"reason": "watchpoint", "description": str(stop.reason.address)}
    return row
