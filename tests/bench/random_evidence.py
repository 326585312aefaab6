"""Evidence out of a hat, the same each time: any registers, any bytes, any fact missing. For timing `explain` cold."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from gdbstub.backends import ABILITIES
from gdbstub.explain.abilities import UNKNOWN
from gdbstub.explain.evidence import Action, CodeBytes, CpuFacts, Evidence, Fact, Known, Platform, SteppedOver, Unknown
from gdbstub.explain.evidence_json import parse_reply
from gdbstub.x86.breakpoints import ArmedBreakpoint, BreakpointKind
from gdbstub.x86.exceptions import Frame

SEED = 6
BASE = 0x1000
OPCODES = tuple(
    bytes.fromhex(text)
    for text in (
        *("90", "f1", "cc", "cd01", "cd03", "488903", "f3a4", "f36e", "ec", "fb", "9d", "8ed0", "8e13", "0f21f0"),
        *("f00fc103", "c7f802000000", "ebfe", "7402", "c3", "0f05", "48cf", "f4", "9c", "50", "e800000000"),
    )
)
REPLIES = (
    *("T05thread:p01.01;", "T05thread:p01.01;watch:1008;", "T02thread:0;", "S05", "T06", "W00", "", "OK"),
    *("T05thread:p01.01;swbreak:;", "T05thread:p01.01;hwbreak:;"),
)
KINDS = tuple(map(BreakpointKind, ("execute", "write", "access", "io", "software")))


def evidences(count: int) -> Iterator[Evidence]:
    """``count`` of them, no two alike."""
    dice = random.Random(SEED)
    for _ in range(count):
        yield _evidence(dice)


def _evidence(dice: random.Random) -> Evidence:
    def fact(make: Callable[[], Any]) -> Fact[Any]:
        return Known(make(), "dice") if dice.random() < 0.8 else Unknown("not given")

    def near() -> int:
        return dice.randrange(BASE - 4, BASE + 24) if dice.random() < 0.7 else dice.getrandbits(64)

    def flags() -> int:
        return dice.choice((2, 0x102, 0x10002)) if dice.random() < 0.7 else dice.getrandbits(64)

    def code() -> bytes:
        if dice.random() < 0.3:
            return dice.randbytes(dice.randrange(24))
        return b"".join(dice.choices(OPCODES, k=dice.randrange(1, 9)))

    def frame() -> Frame:
        return Frame(near(), dice.getrandbits(16), flags(), near(), dice.getrandbits(16), dice.getrandbits(16))

    def moment() -> CpuFacts:
        names = ("rip", "rsp", "rcx", "cs", "cs_base", "tr", "cr2", "cr4", "dr0", "dr1", "dr2", "dr3")
        return CpuFacts(
            **{name: fact(near) for name in names},
            rflags=fact(flags),
            debugctl=fact(lambda: dice.getrandbits(3)),
            dr6=fact(lambda: 0xFFFF0FF0 ^ (dice.getrandbits(17) & 0x1E80F)),
            dr7=fact(lambda: 0x400 | dice.getrandbits(32) & 0xFFFF20FF),
            bytes=fact(code),
            registers=fact(lambda: {name: near() for name in ("rbx", "rdi", "rsi", "rsp", "rdx", "rcx", "rax")}),
        )

    def armed() -> tuple[ArmedBreakpoint, ...]:
        rows = range(dice.randrange(4))
        return tuple(
            ArmedBreakpoint("debugger", dice.choice(KINDS), near(), dice.choice((1, 2, 4, 8)), n) for n in rows
        )

    backend = fact(lambda: dice.choice(("qemu-tcg", "qemu-kvm", "xen-gdbsx", "generic")))
    return Evidence(
        platform=Platform(
            backend,
            fact(lambda: dice.choice(("7.2.22", "10.0.2", "4.17", "4.18"))),
            fact(lambda: dice.choice(("intel", "amd"))),
            fact(lambda: dice.choice(("hvm", "pv"))),
            ABILITIES[backend.value] if isinstance(backend, Known) else UNKNOWN,
        ),
        reply=fact(lambda: parse_reply(dice.choice(REPLIES))),
        action=fact(lambda: dice.choice(tuple(Action))),
        mode=fact(lambda: dice.choice((16, 32, 64))),
        cpl=fact(lambda: dice.randrange(4)),
        before=moment(),
        after=moment(),
        vector=fact(lambda: dice.choice((1, 1, 1, 3, 6, 13, 14))),
        at_handler=fact(lambda: dice.random() < 0.7),
        handler=fact(near),
        frame=fact(frame),
        last_frame=fact(frame),
        code=(CodeBytes(BASE - 16, code() + code()),),
        breakpoints=fact(armed),
        stepped=tuple(SteppedOver(near(), code()) for _ in range(dice.randrange(2))),
    )
