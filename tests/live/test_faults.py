"""Exceptions that a real guest raises: what dr6 says of each is what the guest did."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from gdbstub.explain.deviations.vectors import EVENT_RULES
from gdbstub.explain.exception_facts import ExceptionFacts
from gdbstub.explain.stop_facts import StopFacts
from tests.guests.build import build
from tests.guests.image import read_image
from tests.live.test_commands import on_guest

pytestmark = [pytest.mark.live, pytest.mark.slow]


class Raised(NamedTuple):
    """One exception of the guest: the label of its instruction, its vector, and words of the reasons."""

    label: str
    vector: int
    said: str


STACK = 12
INSTEAD_OF_STACK = 13
"""QEMU TCG, seen on 7.2.22, raises #GP where hardware raises #SS, and that is a contradiction."""

EXPECTED = (
    Raised("write", 14, "CR2 lies in what `mov qword ptr [rbx], rax` writes, the 8 bytes at 0x400000"),
    Raised("read", 14, "CR2 lies in what `mov rax, qword ptr [rbx]` reads, the 8 bytes at 0x400000"),
    Raised("change", 14, "reads and writes, the 8 bytes at 0x400000"),
    Raised("fetch", 14, "that is the saved RIP: an instruction fetch, which the error code tells only where NX is on"),
    Raised("protected", 14, "error code protection violation, write, supervisor mode; CR2 is 0x300008"),
    Raised("across", 14, "CR2 is 0x400000; CR2 lies in what `mov rax, qword ptr [rbx]` reads, the 8 bytes at 0x3ffffc"),
    Raised("push_stack", 14, "CR2 lies in what `push rax` writes, the stack slot at 0x4ffff8"),
    Raised("pop_stack", 14, "CR2 lies in what `pop rax` reads, the stack slot at 0x500000"),
    Raised("not_canonical", 13, "`mov rax, qword ptr [rbx]` reads 0x800000000000, which is not canonical (48 bits)"),
    Raised("stack_not_canonical", STACK, "`push rax` writes 0x800000000008, which is not canonical (48 bits)"),
    Raised("absent", 11, "error code 0x18 (GDT selector 0x18)"),
    Raised("selector", 13, "error code 0x70 (GDT selector 0x70)"),
    Raised("divide", 0, "the divisor is 0"),
    Raised("undefined", 6, "UD2 raises it by definition"),
    Raised("unavailable", 7, "CR0.TS is 1"),
    Raised("no_gate", 13, "(IDT vector "),
    Raised("overflow", 8, "CR2 (0x4ffff8) is just below the RSP of the frame (0x500000): as after a stack overflow"),
)


async def test_each_exception_of_the_guest_is_accounted_for() -> None:
    symbols = read_image(build("faults")).symbols
    async with on_guest("faults") as live:
        await live.run("hbreak *all", "continue", "delete", "catch de,ud,nm,df,np,ss,gp,pf")
        for expected in EXPECTED:
            await live.run("continue")
            record = live.session.record
            assert record.event is not None, expected
            departs = expected.vector == STACK and record.event.vector == INSTEAD_OF_STACK
            assert departs or record.event.vector == expected.vector, expected
            assert record.event.frame is not None
            assert record.event.frame.rip == symbols.get(expected.label, 0x400000)
            cause = record.explanation.causes[0]
            assert (cause.cause, cause.owner, cause.confidence) == ("exception", "guest", "certain")
            assert expected.said in "; ".join(cause.because)
            event = ExceptionFacts(StopFacts(record.evidence))
            against = [text for rule in EVENT_RULES for text in rule(event, [])]
            assert ["#SS with error code 0" in text for text in against] == [True] * departs
