"""Whether a guest that is not ours can be tested where it stands, and with what: answers from its state. No I/O."""

from __future__ import annotations

from gdbstub.x86.cpu_state import CpuState

RANGE = range(4)
_ATTRIBUTES = 0x00F0_FF00
"""Of a descriptor's second doubleword: what the monitor shows as a segment's attributes."""
FLAT = ("cs", "ss", "ds", "es")


def unsuitable(state: CpuState) -> str | None:
    """Why nothing can be tested here; None where it can."""
    if state.mode == 16:
        return "the guest runs 16-bit code; stop it in 32-bit or 64-bit code"
    if not state.shows_mode:
        return "this stub shows neither control registers nor the hidden part of CS, so the CPU mode is not known"
    if state.segments is None and state.mode != 64:
        return "this stub does not show the bases of segments"
    if state.mode == 32 and state.segments is not None and any(state.segments[name].base for name in FLAT):
        return "the guest's segments do not begin at 0; stop it where they do"
    return None


def own_breakpoint_in(state: CpuState, spans: tuple[tuple[int, int], ...]) -> int | None:
    """The number of a debug register that the guest has armed inside of ``spans`` (address, length); None for none.

    DR7 bits 0-7: SDM vol. 3B 18.2.4. A register of the guest covers 8 bytes at most.
    """
    debug = state.debug
    if debug.dr7 is None:
        return None
    for number, value in zip(RANGE, debug[:4], strict=True):
        armed = debug.dr7 >> 2 * number & 3
        if armed and value is not None and any(a - 8 < value < a + length for a, length in spans):
            return number
    return None


def descriptor_address(state: CpuState) -> int | None:
    """Where the descriptor of SS lies, if in the GDT; None where it is none that MOV SS could load."""
    if state.segments is None or state.tables is None:
        return None
    selector = state.segments["ss"].selector
    base, limit = state.tables.gdt
    index = selector & ~7
    if not index or selector & 4 or index + 7 > limit:
        return None
    return base + index


def is_loaded_as(state: CpuState, descriptor: bytes) -> bool:
    """Would loading ``descriptor`` into SS change nothing, not even its accessed bit? SDM vol. 3A 3.4.5."""
    if state.segments is None or len(descriptor) != 8:
        return False
    low, high = int.from_bytes(descriptor[:4], "little"), int.from_bytes(descriptor[4:], "little")
    base = low >> 16 | (high & 0xFF) << 16 | high & 0xFF00_0000
    limit = low & 0xFFFF | high & 0xF_0000
    if high & 1 << 23:
        limit = limit << 12 | 0xFFF
    ss = state.segments["ss"]
    return (base, limit, high & _ATTRIBUTES) == (ss.base, ss.limit, ss.attributes & _ATTRIBUTES)
