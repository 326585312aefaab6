"""What a gdb user does, timed inside of gdb, which sources this file: steps, registers, a dump, conditions.

BENCH_SOCKET is the stub's, or dr6's. Prints one JSON object: things done per second."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable

import gdb  # only there inside of gdb

STEPS, STOPS, HITS, MEGABYTES = 1000, 150, 500, 16
SETTINGS = ("pagination off", "width 0", "confirm off", "style enabled off")


def execute(command: str) -> str:
    return str(gdb.execute(command, False, True))


def rate(count: int, work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


def step_and_look() -> None:
    for _ in range(STOPS):
        execute("stepi")
        execute("info registers")


def hit_conditions(rounds: int) -> float:
    """Hits of a condition that holds at the last one only. The address is a number: gdb can't compile an untyped
    symbol for the stub."""
    now = int(gdb.parse_and_eval(f"*(long*){rounds:#x}"))
    execute("delete")
    execute(f"hbreak main_loop if *(long*){rounds:#x} == {now + HITS}")
    return rate(HITS, lambda: execute("continue"))


def main() -> None:
    for setting in SETTINGS:
        execute(f"set {setting}")
    execute(f"target remote {os.environ['BENCH_SOCKET']}")
    rates = {"dump": rate(MEGABYTES, lambda: execute(f"dump binary memory {os.devnull} 0 {MEGABYTES << 20:#x}"))}
    execute("hbreak main_loop")
    execute("continue")
    execute("delete")
    execute("stepi 100")
    rates["stepi"] = rate(STEPS, lambda: execute(f"stepi {STEPS}"))
    rates["registers"] = rate(STOPS, step_and_look)
    rates["conditions"] = hit_conditions(int(gdb.parse_and_eval("(long)&rounds")))
    execute("disconnect")
    print(json.dumps(rates))


main()
