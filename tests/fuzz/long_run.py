"""Many clients, one after another, before one server that stays: each says a few packets, some of them damaged, some no
packets at all, and goes. `python -m tests.fuzz.long_run COUNT [SEED]` says how many there were, and what they left."""

from __future__ import annotations

import random
import resource
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import trio
from trio.testing import MockClock

from gdbstub.protocol import frame
from gdbstub.protocol.packets import PACKETS
from gdbstub.server import Policy
from tests.fakes.served import Peer, Served, serving
from tests.fakes.stub import CODE, DATA
from tests.fuzz.hostile import MOST_LEFT, Lenient

PLACES = (0, 1, CODE, CODE + 2, CODE + 5, DATA, DATA + 7, DATA + 0xFFF, 0x7FFF, 1 << 63, (1 << 64) - 1)
WHOLE = (
    *(
        b"?",
        b"g",
        b"c",
        b"s",
        b"D",
        b"D;1",
        b"k",
        b"vKill;1",
        b"vCont?",
        b"vCont;c",
        b"vCont;s:p1.1",
        b"vCont;t",
        b"bs",
        b"R00",
        b"!",
    ),
    *(
        b"QStartNoAckMode",
        b"QNonStop:1",
        b"qC",
        b"qfThreadInfo",
        b"qsThreadInfo",
        b"QThreadSuffixSupported",
        b"jThreadsInfo",
    ),
    *(
        b"qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+",
        b"qHostInfo",
        b"qAttached",
        b"Hg0",
        b"Hgp1.1",
        b"Hc-1",
    ),
)
WORDS = (
    "why",
    "events",
    "dr",
    "clients",
    "drive",
    "give",
    "catch db",
    "catch off",
    "help",
    "info registers",
    "quit",
    "dr6 why",
)
POLICIES = (Policy(), Policy(read_only=True), Policy(monitor="none"))
CHECK_EVERY, SAY_EVERY = 500, 10_000
TURNS = 12
"""Turns that a client may give the server between two pieces."""


class Left(NamedTuple):
    """What so many clients left behind; ``grown`` is the memory that was added behind the first tenth, in bytes."""

    clients: int
    seconds: float
    grown: int


def _number(dice: random.Random) -> bytes:
    return b"%x" % (dice.choice(PLACES) if dice.random() < 0.8 else dice.getrandbits(dice.choice((4, 16, 64, 90))))


def _packet(dice: random.Random) -> bytes:
    kind = dice.randrange(8)
    if kind == 0:
        return dice.choice(WHOLE)
    if kind == 1:
        return b"%b%b,%b" % (dice.choice((b"m", b"x", b"M", b"X")), _number(dice), _number(dice)) + dice.choice(
            (b"", b":00", b":")
        )
    if kind == 2:
        options = dice.choice((b"", b"", b";X3,220027", b";X1,27", b";cmds:0,X1,27", b";X9,00"))
        return b"%b%x,%b,%x%b" % (
            dice.choice((b"Z", b"z")),
            dice.randrange(6),
            _number(dice),
            dice.choice((1, 2, 4, 8)),
            options,
        )
    if kind == 3:
        return b"qRcmd," + dice.choice(WORDS).encode().hex().encode()
    if kind == 4:
        return b"vCont;" + b";".join(
            dice.choice((b"c", b"s", b"s:p1.1", b"r%x,%x" % (CODE, CODE + 5), b"C05", b"t:1", b"zz"))
            for _ in range(dice.randrange(1, 4))
        )
    if kind == 5:
        return dice.choice(PREFIXES) + dice.choice(
            (b"", _number(dice), b"%b,%b" % (_number(dice), _number(dice)), dice.randbytes(6))
        )
    if kind == 6:
        return b"%b%x=%b" % (
            dice.choice((b"P", b"p")),
            dice.randrange(80),
            dice.randbytes(dice.choice((1, 4, 8))).hex().encode(),
        )
    return b"qXfer:features:read:target.xml:%b,%b" % (_number(dice), _number(dice))


PREFIXES = tuple(row.prefix for row in PACKETS)


def _damaged(dice: random.Random, data: bytes) -> bytes:
    at = dice.randrange(len(data) + 1)
    return dice.choice(
        (data[:at], data[:at] + dice.randbytes(2) + data[at:], data[:at] + data[at + 1 :], data + data[at:])
    )


def said(dice: random.Random) -> Iterator[bytes]:
    """The pieces of one client."""
    if dice.random() < 0.5:
        yield frame(b"QStartNoAckMode")
    for _ in range(dice.randrange(1, 7)):
        piece = frame(_packet(dice))
        if dice.random() < 0.3:
            piece = _damaged(dice, piece)
        if dice.random() < 0.1:
            piece += dice.choice((b"\x03", b"+", b"-", b"$", b"}", b"#", dice.randbytes(9), frame(_packet(dice))))
        yield piece


async def _one(served: Served, dice: random.Random) -> None:
    peer = served.connect(dice.choice(POLICIES))
    for piece in said(dice):
        if not piece:
            continue
        try:
            await peer.stream.send_all(piece)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            break
        for _ in range(dice.randrange(TURNS)):  # not until all is quiet: a condition that never holds never is
            await trio.lowlevel.checkpoint()
    assert len(peer.session.stream.left) < MOST_LEFT
    assert len(peer.session.link.outstanding) < 20
    await peer.stream.aclose()


async def _check(served: Served, bystander: Peer) -> None:
    """Everything is as it was: the server answers, and the guest has nothing of those who left."""
    await trio.sleep(5)
    assert served.shared.lost is None, served.shared.lost
    assert list(served.shared.participants.present) == [bystander.session.participant.number]
    await bystander.monitor("drive")
    if served.stub.running:
        await bystander.go()
        await bystander.interrupt()
        assert (await bystander.stop())[:1] == b"T"
    assert served.stub.points == [], "a breakpoint stayed in the guest"
    assert await bystander.ask(b"qC") == b"QCp1.1"


async def many(count: int, seed: int) -> Left:
    """``count`` clients; raises at the first thing that does not hold, naming the one that it began with."""
    began, first = time.perf_counter(), 0
    stub = Lenient()
    stub.most = 50  # its guest is slow, and a round takes four instructions
    async with serving(stub, bound=float("inf")) as served:
        bystander = await served.gdb()
        for number in range(count):
            try:
                await _one(served, random.Random(seed + number))
                if number % CHECK_EVERY == 0:
                    await _check(served, bystander)
            except Exception as error:
                raise AssertionError(
                    f"client {seed + number}, or one of the {CHECK_EVERY} before it: {error!r}"
                ) from error
            if number % SAY_EVERY == SAY_EVERY - 1:
                print(f"{number + 1} clients", file=sys.stderr)
            if number == count // 10:
                first = _memory()
            served.stub.log.clear()
        await _check(served, bystander)
    return Left(count, time.perf_counter() - began, _memory() - first)


def _memory() -> int:
    """The most memory that this process ever held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(arguments: list[str]) -> int:
    count, seed = (int(text) for text in (*arguments, "0")[:2])
    left = trio.run(many, count, seed, clock=MockClock(autojump_threshold=0))
    print(
        f"{left.clients} clients in {left.seconds:.0f} s; "
        f"memory grew by {left.grown / 1e6:.1f} MB behind the first tenth"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
