"""A gdb that shares a guest: sets one breakpoint, continues again and again, and prints what it saw of each stop, and
the session's own list of them.

gdb sources this file. STOPS_BREAK is the breakpoint's place, STOPS_COUNT how many stops, STOPS_AFTER what has to stand
in ``monitor clients`` before it begins (another client that waits)."""

from __future__ import annotations

import json
import os

import gdb  # only there inside of gdb

seen: list[list[object]] = []


def stopped(event: gdb.StopEvent) -> None:
    own = [row.number for row in event.breakpoints] if isinstance(event, gdb.BreakpointEvent) else []
    seen.append([int(gdb.parse_and_eval("$pc")), own])


def main() -> None:
    for setting in ("pagination off", "confirm off", "width 0"):
        gdb.execute(f"set {setting}", False, True)
    gdb.execute(f"target remote {os.environ['STOPS_SOCKET']}", False, True)
    if os.environ["STOPS_AFTER"]:
        gdb.execute("monitor drive", False, True)
        while os.environ["STOPS_AFTER"] not in gdb.execute("monitor clients", False, True):
            pass
    gdb.execute(f"hbreak {os.environ['STOPS_BREAK']}", False, True)
    gdb.events.stop.connect(stopped)
    for _ in range(int(os.environ["STOPS_COUNT"])):
        gdb.execute("continue", False, True)
    stops = gdb.execute("monitor dr6 events all", False, True)
    print(json.dumps([seen, stops]), flush=True)


main()
