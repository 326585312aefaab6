"""One vCPU while it is stopped: its registers, the hidden parts of its segments, its debug registers. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from gdbstub.errors import GdbError
from gdbstub.x86.breakpoints import ArmedBreakpoint
from gdbstub.x86.registers import EFER_LMA, MASK_16, MASK_32, Mode

LONG_SELECTORS = (0x33, 0x43)
"""Of 64-bit user code under Linux and FreeBSD."""

DebugRegisterSource = Literal["monitor", "qmp", "xenctx", "dr6-vcpu", "registers", "log", "unknown"]


ExitEvent = Literal["db", "bp", "int1", "none"]


class LastExit(NamedTuple):
    """How a vCPU last left the guest, where somebody shows it. None is unknown."""

    dr6: int | None = None
    """DR6 as the vCPU left the guest with it: with the bits of dr6's own breakpoints."""
    dr7: int | None = None
    """DR7 as the vCPU ran with it until then."""
    event: ExitEvent | None = None
    """The exception that it was for: #DB, #BP, INT1; "none" for any other reason."""
    source: str | None = None
    """Who shows it, where it is not who shows the debug registers."""


NO_EXIT = LastExit()


class DebugState(NamedTuple):
    """DR0-3, DR6 and DR7 of the guest's own vCPU, and where they were read. None is unknown, ``unread`` says why."""

    dr0: int | None = None
    dr1: int | None = None
    dr2: int | None = None
    dr3: int | None = None
    dr6: int | None = None
    dr7: int | None = None
    source: DebugRegisterSource = "unknown"
    unread: str = "this stub does not show the debug registers"
    derived_dr6: int | None = None
    """What DR6 has to be where it was not read."""
    shared: tuple[ArmedBreakpoint, ...] = ()
    """Those breakpoints of dr6's own, in the registers of their ``slot`` instead of the guest's values."""
    exit: LastExit = NO_EXIT

    @property
    def is_partly_read(self) -> bool:
        """Was DR6 left out where the others are known?"""
        return self.dr6 is None and self.dr7 is not None


class Segment(NamedTuple):
    """A segment register with its hidden part. ``attributes`` is the descriptor's second doubleword, masked."""

    selector: int
    base: int
    limit: int
    attributes: int


class DescriptorTables(NamedTuple):
    """GDTR and IDTR (base, limit); LDTR and TR with their hidden parts."""

    gdt: tuple[int, int]
    idt: tuple[int, int]
    ldt: Segment
    tr: Segment


class Registers(dict[str, int]):
    """Registers by name. A stub need not have the one that is asked for: that is a sentence for the user."""

    def __missing__(self, name: str) -> int:
        raise GdbError(f"The stub shows no {name.upper()} of this vCPU, which is needed for that.")


@dataclass(frozen=True, slots=True)
class CpuState:
    """One vCPU while it is stopped.

    ``registers`` maps the names of the target description to values (``eflags`` is called ``rflags``, and the
    32-bit names are widened to ``rax``…), in the description's order, at most 64 bits wide; x87 and SSE registers
    are left out. ``segments`` and ``tables`` are None where the backend doesn't show them. ``architecture`` is the
    mode that the user says (``set architecture``), None where that is left to the CPU; where the CPU does not show
    its ``mode``, that is the same.
    """

    cpu: int
    """From 0."""
    registers: dict[str, int]
    """Asking for one that the stub does not show is a `GdbError`."""
    debug: DebugState
    mode: Mode
    """Bits of the code at RIP: 16, 32 or 64."""
    cpl: int | None
    """The privilege level, from 0 to 3; None where CS is not shown."""
    segments: dict[str, Segment] | None = None
    tables: DescriptorTables | None = None
    halted: bool | None = None
    """Does it wait in HLT? None: not known."""
    architecture: Mode | None = None
    """What the user says that code is."""

    @property
    def shows_mode(self) -> bool:
        """Whether anything tells the mode: a stub that shows neither control registers nor the hidden parts of segments
        has one layout of registers for real mode, too, in which x86 CPUs begin. RIP tells it where only one mode has
        such a one: 16-bit code ends at 64 KiB (SDM vol. 3A 21.1.1), 32-bit code at 4 GiB."""
        registers = self.registers
        told = self.segments is not None or "cr0" in registers or self.debug.source != "unknown"
        if "r8" not in registers:
            return told or self.rip > MASK_16
        long = self.rip > MASK_32 or registers.get("efer", 0) & EFER_LMA or registers.get("cs") in LONG_SELECTORS
        return told or bool(long)

    @property
    def code_mode(self) -> Mode | None:
        """How code is to be read: as the user says, else as the CPU does. None where neither is known."""
        return self.architecture or (self.mode if self.shows_mode else None)

    def segment_base(self, name: str) -> int | None:
        """The base of a segment register; in real mode 16 times the selector. None where nothing shows it."""
        if self.segments is not None and name in self.segments:
            return self.segments[name].base
        if self.mode == 16 and name in self.registers:
            return (self.registers[name] & 0xFFFF) << 4
        return self.registers.get(f"{name}_base")

    @property
    def rip(self) -> int:
        """RIP, an offset into CS."""
        return self.registers["rip"]

    @property
    def pc(self) -> int:
        """The linear address of the next instruction: CS base + RIP, as breakpoints see it."""
        base = None if self.mode == 64 else self.segment_base("cs")
        return self.registers["rip"] if base is None else (base + self.registers["rip"]) & 0xFFFF_FFFF
