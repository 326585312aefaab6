"""Vectors, exception frames and IDT gates. SDM vol. 3A 6.3-6.15; APM vol. 2 chapter 8."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from gdbstub.errors import did_you_mean
from gdbstub.x86.registers import IF, VM, Mode

ExceptionClass = Literal["fault", "trap", "abort", "interrupt", "either"]


class Frame(NamedTuple):
    """The exception frame that the CPU pushed, as read at the handler's first instruction.

    ``rsp``/``ss`` are pushed always in 64-bit mode and on a change of privilege otherwise; ``error_code`` only
    for the vectors that have one. SDM vol. 3A 6.12-6.14. ``size`` is how many bytes were pushed; ``cs_base`` and
    ``ss_base`` are those of the segments that the selectors name, for code outside of 64-bit mode.
    """

    rip: int
    cs: int
    rflags: int
    rsp: int | None = None
    ss: int | None = None
    error_code: int | None = None
    size: int | None = None
    cs_base: int | None = None
    ss_base: int | None = None


class FailedDelivery(NamedTuple):
    """What came instead of an exception that could not be delivered, since its gate or its stack is bad: another one
    (``vector``, with ``error_code``). Nothing was pushed for the first. ``vector`` is None where the CPU gave up."""

    vector: int | None
    error_code: int = 0

    def __str__(self) -> str:
        if self.vector is None:
            return "a triple fault"
        return f"{vector(self.vector).name}({self.error_code:#x})"


class TripleFault(NamedTuple):
    """An exception that could not be delivered, nor could what came instead, in the end #DF. ``vectors`` are those in
    order, () where nobody saw them; ``rip`` is where the first came, linear, and ``gates`` where the gate of each is.
    SDM vol. 3A 6.15, #DF."""

    vectors: tuple[int, ...] = ()
    rip: int | None = None
    gates: tuple[int, ...] = ()


class Vector(NamedTuple):
    """``kind`` is "either" for #DB, which is a fault or a trap by its cause, and "interrupt" where the saved RIP
    says nothing about an instruction."""

    number: int
    mnemonic: str
    title: str
    kind: ExceptionClass
    has_error_code: bool

    @property
    def name(self) -> str:
        """ "#DB" where the manuals have such a name, else "vector 32"."""
        return f"#{self.mnemonic.upper()}" if self.mnemonic else f"vector {self.number}"


VECTORS = (
    Vector(0, "de", "divide error", "fault", False),
    Vector(1, "db", "debug exception", "either", False),
    Vector(2, "nmi", "non-maskable interrupt", "interrupt", False),
    Vector(3, "bp", "breakpoint", "trap", False),
    Vector(4, "of", "overflow", "trap", False),
    Vector(5, "br", "BOUND range exceeded", "fault", False),
    Vector(6, "ud", "invalid opcode", "fault", False),
    Vector(7, "nm", "device not available", "fault", False),
    Vector(8, "df", "double fault", "abort", True),
    Vector(9, "", "coprocessor segment overrun", "abort", False),
    Vector(10, "ts", "invalid TSS", "fault", True),
    Vector(11, "np", "segment not present", "fault", True),
    Vector(12, "ss", "stack-segment fault", "fault", True),
    Vector(13, "gp", "general protection", "fault", True),
    Vector(14, "pf", "page fault", "fault", True),
    Vector(16, "mf", "x87 floating-point error", "fault", False),
    Vector(17, "ac", "alignment check", "fault", True),
    Vector(18, "mc", "machine check", "abort", False),
    Vector(19, "xm", "SIMD floating-point exception", "fault", False),
    Vector(20, "ve", "virtualization exception", "fault", False),
    Vector(21, "cp", "control protection exception", "fault", True),
    Vector(28, "hv", "hypervisor injection exception", "interrupt", False),
    Vector(29, "vc", "VMM communication exception", "fault", True),
    Vector(30, "sx", "security exception", "fault", True),
)
BIOS_IRQS = range(8, 16)
"""Vectors of the first interrupt controller as a BIOS programs it (IBM PC); real-mode code mostly keeps that."""
MOSTLY_IRQS = frozenset(BIOS_IRQS) - {12, 13}
"""Those that real-mode code hardly ever raises as exceptions: what comes there is the timer and its like."""
_BY_NUMBER = {row.number: row for row in VECTORS}
_BY_NAME = {row.mnemonic: row for row in VECTORS if row.mnemonic}


