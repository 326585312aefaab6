"""An examination of a stub, by stock gdb: this script runs inside of gdb, against the guest ``exam``, stopped at reset.

``EXAM_TARGET`` is what ``target remote`` takes, ``EXAM_PARTS`` the parts to go through, all if empty. Each check is
one line of JSON, ``{"check": …, "outcome": …}``; the outcome is "as due", or what was seen instead. No part needs
another one; an error of gdb's is the outcome of the check that each part ends with.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import gdb

TARGET = os.environ["EXAM_TARGET"]
PARTS = os.environ.get("EXAM_PARTS", "").split()
LOOKS = 50
"""How often it is looked whether a guest that runs has got further; the first look is enough on an idle machine."""
Outcome = tuple[str, object, object]
"""Of one check: its name, what was seen, what is due."""

# -- words for the checks ----------------------------------------------------------------------------------------


def do(command: str) -> str:
    text: str = gdb.execute(command, to_string=True)
    return text


def value(expression: str) -> int:
    return int(gdb.parse_and_eval(f"(unsigned long)({expression})"))


def address(symbol: str) -> int:
    return value(f"&{symbol}")


def rip() -> str:
    """Where the guest stands, as a symbol where one is exactly there."""
    at = value("$rip")
    return PLACES.get(at, hex(at))


def rounds() -> int:
    """How often the guest has been through its loop."""
    return value("*(long*)&rounds")


def go(command: str = "continue") -> str:
    do(command)
    return rip()


def step() -> str:
    """One ``stepi`` that ran something: TCG reports one now and then that did not, and nothing here stays in place."""
    before = value("$rip")
    do("stepi")
    if value("$rip") == before:
        do("stepi")
    return rip()


def to_main_loop() -> None:
    do("delete")
    do("hbreak *&main_loop")
    go()
    do("delete")


def point(spec: str, **more: Any) -> Any:
    return gdb.Breakpoint(spec, **more)


def memory() -> Any:
    return gdb.selected_inferior()


PLACES: dict[int, str] = {}

# -- breakpoints -------------------------------------------------------------------------------------------------

BREAKS = ("break", "hbreak", "tbreak", "thbreak")


def breakpoints() -> Iterator[Outcome]:
    for command in BREAKS:
        to_main_loop()
        do(f"{command} *&place_add")
        found = gdb.breakpoints()[-1]
        stops = [go() for _ in range(1 if command.startswith("t") else 3)]
        yield f"{command}: where it stops", set(stops), {"place_add"}
        if command.startswith("t"):
            yield f"{command}: is gone behind its hit", found.is_valid(), False
        else:
            yield f"{command}: hits are counted", found.hit_count, 3
            do("disable")
            do("hbreak *&main_loop")
            yield f"{command}: disabled, it stops nothing", go(), "main_loop"


def conditions() -> Iterator[Outcome]:
    for command in BREAKS[:2]:
        to_main_loop()
        do(f"{command} *&place_count if $rcx == 2")
        found = gdb.breakpoints()[-1]
        yield f"{command} if register", [(go(), value("$rcx")) for _ in range(2)], [("place_count", 2)] * 2
        yield f"{command} if register: only what holds is a hit", found.hit_count, 2
        to_main_loop()
        due = rounds() + 20
        do(f"{command} *&place_end if *(long*)&rounds == {due}")
        yield f"{command} if memory", (go(), rounds()), ("place_end", due)
        to_main_loop()
        do(f"{command} *&place_count")
        do(f"ignore {gdb.breakpoints()[-1].number} 4")
        yield f"{command}, ignored 4 times", (go(), value("$rcx")), ("place_count", 2)


def many_breakpoints() -> Iterator[Outcome]:
    places = ["place_call", "place_behind", "place_add", "place_jump", "place_target", "place_end"]
    for command in BREAKS[:2]:
        to_main_loop()
        for place in places:
            do(f"{command} *&{place}")
        yield f"six of {command} at a time", [go() for _ in range(7)], [*places, places[0]]
    to_main_loop()
    do("break *&place_add")
    do("hbreak *&place_add")
    yield "break and hbreak at one place", [go(), go()], ["place_add"] * 2
    yield "break and hbreak at one place: both are hit", [it.hit_count for it in gdb.breakpoints()], [2, 2]


# -- steps -------------------------------------------------------------------------------------------------------

WAY = ["place_call", "leaf", "place_behind", "place_add", "place_jump", "place_target", "place_count"]


def steps() -> Iterator[Outcome]:
    to_main_loop()
    yield "stepi", [step() for _ in WAY], WAY
    yield "stepi through the loop to its head", [step() for _ in range(8)][-1], "main_loop"
    to_main_loop()
    yield "nexti over a call", [go("nexti") for _ in range(3)], ["place_call", "place_behind", "place_add"]
    do("tbreak *&leaf")
    yield "finish", (go(), go("finish")), ("leaf", "place_behind")
    for command in BREAKS[:2]:
        to_main_loop()
        for place in ("main_loop", "place_behind", "place_add"):
            do(f"{command} *&{place}")
        yield f"stepi on and off a {command}", [step() for _ in WAY], WAY
        yield f"stepi on a {command} is a hit", [it.hit_count for it in gdb.breakpoints()], [0, 1, 1]
        yield f"continue from a place behind a {command}", go(), "main_loop"
    to_main_loop()
    yield "until an address", go("until *&place_target"), "place_target"
    yield "advance to an address", go("advance *&place_end"), "place_end"


# -- registers ---------------------------------------------------------------------------------------------------

GENERAL = [*(f"r{name}" for name in ("ax", "bx", "cx", "dx", "si", "di", "bp", "sp")), *(f"r{n}" for n in range(8, 16))]


def registers() -> Iterator[Outcome]:
    to_main_loop()
    before = {name: value(f"${name}") for name in GENERAL}
    patterns = {name: 0xF1E2D3C4B5A69700 + number for number, name in enumerate(GENERAL)}
    for name, pattern in patterns.items():
        do(f"set ${name} = {pattern:#x}")
    do("maintenance flush register-cache")
    yield "general registers keep what is written", {name: value(f"${name}") for name in GENERAL}, patterns
    for name, old in before.items():
        do(f"set ${name} = {old:#x}")
    do("set $eax = 0x12345678")
    do("set $bl = 0x9a")
    do("maintenance flush register-cache")
    seen = (value("$rax"), value("$bl") & 0xFF)
    yield "parts of registers keep what is written", seen, (before["rax"] >> 32 << 32 | 0x12345678, 0x9A)
    do("set $eflags = 0xad7")
    do("maintenance flush register-cache")
    yield "eflags keep what is written", int(gdb.parse_and_eval("$eflags")), 0xAD7
    do("set $eflags = 2")
    do("set $xmm1.v2_int64[0] = 0x1122334455667788")
    do("set $xmm1.v2_int64[1] = 0x99aabbccddeeff00")
    do("set $mxcsr = 0x1fa0")
    do("maintenance flush register-cache")
    wide = [value(f"$xmm1.v2_int64[{half}]") for half in range(2)]
    yield "xmm1 keeps what is written", wide, [0x1122334455667788, 0x99AABBCCDDEEFF00]
    yield "mxcsr keeps what is written", int(gdb.parse_and_eval("$mxcsr")), 0x1FA0
    do("set $rip = &place_add")
    do("set $rax = 40")
    do("set $rbx = 2")
    yield "a written rip is where it goes on", step(), "place_jump"
    yield "the guest computes with what was written", value("$rax"), 42
    do("set $rip = &place_sse")
    step()
    yield "the guest moves xmm1 as it was written", value("$xmm0.v2_int64[1]"), 0x99AABBCCDDEEFF00


def threads() -> Iterator[Outcome]:
    to_main_loop()
    lines = [line.split() for line in do("info threads").splitlines() if "Thread" in line]
    yield "info threads has both vCPUs", len(lines), 2
    yield "the vCPU that stopped is the selected one", [line[0] for line in lines], ["*", "2"]
    do("thread 2")
    yield "the second vCPU has registers of its own", rip() == "main_loop", False
    do("thread 1")
    yield "the first vCPU is where it was", rip(), "main_loop"


# -- memory ------------------------------------------------------------------------------------------------------

TYPES = {1: "char", 2: "short", 4: "int", 8: "long"}


def memory_in_sizes() -> Iterator[Outcome]:
    to_main_loop()
    room = address("room")
    for size, kind in TYPES.items():
        for offset in range(9):
            at = room + 4096 - 4 + offset  # across the border of a page, too
            pattern = int.from_bytes(bytes(0xA0 + offset + number for number in range(size)), "little")
            memory().write_memory(at - 8, b"\x55" * 24)
            do(f"set *(unsigned {kind}*){at:#x} = {pattern:#x}")
            do("maintenance flush dcache")
            around = b"\x55" * 8 + pattern.to_bytes(size, "little") + b"\x55" * (16 - size)
            seen = (value(f"*(unsigned {kind}*){at:#x}"), bytes(memory().read_memory(at - 8, 24)))
            yield f"memory: {size} bytes at offset {offset}", seen, (pattern, around)


def memory_in_blocks() -> Iterator[Outcome]:
    to_main_loop()
    room = address("room")
    for size in (3, 64, 1000, 4096, 5000, 8191):
        block = bytes((number * 7 + size) & 0xFF for number in range(size))
        memory().write_memory(room + 5, block)
        do("maintenance flush dcache")
        yield f"memory: a block of {size} bytes", bytes(memory().read_memory(room + 5, size)) == block, True
    special = b"#$}*+-\x03\x00" * 8
    memory().write_memory(room, special)
    do("maintenance flush dcache")
    yield "memory: bytes that frames are made of", bytes(memory().read_memory(room, 64)), special
    yield "memory: find", do(f"find /w {room:#x}, +64, 0x2a7d2423").splitlines()[-1], "8 patterns found."
    yield "memory: sections are those of the file", "MIS-MATCHED" in do("compare-sections .text"), False
    try:
        memory().read_memory(0x7F0000000000, 4)
        yield "memory: what is not mapped", "was read", "an error"
    except gdb.MemoryError:
        yield "memory: what is not mapped", "an error", "an error"


# -- watchpoints -------------------------------------------------------------------------------------------------

KINDS = {"watch": "store", "rwatch": "load", "awatch": "load store"}


class Accesses:
    """Sends the guest through one load or store, and says whether a watchpoint stopped it."""

    def __init__(self) -> None:
        self.number = 0
        self.cell = address("cell")

    def stops(self, kind: str, size: int, offset: int) -> bool:
        self.number = self.number % 255 + 1  # each store changes each byte, or gdb would not call it a hit
        do(f"set $rax = {0x0101010101010101 * self.number:#x}")
        do(f"set $rdi = {self.cell + offset:#x}")
        do(f"set $rip = &{kind}{size}")
        at = go()
        if at not in ("accessed", f"{kind}{size}_done"):
            raise gdb.GdbError(f"{kind}{size} at offset {offset} came to {at}")
        return at != "accessed"


def watchpoints() -> Iterator[Outcome]:
    to_main_loop()
    do("hbreak *&accessed")
    accesses = Accesses()
    for command, triggers in KINDS.items():
        for size, kind in TYPES.items():
            for offset in range(9 - size):
                do(f"{command} *(unsigned {kind}*){accesses.cell + offset:#x}")
                yield f"{command}: {size} bytes at offset {offset}", _watched(accesses, triggers, size, offset), []
                gdb.breakpoints()[-1].delete()


def _watched(accesses: Accesses, triggers: str, size: int, offset: int) -> list[str]:
    """What went wrong: accesses beside it that stop, accesses to it that don't.

    Loads come first: a read watchpoint counts for gdb only while the value stays the same. gdb passes over a hit
    of ``watch`` that left the value as it was, so a stub that is too generous shows with the other two only.
    """
    wrong = []
    for kind in ("load", "store"):
        due = kind in triggers
        rows = [("below", 1, offset - 1, False), ("above", 1, offset + size, False)]
        rows += [("first", 1, offset, due), ("last", 1, offset + size - 1, due), ("whole", size, offset, due)]
        rows += [
            ("around", 8, 0, due),
            ("over its end", 2, offset + size - 1, due),
            ("over its start", 2, offset - 1, due),
        ]
        for name, width, at, stops in rows:
            if accesses.stops(kind, width, at) != stops:
                wrong.append(f"{kind} {name} {'does not stop' if stops else 'stops'}")
    return wrong


def more_watchpoints() -> Iterator[Outcome]:
    to_main_loop()
    do("hbreak *&accessed")
    accesses = Accesses()
    do(f"watch *(char*){accesses.cell:#x}")
    do(f"watch *(char*){accesses.cell + 1:#x}")
    do(f"awatch *(char*){accesses.cell + 7:#x}")
    hit = [
        accesses.stops(kind, 1, at) for kind, at in (("store", 1), ("store", 7), ("load", 7), ("store", 4), ("load", 0))
    ]
    yield "three watchpoints in one word: what stops", hit, [True, True, True, False, False]
    yield "three watchpoints in one word: whose hit it is", [it.hit_count for it in gdb.breakpoints()], [2, 0, 1, 2]
    to_main_loop()
    do("watch *(long*)&rounds")
    before = rounds()
    yield (
        "watch a counter of the guest",
        [(go(), rounds()) for _ in range(3)],
        [("place_call", before + count) for count in (1, 2, 3)],
    )
    to_main_loop()
    do(f"watch *(long*)&rounds if *(long*)&rounds == {rounds() + 5}")
    due = rounds() + 5
    yield "watch if", (go(), rounds()), ("place_call", due)
    to_main_loop()
    do("set can-use-hw-watchpoints 0")
    do("watch $rcx")
    yield "watch a register, by steps", (go(), value("$rcx")), ("place_count", 3)
    do("set can-use-hw-watchpoints 1")


# -- running -----------------------------------------------------------------------------------------------------


def interrupt() -> Iterator[Outcome]:
    to_main_loop()
    do("break *0x1fff00")  # never reached, but in place while the guest runs
    signals: list[str] = []

    def stopped(event: Any) -> None:
        signals.append(getattr(event, "stop_signal", str(event)))

    gdb.events.stop.connect(stopped)
    for turn in ("", ", again"):
        signals.clear()
        before = rounds()
        gdb.events.cont.connect(_send_sigint)
        do("continue")
        yield f"Ctrl-C{turn}", signals, ["SIGINT"]
        yield f"Ctrl-C{turn}: the guest ran", rounds() > before, True
    gdb.events.stop.disconnect(stopped)
    do("thread 1")  # QEMU 10 names any vCPU in that stop, one that waits in HLT too
    stood = rip()
    yield "stepi behind Ctrl-C", step() == stood, False


def _send_sigint(_event: object) -> None:
    """To gdb, a moment later, from outside: then gdb waits for the guest, as at a terminal."""
    gdb.events.cont.disconnect(_send_sigint)
    subprocess.Popen(["sh", "-c", f"sleep 0.2; kill -INT {os.getpid()}"])


def attach_again() -> Iterator[Outcome]:
    to_main_loop()
    code = bytes(memory().read_memory(address("main_loop"), 64))
    before = rounds()
    do("break *&place_add")
    do("hbreak *&place_end")
    do("watch *(long*)&rounds")
    go("stepi")
    for _ in range(LOOKS):
        do("detach")
        time.sleep(0.1)
        do(f"target remote {TARGET}")
        if rounds() > before + 1:
            break
    yield "detach: the guest runs on", rounds() > before + 1, True
    yield "detach: nothing is left in the code", bytes(memory().read_memory(address("main_loop"), 64)), code
    do("delete")
    do("hbreak *&leaf")
    yield "attach again: a breakpoint", go(), "leaf"
    do("delete")
    do("hbreak *&place_sse")
    yield "attach again: none of the old ones stops it", go(), "place_sse"


# -- the examination -----------------------------------------------------------------------------------------------

EXAMINATION: tuple[Callable[[], Iterator[Outcome]], ...] = (
    breakpoints,
    conditions,
    many_breakpoints,
    steps,
    registers,
    threads,
    memory_in_sizes,
    memory_in_blocks,
    watchpoints,
    more_watchpoints,
    interrupt,
    attach_again,
)


def report(check: str, outcome: str) -> None:
    print(json.dumps({"check": check, "outcome": outcome}), flush=True)


def examine() -> None:
    for command in ("set pagination off", "set confirm off", "set width 0", f"target remote {TARGET}"):
        do(command)
    PLACES.update({address(symbol): symbol for symbol in SYMBOLS})
    for part in EXAMINATION:
        if PARTS and part.__name__ not in PARTS:
            continue
        try:
            for check, seen, due in part():
                report(check, "as due" if seen == due else f"{seen!r}, not {due!r}")
        except (gdb.error, gdb.GdbError, KeyboardInterrupt) as error:
            report(f"{part.__name__}: to its end", f"{type(error).__name__}: {error}")
        else:
            report(f"{part.__name__}: to its end", "as due")
    do("delete")


SYMBOLS = [*WAY, "main_loop", "place_sse", "place_end", "accessed"]
SYMBOLS += [f"{kind}{size}_done" for kind in ("load", "store") for size in TYPES]

examine()
