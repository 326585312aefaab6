"""A real log of QEMU 7.2's: a guest that raises one fault after another, in 32-bit, 64-bit and user code."""

from __future__ import annotations

import lzma
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gdbstub.backends.qemu.cpu_log.code_ids import Code
from gdbstub.backends.qemu.cpu_log.log_rows import LoggedRows, LogRows, Piece
from gdbstub.backends.qemu.exception_log import Delivered, ExceptionLog

GOLDEN = Path(__file__).parents[1] / "golden" / "7.2.22-cpu-log-faults.xz"


class ToldRow(NamedTuple):
    code: Code
    pc: int
    mode: int
    wide: bool
    registers: tuple[tuple[str, int], ...]


class ToldEvent(NamedTuple):
    vector: int
    rip: int
    code: bytes


Told = ToldRow | ToldEvent


@cache
def text() -> bytes:
    return lzma.decompress(GOLDEN.read_bytes())


def told(rows: LogRows, pieces: list[Piece]) -> list[Told]:
    """Rows and events, one by one, without the numbers of batches."""
    found: list[Told] = []
    for piece in pieces:
        if isinstance(piece, Delivered):
            found.append(ToldEvent(piece.logged.vector, piece.logged.rip, piece.code))
            continue
        for at in range(piece.count):
            values = {name: int(column[at]) for name, column in piece.registers.items()}
            code = rows.ids.codes[int(piece.code[at])]
            registers = tuple(sorted(values.items()))
            found.append(ToldRow(code, int(piece.pc[at]), int(piece.mode[at]), piece.wide, registers))
    return found


def fed(*parts: bytes) -> list[Told]:
    rows = LogRows()
    return [one for part in parts for one in told(rows, rows.feed(part))]


@cache
def whole() -> tuple[Told, ...]:
    return tuple(fed(text()))


def test_each_row_has_what_its_dump_shows() -> None:
    """Seen with another reader: regular expressions over single lines."""
    dumps = text().split(b"AX=")
    last = dict(next(one for one in reversed(whole()) if isinstance(one, ToldRow) and one.wide).registers)
    shown = next(body for body in reversed(dumps[:-1]) if b"RIP=%016x" % last["rip"] in body)
    for name in ("RBX", "R15", "DR6", "DR7", "CR3", "EFER"):
        assert b"%s=%016x" % (name.encode(), last[name.lower()]) in shown
    assert b"CR0=%08x" % last["cr0"] in shown
    assert b"IDT=     %016x %08x" % (last["idt_base"], last["idt_limit"]) in shown
    assert b"CS =%04x %016x" % (last["cs"], last["cs_base"]) in shown


def test_every_exception_of_the_log_is_there_with_the_bytes_at_its_rip() -> None:
    due = [(logged.vector, logged.rip) for logged in ExceptionLog().feed(text())]
    events = [one for one in whole() if isinstance(one, ToldEvent)]
    assert [(one.vector, one.rip) for one in events] == due
    assert sum(not one.code for one in events) == 1, "the one that is a fault of the fetch"


def test_an_instruction_that_faults_leads_to_its_handler() -> None:
    told = whole()
    at = next(at for at, one in enumerate(told) if isinstance(one, ToldEvent) and one.vector == 14)
    event, row, following = told[at : at + 3]
    assert isinstance(event, ToldEvent)
    assert isinstance(row, ToldRow)
    assert isinstance(following, ToldRow)
    assert (row.code.address, row.pc) == (event.rip, following.code.address)


def test_both_widths_are_there_and_no_register_of_64_bit_code_in_32_bit_code() -> None:
    names = {one.wide: {name for name, _ in one.registers} for one in whole() if isinstance(one, ToldRow)}
    assert names[True] - names[False] == {f"r{number}" for number in range(8, 16)}


def part() -> bytes:
    """With exceptions in it, and short enough to be read often."""
    return text()[-150_000:]


@settings(max_examples=8)
@given(st.lists(st.integers(0, len(part()) - 1), max_size=6))
def test_it_is_the_same_log_wherever_it_is_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(part())]
    assert fed(*(part()[start:end] for start, end in pairwise(edges))) == fed(part())


@settings(max_examples=25)
@given(st.integers(0, 100_000), st.integers(1, 3000), st.binary(max_size=40))
def test_damage_costs_rows_and_nothing_else(start: int, size: int, junk: bytes) -> None:
    """What can't be read is passed over, and what is far behind it is as ever."""
    found = fed(part()[:start] + junk + part()[start + size :])
    due = fed(part())
    assert len(found) <= len(due) + 2
    assert [one[1:] for one in found[-20:]] == [one[1:] for one in due[-20:]], "all but what was read of the code"


def test_a_dump_that_comes_twice_is_one_row_unless_the_instruction_jumps_to_itself() -> None:
    _, second, *_ = text().split(b"AX=")[1:]
    assert b"IN:" in second
    dump = b"EAX=" + second[: second.index(b"\nEFER=") + 23]

    def run(code: bytes) -> int:
        rows = LogRows()
        address = b"0x%08x" % int(dump.split(b"EIP=")[1][:8], 16)
        new = b"----------------\nIN: \n%s:  %s  what\n\n" % (address, code)
        pieces = rows.feed(new + dump * 4 + b"EAX=")
        return sum(piece.count for piece in pieces if isinstance(piece, LoggedRows))

    assert run(b"90 ") == 0
    assert run(b"eb fe ") == 3


@pytest.mark.parametrize("junk", [b"", b"AX=", b"AX=" * 5000, b"\x00" * 4096, b"RAX=zz\nEFER=0\n" * 9])
def test_what_is_no_log_gives_nothing(junk: bytes) -> None:
    rows = LogRows()
    assert rows.feed(junk) == rows.feed(b"RAX=") == rows.stand(b"") == []


def test_another_instruction_at_the_same_address_is_not_taken_for_the_first() -> None:
    """Self-modified code is read again; where two address spaces differ, CR3 tells."""
    _, second, *_ = text().split(b"AX=")[1:]
    dump = b"EAX=" + second[: second.index(b"\nEFER=") + 23]
    moved = [dump.replace(b"EBX=0000", b"EBX=%04x" % number) for number in range(5)]
    address = b"0x%08x" % int(dump.split(b"EIP=")[1][:8], 16)

    def new(code: bytes) -> bytes:
        return b"IN: \n%s:  %s  what\n\n" % (address, code)

    rows = LogRows()
    pieces = rows.feed(new(b"90 ") + moved[0] + moved[1] + new(b"f4 ") + moved[2] + moved[3] + moved[4] + b"EAX=")
    codes = [
        rows.ids.codes[int(number)].bytes for piece in pieces if isinstance(piece, LoggedRows) for number in piece.code
    ]
    assert codes == [b"\x90", b"\x90", b"\xf4", b"\xf4"]