def vector(which: int | str) -> Vector:
    """The vector of that number (0-255) or name ("db", "#DB", "14", "0xe"); ValueError with one sentence."""
    if isinstance(which, str):
        named = _BY_NAME.get(which.strip().removeprefix("#").lower())
        if named is not None:
            return named
        try:
            number = int(which, 0)
        except ValueError:
            guess = did_you_mean(which.strip().lower(), _BY_NAME)
            raise ValueError(
                f"{which!r} is neither a vector's name (db, bp, pf, …) nor a number{f'; {guess}' if guess else '.'}"
            ) from None
    else:
        number = which
    if not 0 <= number <= 255:
        raise ValueError(f"Vector {number} does not exist; they go from 0 to 255.")
    return _BY_NUMBER.get(number) or Vector(number, "", "interrupt", "interrupt", False)


def bios_irq(number: int, mode: Mode, frame: Frame | None) -> int | None:
    """The IRQ that may have come through vector ``number`` of real mode; None where it can't: elsewhere, or with IF
    clear in the interrupted RFLAGS."""
    if mode != 16 or number not in BIOS_IRQS or (frame is not None and not frame.rflags & IF):
        return None
    return number - BIOS_IRQS[0]


def frame_size(mode: Mode, *, has_error_code: bool, privilege_change: bool = False) -> int:
    """Bytes that the CPU pushed, in the handler's mode. 64-bit mode pushes SS:RSP always; real mode (16) pushes
    no error code and never SS:SP, so ``privilege_change`` there means a 16-bit gate of protected mode."""
    width = mode // 8
    words = 5 if mode == 64 or privilege_change else 3
    return (words + has_error_code) * width


def largest_frame(mode: Mode, *, has_error_code: bool) -> int:
    """Bytes of the largest frame that a gate of that mode pushes: in 32-bit mode that from virtual-8086 mode, which has
    ES, DS, FS and GS as well."""
    size = frame_size(mode, has_error_code=has_error_code, privilege_change=True)
    return size + 4 * 4 if mode == 32 else size


def parse_frame(
    stack: bytes, mode: Mode, *, has_error_code: bool, privilege_change: bool | None = None
) -> Frame | None:
    """The frame at the handler's first instruction from the bytes at SS:RSP, or None where they are too few.

    ``privilege_change`` None means: decide by the saved CS and whether the bytes are enough (a CPL 3 selector: yes, and
    virtual-8086 mode, which pushes ES, DS, FS and GS as well: SDM vol. 3B 20.3.1).
    """
    width = mode // 8
    words = [int.from_bytes(stack[at : at + width], "little") for at in range(0, len(stack) - width + 1, width)]
    error_code = None
    if has_error_code and words:
        error_code, *words = words
    if len(words) < 3:
        return None
    rip, cs, rflags = words[0], words[1] & 0xFFFF, words[2]
    virtual = mode == 32 and bool(rflags & VM)
    if privilege_change is None:
        privilege_change = virtual or (bool(cs & 3) and mode != 16)
    size = frame_size(mode, has_error_code=has_error_code, privilege_change=privilege_change) + 4 * width * virtual
    if mode != 64 and not privilege_change:
        return Frame(rip, cs, rflags, None, None, error_code, size)
    if len(words) < 5:
        return None
    return Frame(rip, cs, rflags, words[3], words[4] & 0xFFFF, error_code, size)


class Gate(NamedTuple):
    """One entry of the interrupt table. ``type`` is the descriptor type (0xE interrupt, 0xF trap, 5 task gate), None
    in real mode. ``offset`` is in the code segment ``selector``."""

    offset: int
    selector: int
    type: int | None
    ist: int
    dpl: int
    present: bool


GATE_SIZES = {16: 4, 32: 8, 64: 16}


def parse_gate(data: bytes, mode: Mode) -> Gate | None:
    """An entry of the real-mode vector table (16), of a 32-bit IDT (8 bytes) or of a long-mode IDT (16 bytes);
    None where ``data`` is too short. Mode is that of the table: long mode is 64 whatever CS.L says."""
    if len(data) < GATE_SIZES[mode]:
        return None
    low = int.from_bytes(data[0:2], "little")
    selector = int.from_bytes(data[2:4], "little")
    if mode == 16:
        return Gate(low, selector, None, 0, 0, True)
    attributes = int.from_bytes(data[4:6], "little")
    kind = attributes >> 8 & 0xF
    offset = low | int.from_bytes(data[6:8], "little") << 16
    if kind in (6, 7):  # 16-bit gates have no upper half
        offset = low
    ist = 0
    if mode == 64:
        offset |= int.from_bytes(data[8:12], "little") << 32
        ist = attributes & 7
    return Gate(offset, selector, kind, ist, attributes >> 13 & 3, bool(attributes >> 15))


def names(vectors: Iterable[int]) -> str:
    """ "#DB, #BP, vector 32"."""
    return ", ".join(vector(number).name for number in vectors)
