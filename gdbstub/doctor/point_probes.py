"""The probes of breakpoints and watchpoints, Z0 to Z4: one row each."""

from __future__ import annotations

from collections.abc import Callable

from gdbstub.backends import Backend
from gdbstub.doctor.judges import (
    accesses,
    after_watch,
    continues_off,
    exact_watch,
    slots,
    step_names_watch,
    steps_off,
    stops_at,
    visible_int3,
)
from gdbstub.doctor.probe import Need, PointArmed, Probe, code, data
from gdbstub.x86.breakpoints import BreakpointKind

NOPS = ("90 90 90 90", "nop; nop; nop; nop")
LOADS = ("8a07 8807 90", "mov al, [rdi]; mov [rdi], al; nop")
STORES = ("8806 8802 8803 8807", "mov [rsi], al; mov [rdx], al; mov [rbx], al; mov [rdi], al")
STACK: frozenset[Need] = frozenset({"stack"})
PACKETS = 'gdb manual, "Packets": Z0 to Z4'
MOST_SLOTS = 16
STEPPED_OFF, UNSEEN = "runs the instruction", "memory does not show it"


def _slots(backend: Backend) -> str:
    limit = backend.capabilities.hardware_slots
    return f"{MOST_SLOTS} and more" if limit is None else str(limit)


def _steps_off(backend: Backend) -> str:
    return STEPPED_OFF if backend.steps_off_breakpoints else "reports it again"


def _patches(backend: Backend) -> str:
    return "memory shows it" if backend.capabilities.software_patches_memory else UNSEEN


def _reads(backend: Backend) -> str:
    return "stops at loads" if backend.capabilities.read_watchpoints else "not supported"


def _echo(backend: Backend) -> str:
    return "stops once more, without progress" if backend.repeats_watches else "1 instruction"


def _width(length: int, offset: int) -> Callable[[Backend], str]:
    def expected(backend: Backend) -> str:
        lengths = backend.capabilities.watch_lengths
        return "exact" if not lengths or (length in lengths and offset % length == 0) else "refused"

    return expected


def _watch(length: int, offset: int, line: str) -> Probe:
    """Stores at the byte before, the byte behind, the first byte and the last byte of what is watched."""
    return Probe(
        f"watch-{length}-at-{offset}", "watchpoints", line, *STORES, "ccc", exact_watch, _width(length, offset),
        "profile: watch_lengths", points=(PointArmed(BreakpointKind.WRITE, data(offset), length),), needs=STACK,
        registers=(
            ("rsi", data(offset - 1)), ("rdx", data(offset + length)), ("rbx", data(offset)),
            ("rdi", data(offset + length - 1)),
        ),
        ideal="exact", variant=f"{length}" if offset % length == 0 else f"{length} at +{offset}",
        follows=(
            ("fires outside of it", "A hit may be an access beside it."),
            ("misses a part of it", "An access can go unseen."),
            ("never fires", "The stub says OK, and nothing ever stops."),
        ),
    )  # fmt: skip


HARDWARE: tuple[Probe, ...] = (
    Probe("hardware", "breakpoints", "hardware breakpoint (Z1)", *NOPS, "c", stops_at(2), "stops at it", PACKETS,
          points=(PointArmed(BreakpointKind.EXECUTE, code(2)),)),
    Probe("hardware-slots", "breakpoints", "hardware slots", *NOPS, "", slots, _slots, "profile: hardware_slots",
          points=tuple(PointArmed(BreakpointKind.EXECUTE, code(n)) for n in range(MOST_SLOTS)),
          ideal=f"{MOST_SLOTS} and more"),
    Probe("hardware-step-off", "breakpoints", "step from one (Z1)", *NOPS, "s", steps_off, _steps_off,
          "profile: steps_off_breakpoints", points=(PointArmed(BreakpointKind.EXECUTE, code(0)),), ideal=STEPPED_OFF),
    Probe("hardware-continue-off", "breakpoints", "continue from one (Z1)", "ffc0 ebfc", "1: inc eax; jmp 1b", "c",
          continues_off, "reports it again", "profile: steps_off_breakpoints",
          points=(PointArmed(BreakpointKind.EXECUTE, code(0)),)),
)  # fmt: skip

SOFTWARE: tuple[Probe, ...] = (
    Probe("software", "breakpoints", "software breakpoint (Z0)", *NOPS, "c", stops_at(2), "stops at it", PACKETS,
          points=(PointArmed(BreakpointKind.SOFTWARE, code(2)),)),
    Probe("software-memory", "breakpoints", "the int3 of Z0", *NOPS, "", visible_int3, _patches,
          "profile: software_patches_memory", points=(PointArmed(BreakpointKind.SOFTWARE, code(2)),), ideal=UNSEEN),
    Probe("software-step-off", "breakpoints", "step from one (Z0)", *NOPS, "s", steps_off, _steps_off,
          "profile: steps_off_breakpoints", points=(PointArmed(BreakpointKind.SOFTWARE, code(0)),), ideal=STEPPED_OFF),
)  # fmt: skip

WATCHPOINTS: tuple[Probe, ...] = (
    Probe("watch-write", "watchpoints", "write watchpoint (Z2)", *LOADS, "cc", accesses, "stops at stores", PACKETS,
          points=(PointArmed(BreakpointKind.WRITE, data(0), 4),), registers=(("rdi", data(2)),), needs=STACK),
    Probe("watch-read", "watchpoints", "read watchpoint (Z3)", *LOADS, "cc", accesses, _reads,
          "profile: read_watchpoints", points=(PointArmed(BreakpointKind.READ, data(0), 4),),
          registers=(("rdi", data(2)),), needs=STACK, ideal="stops at loads"),
    Probe("watch-access", "watchpoints", "access watchpoint (Z4)", *LOADS, "cc", accesses,
          "stops at loads and stores", PACKETS, points=(PointArmed(BreakpointKind.ACCESS, data(0), 4),),
          registers=(("rdi", data(2)),), needs=STACK),
    *(_watch(length, 0, "watch, aligned") for length in (1, 2, 4, 8)),
    *(_watch(length, 1, "watch, unaligned") for length in (2, 4, 8)),
    *(_watch(length, 0, "watch, other lengths") for length in (3, 16)),
    Probe("watch-step", "watchpoints", "step over a watched store", "8807 90 90", "mov [rdi], al; nop; nop", "s",
          step_names_watch, "named", PACKETS, points=(PointArmed(BreakpointKind.WRITE, data(0), 4),),
          registers=(("rdi", data(0)),), needs=STACK, follows=(("not named", "The stop looks like any step."),)),
    Probe("watch-step-after", "watchpoints", "the step behind that one", "8807 90 90", "mov [rdi], al; nop; nop", "ss",
          after_watch, _echo, "profile: repeats_watches", points=(PointArmed(BreakpointKind.WRITE, data(0), 4),),
          registers=(("rdi", data(0)),), needs=STACK, ideal="1 instruction"),
)  # fmt: skip
