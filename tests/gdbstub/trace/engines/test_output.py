"""Exceptions among the rows of instructions: whether each was delivered, by what comes behind it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gdbstub.backends.qemu.cpu_log.log_rows import LoggedRows
from gdbstub.backends.qemu.exception_log import Delivered, LoggedException
from gdbstub.debugger.record import StopRecord
from gdbstub.explain.evidence import Platform
from gdbstub.trace.engines.output import LAST, RowOutput
from tests.gdbstub.debugger.test_failed_deliveries import DF, FOUND, GP, UD
from tests.gdbstub.trace.engines.test_self_check import rows

ROW = rows(1)
Told = tuple[int, int, bool] | int | str


class Written:
    """Of each event its number, vector and whether it has a frame; of rows how many; of a gap its sentence."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.code: list[bytes] = []

    def record(self, record: StopRecord) -> None:
        assert record.event is not None
        self.told.append((record.number, record.event.vector, record.event.frame is not None))
        self.code += [piece.bytes for piece in record.evidence.code]

    def columns(self, count: int) -> None:
        self.told.append(count)

    def gap(self, _: int, why: str) -> None:
        self.told.append(why)


def output(written: Written, left: int | None = None) -> RowOutput[LoggedRows]:
    debugger = SimpleNamespace(cpu=0, platform=Platform())
    source = SimpleNamespace(columns=lambda piece, _: piece.count, remarks=[])
    return RowOutput(cast("Any", debugger), cast("Any", written), cast("Any", source), left, lambda _: None)


def delivered(one: LoggedException) -> Delivered:
    return Delivered(one, b"\x90" if one.vector == 6 else b"\xcc")


@pytest.mark.parametrize(
    ("pieces", "ended", "told"),
    [
        ((UD,), False, [(0, 6, True)]),
        ((UD, GP), False, [(0, 6, False), (1, 13, True)]),
        ((UD, GP, DF), False, [(0, 6, False), (1, 13, False), (2, 8, True)]),
        ((UD, GP, DF), True, [(0, 6, False), (1, 13, False), (2, 8, False)]),
        ((UD, GP, DF, None), True, [(0, 6, False), (1, 13, False), (2, 8, True), 1]),
        ((DF,), True, [(0, 8, True), LAST.format("#DF")]),
        ((UD,), True, [(0, 6, True), LAST.format("#UD")]),
        ((UD, None, GP), False, [(0, 6, True), 1, (2, 13, True)]),
        ((None, UD, GP, None), False, [1, (1, 6, False), (2, 13, True), 1]),
    ],
)
def test_what_came_instead_has_no_instruction_in_front_of_it(
    pieces: tuple[LoggedException | None, ...], ended: bool, told: list[Told]
) -> None:
    written = Written()
    out = output(written)
    for piece in pieces:
        out.take([ROW if piece is None else delivered(piece)])  # a batch may end anywhere
    (out.end if ended else out.settle)()
    assert written.told == told


def test_the_code_is_that_of_the_one_which_was_held_back() -> None:
    written = Written()
    out = output(written)
    out.take([delivered(UD), delivered(GP), ROW])
    assert written.code == [b"\x90", b"\xcc"]


def test_no_exception_is_written_behind_the_last_row() -> None:
    written = Written()
    assert not output(written, left=1).take([ROW, delivered(UD)])
    assert written.told == [1]


def test_a_real_log_claims_a_frame_for_what_was_delivered() -> None:
    written = Written()
    out = output(written)
    out.take([delivered(one) for one in FOUND])
    frames = [frame for _, _, frame in cast("list[tuple[int, int, bool]]", written.told)]
    assert frames == [False, True, False, True, True, True, False, False, True, False, False]
