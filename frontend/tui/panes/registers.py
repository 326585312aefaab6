"""What are the registers, and what changed since the vCPU's previous stop."""

from __future__ import annotations

from collections.abc import Iterator

from frontend.tui.panes.text import EMPTY, Line, Page, columns, line, page, span, wrap
from frontend.tui.view import ViewState
from gdbstub.x86.cpu_state import CpuState
from gdbstub.x86.registers import GENERAL, GENERAL_64, SEGMENTS, flag_names

NAME = "registers"
COLUMN = 24
CHANGED = "•"
_POINTERS = {16: "ip", 32: "eip", 64: "rip"}
_FLAGS = {16: "eflags", 32: "eflags", 64: "rflags"}
"""Also in 16-bit code: VM and RF are in the upper half."""
_DIGITS = {16: 4, 32: 8, 64: 16}
_NARROW = {"cr0", "cr4", "cr8", "efer", "rflags", "mxcsr"}
_DEBUG = frozenset({"dr0", "dr1", "dr2", "dr3", "dr4", "dr5", "dr6", "dr7"})


def changed(state: CpuState, before: CpuState | None) -> frozenset[str]:
    """The names of the registers that differ from those ``before``."""
    if before is None:
        return frozenset()
    old = before.registers
    return frozenset(name for name, value in state.registers.items() if name in old and old[name] != value)


def _row(name: str, shown: str, differs: bool, name_width: int = 6) -> Line:
    return line(
        span(CHANGED if differs else " ", "changed"),
        span(f"{name:<{name_width}} ", "name"),
        span(shown, "changed" if differs else ""),
    )


def _general(state: CpuState, new: frozenset[str]) -> Iterator[Line]:
    digits = _DIGITS[state.mode]
    mask = (1 << 4 * digits) - 1
    for whole, name in zip(GENERAL_64, GENERAL[state.mode], strict=False):
        if whole in state.registers:
            yield _row(name, f"{state.registers[whole] & mask:0{digits}x}", whole in new)
    # outside of 64-bit mode nothing that runs can use r8-r15, but what they hold comes back with it
    for name in GENERAL_64[8:] if state.mode != 64 else ():
        if state.registers.get(name):
            yield _row(name, f"{state.registers[name]:016x}", name in new)


def _flags(state: CpuState, new: frozenset[str], width: int) -> list[Line]:
    if "rflags" not in state.registers:
        return []
    value = state.registers["rflags"]
    lines = [_row(_FLAGS[state.mode], f"{value:08x}", "rflags" in new)]
    if names := flag_names(value):
        lines.extend(wrap(" ".join(names), width - 1, "changed" if "rflags" in new else "", first=" " * 3))
    return lines


def _segment(state: CpuState, name: str, new: frozenset[str]) -> Line:
    hidden = None if state.segments is None else state.segments.get(name)
    selector = hidden.selector if hidden is not None else state.registers[name]
    row = _row(name, f"{selector:04x}", name in new, name_width=2)
    return (*row, span(f" {hidden.base:08x}", "dim")) if hidden is not None and hidden.base else row


def _segments(state: CpuState, new: frozenset[str], width: int) -> list[Line]:
    known = [n for n in SEGMENTS if n in state.registers or (state.segments is not None and n in state.segments)]
    rows = [_segment(state, name, new) for name in known]
    based = state.segments is not None and any(segment.base for segment in state.segments.values())
    each = 17 if based else 8
    return columns(rows, width, max(1, min(len(rows), (width + 1) // (each + 1)))) if rows else []


def _others(state: CpuState, new: frozenset[str]) -> Iterator[Line]:
    """Control registers, bases, and whatever else the stub describes."""
    seen = {*GENERAL_64, *SEGMENTS, *_DEBUG, "rip", "rflags"}
    for name, value in state.registers.items():
        if name not in seen:
            digits = 8 if name in _NARROW or value < 1 << 32 else 16
            yield _row(name, f"{value:0{digits}x}", name in new, name_width=max(6, len(name)))


def render(view: ViewState, width: int, height: int) -> Page:
    state = view.state
    if state is None:
        return Page((line(span("the guest is gone" if view.stops else "no stop yet", "dim")),))
    new = changed(state, None if view.previous is None else view.previous.state)
    count = max(1, min(4, width // COLUMN))
    digits = _DIGITS[state.mode]
    pointer = _row(_POINTERS[state.mode], f"{state.rip & ((1 << 4 * digits) - 1):0{digits}x}", "rip" in new)
    if count == 1:
        lines = [pointer, *_flags(state, new, width), *_general(state, new)]
    else:
        flags = _flags(state, new, width)
        lines = columns(_general(state, new), width, count)
        lines.append((*columns([pointer, flags[0] if flags else EMPTY], width, count)[0],))
        lines.extend(flags[1:])
    lines.extend(_segments(state, new, width))
    lines.extend(columns(_others(state, new), width, count))
    return page(lines, width, height, scroll=view.scroll.get(NAME, 0))


def note(view: ViewState) -> str:
    """How much changed, and since when."""
    state, previous = view.state, view.previous
    if state is None or previous is None:
        return ""
    count = len(changed(state, previous.state) - {"rip"})
    return f"{count} changed since #{previous.number}" if count else f"as at #{previous.number}"
