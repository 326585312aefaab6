"""Clients that say changed things to a server, before a whole one: none of it ends the server or the bystander."""

from __future__ import annotations

import random
from pathlib import Path

import trio
from trio.testing import MockClock

from gdbstub.protocol import frame
from gdbstub.server import Policy
from tests.faults.files import changed
from tests.faults.verdict import Tried
from tests.fuzz.hostile import spoken

TALK = (
    *(
        b"qSupported:multiprocess+;vContSupported+",
        b"QStartNoAckMode",
        b"vCont?",
        b"?",
        b"qXfer:features:read:target.xml:0,fff",
    ),
    *(b"g", b"G" + b"00" * 164, b"p10", b"P10=0010000000000000", b"m1000,40", b"M4000,4:01020304", b"X4000,4:abcd"),
    *(
        b"Z0,1002,1",
        b"Z1,1005,1",
        b"Z2,4000,8",
        b"z2,4000,8",
        b"Z0,1002,1;X3,220127",
        b"vCont;s:p1.1",
        b"vCont;c",
        b"\x03",
    ),
    *(b"qRcmd," + b"why".hex().encode(), b"qRcmd," + b"dr6 x/4i $pc".hex().encode(), b"D;1", b"Hg0", b"T1", b"qC"),
)


def one(dice: random.Random, folder: Path) -> Tried:
    """One conversation; each of its packets is an input."""
    said = [_piece(dice) for _ in range(dice.randint(3, 20))]
    try:
        trio.run(spoken, said, Policy(kill=False), clock=MockClock(autojump_threshold=0))
    except BaseException as error:
        return Tried(len(said), (f"{type(error).__name__}: {error}",))
    return Tried(len(said))


def _piece(chosen: random.Random) -> bytes:
    payload = chosen.choice(TALK)
    if payload == b"\x03":
        return payload
    how = chosen.randrange(4)
    if how == 0:
        return frame(payload)
    return frame(changed(payload, chosen)) if how == 1 else changed(frame(payload), chosen) if how == 2 else payload
