"""Which access a #PF was about: its error code, CR2, and the operands of the instruction at the saved RIP.

The instruction has not run, so the general registers of the handler's first instruction, with the RSP of the frame,
name the addresses that it was about to touch. SDM vol. 3A 4.7 and 6.15; vol. 3A 6.13 for accesses of the CPU itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gdbstub.explain.exception_facts import ExceptionFacts
from gdbstub.explain.stop_facts import known
from gdbstub.x86.decode import LONGEST, RIP_MASKS
from gdbstub.x86.error_codes import FETCH, KEY, PRESENT, RESERVED, SGX, SHADOW_STACK, USER, WRITE
from gdbstub.x86.instructions import MemoryOperand, Shape
from gdbstub.x86.operands import touched
from gdbstub.x86.registers import PARTS, SEGMENTS, VM

PAGE_FAULT = 14
PAGE = 0x1000

PLAIN = frozenset(
    (
        *("mov", "movabs", "movzx", "movsx", "movsxd", "add", "adc", "sub", "sbb", "and", "or", "xor", "cmp", "test"),
        *("inc", "dec", "not", "neg", "xchg", "imul", "mul", "div", "idiv", "push", "pop", "call", "ret", "jmp", "je"),
        *("movaps", "movdqu", "movdqa", "stosb", "stosw", "stosd", "stosq", "lodsb", "lodsw", "lodsd"),
        *("lodsq", "movsb", "movsw", "movsq", "nop", "lea"),
    )
)
"""Instructions that touch no memory but their operands and the stack as `decode` lists them, in those directions. Only
what is sure stands here: for any other a mistake of the decoder's would be told as one of the platform's."""


class PageAccess(NamedTuple):
    """What the instruction was about to do at a linear address. ``does``: "reads", "writes", or "accesses" where the
    decoder can't be trusted with that."""

    operand: MemoryOperand
    address: int
    does: str

    def covers(self, address: int) -> bool:
        return 0 <= address - self.address < self.operand.size

    @property
    def place(self) -> str:
        kind = "stack slot" if self.operand.pushed else f"{self.operand.size} bytes"
        return f"the {kind} at {self.address:#x}"


class AccessVerdict(NamedTuple):
    """Reasons, and where the error code, CR2 and the instruction can't all be right."""

    because: tuple[str, ...] = ()
    against: tuple[str, ...] = ()


def judge(event: ExceptionFacts) -> AccessVerdict:
    """For a #PF at its handler; empty where the facts are missing."""
    code = None if event.frame is None else event.frame.error_code
    cr2 = known(event.scene.evidence.after.cr2)
    if event.vector != PAGE_FAULT or code is None:
        return AccessVerdict()
    against = tuple(_impossible(event, code))
    if cr2 is None:
        return AccessVerdict((), against)
    fetched = code & FETCH or (cr2 == event.at and not code & WRITE)
    rule = _fetch if fetched else _data
    said = rule(event, code, cr2)
    return AccessVerdict(said.because, against + said.against)


def cpl(event: ExceptionFacts) -> int | None:
    """Of the interrupted code, which is no real mode's: that has no paging. Virtual-8086 mode runs at CPL 3 whatever
    its CS is."""
    if event.frame is None:
        return None
    if event.frame.rflags & VM and not event.in_64_bit_code:
        return 3
    return event.cpl if event.mode_known else event.frame.cs & 3


def _impossible(event: ExceptionFacts, code: int) -> Iterator[str]:
    """Bits that no CPU sets together."""
    for bit, name in ((RESERVED, "a reserved bit"), (KEY, "a protection key"), (SGX, "an SGX violation")):
        if code & bit and not code & PRESENT:
            yield f"The error code {code:#x} says {name} in a page that is not present; hardware looks no further."
    if code & FETCH and code & WRITE:
        yield f"The error code {code:#x} says write and instruction fetch at once; hardware sets one of the two."
    level = cpl(event)
    if code & USER and not code & SHADOW_STACK and level is not None and level < 3:
        yield f"The error code {code:#x} says user mode, but the interrupted code ran at CPL {level}."


