"""The second witness by itself: what it counts, keeps and says that it lost. Its pipe holds a real log."""

from __future__ import annotations

from pathlib import Path

import pytest

from gdbstub.backends.qemu.exception_log import LoggedException
from gdbstub.debugger import witness as witnesses
from gdbstub.debugger.record import CaughtEvent
from gdbstub.debugger.witness import Witness
from gdbstub.remote.target import RemoteTarget
from gdbstub.x86.exceptions import Frame
from tests.fakes.stub import FakeStub, connected

LOG = (Path(__file__).parent.parent / "backends" / "qemu" / "golden" / "log-int-undelivered.txt").read_bytes()
HEAD = b"     1: v=0d"


class Pipe:
    """What was written to it, and no more."""

    path = "pipe"
    ended = False

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    def read_ready(self) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    async def wait_readable(self) -> None:
        raise AssertionError

    def unlink(self) -> None: ...

    def close(self) -> None: ...

    def logged_before(self) -> tuple[str, str] | None:
        return None


async def seen(*pieces: bytes, vectors: frozenset[int]) -> Witness:
    async with connected(FakeStub()) as stream:
        witness = Witness(RemoteTarget(stream), Pipe(*pieces))
    witness.vectors = vectors
    return witness


def at(rip: int, vector: int) -> CaughtEvent:
    return CaughtEvent(vector, 0x10017B, Frame(rip, 8, 2))


async def test_what_the_breakpoints_did_not_show_is_passed_by_and_what_they_did_is_not() -> None:
    witness = await seen(LOG, vectors=frozenset((1, 13)))
    told = witness.passed_by(at(0x1000DF, 13), {})
    assert [(one.vector, one.rip) for one in told.passed] == [
        *((1, 0x1000AF), (13, 0x1000AF), (1, 0x1000D8), (1, 0x10010A), (13, 0x100141), (13, 0x10015B)),
    ]
    assert told.event is not None
    assert (told.event.vector, told.denied, witness.taken) == (13, False, 7)
    assert (gave_up := witness.take_triple_fault()) is not None
    assert gave_up.vectors == (6, 13, 8)
    assert witness.take_triple_fault() is None


@pytest.mark.parametrize(("vector", "denied"), [(13, False), (3, True), (6, True)])
async def test_a_caught_event_that_no_exception_led_to_is_denied(vector: int, denied: bool) -> None:
    witness = await seen(LOG, vectors=frozenset((1, 3, 6, 13)))
    told = witness.passed_by(at(0x123, vector), {})
    assert (told.event, told.denied) == (None, denied)


async def test_of_several_vectors_the_newest_that_was_delivered_is_told() -> None:
    witness = await seen(LOG, vectors=frozenset((1, 6, 11, 13)))
    assert witness.newest_of((6, 8)) is None
    assert witness.newest_of((11, 13)) == 13
    assert witness.newest_of((6, 11)) == 11


async def test_what_can_not_be_kept_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witnesses, "MOST_KEPT", 3)
    witness = await seen(LOG, vectors=frozenset((1, 13)))
    assert len(witness.passed_by(None, {}).passed) == 3
    assert (witness.taken, witness.lost) == (7, 4)


async def test_who_hears_of_each_hears_of_it_with_its_failure() -> None:
    heard: list[LoggedException] = []
    witness = await seen(LOG[:4000], LOG[4000:], vectors=frozenset((6,)))
    witness.on_exception = heard.append
    witness.settle()
    assert [str(one.failed) for one in heard] == ["#GP(0x62)", "#GP(0x62)"]


@pytest.mark.parametrize(
    ("damage", "vectors", "unread", "taken"),
    [
        (lambda log: log.replace(HEAD, b"     1: v=XX"), {13}, 1, 3),
        (lambda log: log.replace(HEAD, b"     1: v=XX"), {6}, 1, 2),
        (lambda log: log.replace(b"RIP=00000000001000df", b"RIP=0"), {13}, 1, 4),
        (lambda log: log.replace(b"RIP=00000000001000df", b"RIP=0"), {6}, 0, 2),
        (lambda log: log + b"    13: v=06 e=0000 i=0 cpl=0 IP=0008:" + b"0" * 16 + b" pc=" + b"0" * 16
         + b" SP=0010:" + b"0" * 16 + b" \n", {6}, 1, 3),
        (lambda log: log, {13}, 0, 4),
    ],
)  # fmt: skip
async def test_what_can_not_be_read_is_counted_and_told_once(
    damage: object, vectors: set[int], unread: int, taken: int
) -> None:
    assert callable(damage)
    witness = await seen(damage(LOG), vectors=frozenset(vectors))
    told: list[int] = []
    witness.on_unread = lambda: told.append(witness.unread)
    witness.settle()
    assert (witness.unread, sum(told), witness.taken) == (unread, unread, taken)
