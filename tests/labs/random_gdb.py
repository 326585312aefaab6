"""In gdb: what a user does, at random and for a while, at a guest that others share. The last line is JSON.

Each thing that is done is written to the diary first: who waits for an answer that never comes is seen there.
"""

from __future__ import annotations

import json
import os
import random
import time

import gdb

SOCKET, DIARY, SEED, SECONDS = (os.environ[f"RANDOM_{name}"] for name in ("SOCKET", "DIARY", "SEED", "SECONDS"))
PLACES = ("main_loop", "copy", "inner_loop", "touch", "next_random")
LOOKS = (
    *("info registers rip rsp", "x/4i $pc", "x/64xb $rsp", "info threads", "backtrace 1", "p/x $dr6"),
    *("monitor why", "monitor clients", "monitor events", "info breakpoints"),
)
LOST = ("closed", "Connection", "timed out", "Broken pipe", "not being run", "Truncated", "too long", "packet error")

dice = random.Random(int(SEED))
lost: list[str] = []
took: list[tuple[float, str]] = []
refused: list[str] = []


def do(command: str) -> None:
    with open(DIARY, "a", encoding="utf-8") as diary:
        diary.write(f"{command}\n")
    began = time.monotonic()
    try:
        gdb.execute(command, to_string=True)
    except gdb.error as error:
        if any(word in str(error) for word in LOST):
            lost.append(f"{command}: {error}")
        refused.append(f"{command}: {error}")
    took.append((time.monotonic() - began, command))


def run() -> None:
    """Drive, with a breakpoint that the guest comes by at once, so that each run ends."""
    do("monitor drive")
    do(f"hbreak {dice.choice(PLACES)}")
    for _ in range(dice.randrange(1, 12)):
        do(dice.choice(("stepi", "stepi", "stepi 5", "continue", "continue", dice.choice(LOOKS))))
    do("delete")


def come_again() -> None:
    do("disconnect")
    do(f"target remote {SOCKET}")


gdb.execute("set confirm off")
gdb.execute("set pagination off")
gdb.execute("set remotetimeout 60")
gdb.execute(f"target remote {SOCKET}")
ends = time.monotonic() + float(SECONDS)
while time.monotonic() < ends and not lost:
    kind = dice.random()
    if kind < 0.6:
        run()
    elif kind < 0.95:
        do(dice.choice(LOOKS))
    else:
        come_again()
do("delete")
gdb.execute("disconnect")
longest, slowest = max(took)
kinds = sorted(set(refused))[:5]
print(json.dumps({"done": len(took), "longest": longest, "slowest": slowest, "refused": kinds, "lost": lost}))