def _fetch(event: ExceptionFacts, code: int, cr2: int) -> AccessVerdict:
    at = event.at
    if at is None:
        return AccessVerdict()
    if cr2 == at:
        told = "" if code & FETCH else ", which the error code tells only where NX is on"
        return AccessVerdict((f"that is the saved RIP: an instruction fetch{told}",))
    if 0 < cr2 - at < LONGEST and cr2 % PAGE == 0:
        return AccessVerdict(("the instruction at the saved RIP goes on in the page that begins there: its fetch",))
    if not event.exact_address:
        return AccessVerdict()
    return AccessVerdict(
        (), (f"The error code says an instruction fetch, but CR2 ({cr2:#x}) is not in the instruction at {at:#x}.",)
    )


def _data(event: ExceptionFacts, code: int, cr2: int) -> AccessVerdict:
    what = event.next_shape()
    if what is None or event.at is None or code & SHADOW_STACK:  # SSP, which no stub shows, names that stack
        return AccessVerdict()
    found, whole = accesses(event, what)
    meeting = [one for one in found if one.covers(cr2)]
    if meeting:
        return _agrees(what, code, cr2, meeting)
    if not whole or not event.exact_address or not is_plain(what):
        return AccessVerdict()
    nowhere = f"CR2 lies in no operand of `{what.text}`"
    if code & USER:
        return AccessVerdict(
            (), (f"{nowhere}, and accesses of the CPU itself are not of user mode as the error code says.",)
        )
    return AccessVerdict(
        (f"{nowhere}: an access of the CPU itself, to a table or to the stack of an event that it delivered",)
    )


def _agrees(what: Shape, code: int, cr2: int, meeting: list[PageAccess]) -> AccessVerdict:
    writes = bool(code & WRITE)
    for one in meeting:
        fits = one.operand.writes if writes else one.operand.reads
        if fits or what.mnemonic not in PLAIN:
            return AccessVerdict((f"CR2 lies in what `{what.text}` {one.does}, {one.place}",))
    said, does = ("a write", "only reads") if writes else ("a read", "only writes")
    return AccessVerdict((), (f"The error code says {said}, but CR2 ({cr2:#x}) lies in what `{what.text}` {does}.",))


def is_plain(what: Shape) -> bool:
    """Whether `decode` lists all that the instruction touches. Loading a segment register reads a descriptor, and a
    REP may be ahead of its registers."""
    loads = any(name.rstrip(",") in SEGMENTS for name in what.text.split()[1:2])
    return what.mnemonic in PLAIN and not loads and "rep" not in what.traits


def _does(what: Shape, operand: MemoryOperand) -> str:
    if what.mnemonic not in PLAIN:
        return "accesses"
    if not operand.writes:
        return "reads"
    return "reads and writes" if operand.reads else "writes"


def _same_stack(event: ExceptionFacts, operand: MemoryOperand) -> bool:
    """Outside of 64-bit mode the base of SS may have changed with the delivery."""
    return event.mode == 64 or operand.segment != "ss"


def _full_width(event: ExceptionFacts, operand: MemoryOperand) -> bool:
    """Whether the address is as wide as the mode: with a prefix 67 it wraps at another width."""
    registers = (PARTS.get(name) for name in (operand.base, operand.index_register))
    return all(one is None or one.mask == RIP_MASKS[event.mode] for one in registers)


def accesses(event: ExceptionFacts, what: Shape) -> tuple[list[PageAccess], bool]:
    """The places that the instruction at the saved RIP was about to touch, and whether these are all."""
    found, whole = [], True
    behind = (event.at or 0) + len(what.bytes)
    for operand in what.memory:
        told = _same_stack(event, operand) and _full_width(event, operand)
        address = touched(operand, event.registers, behind, event.mode, executed=False) if told else None
        if address is None or operand.size == 0:
            whole = False
        else:
            found.append(PageAccess(operand, address, _does(what, operand)))
    return found, whole
