"""What dr6 trace does, done by stock gdb through its Python API: gdb sources this file.

The cheapest of the ways that were measured: ``stepi`` with its output swallowed and no symbols; all registers, RIP to
DR7, out of one ``monitor info registers``, since gdb's own register reads add time and show no DR; the instruction
from ``disassemble``. It keeps no instruction bytes and explains nothing.

BENCH_WAY=packets steps with raw packets behind gdb's back: gdb is a pipe then, which no longer knows where the guest
stands (its registers, breakpoints and frames are those of the first stop).
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable

import gdb  # only there inside of gdb

FIELDS = re.compile(r"\b([A-Z][A-Z0-9]{1,2}) *=([0-9a-f]+)")
SETTINGS = (
    "set pagination off",
    "set width 0",
    "set style enabled off",
    "set print frame-info location",
    "set backtrace limit 1",
    "maintenance set target-async off",
)
WANTED = frozenset(
    {"RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "RSP", "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15"}
    | {"RIP", "RFL", "DR0", "DR1", "DR2", "DR3", "DR6", "DR7"}
)


def step_by_command() -> Callable[[], None]:
    return lambda: gdb.execute("stepi", False, True)


def step_by_packet() -> Callable[[], None]:
    connection = gdb.selected_inferior().connection
    return lambda: connection.send_packet("vCont;s:p1.1")


WAYS = {"stepi": step_by_command, "packets": step_by_packet}


def trace(steps: int, path: str, step: Callable[[], None]) -> float:
    """Write ``steps`` rows; the seconds from the first step to the last byte."""
    execute = gdb.execute
    architecture = gdb.selected_frame().architecture()
    began = time.perf_counter()
    with open(path, "w", encoding="ascii") as out:
        for number in range(steps):
            step()
            fields = FIELDS.findall(execute("monitor info registers", False, True))
            registers = {name: f"0x{value}" for name, value in fields if name in WANTED}
            instruction = architecture.disassemble(int(registers["RIP"], 16))[0]
            row = {"n": number, "pc": registers["RIP"], "insn": instruction, "regs": registers}
            out.write(json.dumps(row) + "\n")
    return time.perf_counter() - began


def main() -> None:
    for setting in SETTINGS:
        gdb.execute(setting, False, True)
    gdb.execute(f"target remote {os.environ['BENCH_SOCKET']}", False, True)
    step = WAYS[os.environ["BENCH_WAY"]]()
    seconds = trace(int(os.environ["BENCH_STEPS"]), os.environ["BENCH_OUTPUT"], step)
    gdb.execute("disconnect", False, True)
    print("seconds", seconds)


main()
