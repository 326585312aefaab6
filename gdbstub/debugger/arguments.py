"""What a debugger is asked for: one sentence for what no guest can have, before anything is sent."""

from __future__ import annotations

from gdbstub.errors import GdbError, Refused
from gdbstub.x86.breakpoints import BreakpointKind

ADDRESSES = 1 << 64


def checked_kind(kind: BreakpointKind, address: int | None, length: int, vector: int | None) -> BreakpointKind:
    """``kind``, as a user's breakpoint may have it. Raises `Refused` where the others do not go with it."""
    try:
        kind = BreakpointKind(kind)
    except ValueError:
        raise Refused("breakpoint", "", f"There is no kind of breakpoint that is called {kind!r}.") from None
    if kind is BreakpointKind.IO:
        raise Refused("breakpoint", "", "The remote protocol has no breakpoints on I/O ports.")
    if kind is BreakpointKind.SOFTWARE:
        raise Refused("breakpoint", "", "A software breakpoint is one of kind execute, with means 'sw'.")
    if kind is BreakpointKind.CATCH:
        if vector is None or not 0 <= vector <= 255:
            raise Refused("catch", "", f"To catch an exception takes a vector from 0 to 255, not {vector}.")
    elif address is None:
        raise Refused("breakpoint", "", f"A breakpoint of kind {kind} needs an address.")
    if address is not None and not 0 <= address < ADDRESSES:
        raise Refused("breakpoint", "", f"The address {address:#x} has more than 64 bits, or is negative.")
    if kind.is_watch and length < 1:
        raise Refused("watch", "", f"A watchpoint is 1 byte long or more, not {length}.")
    return kind


def check_range(address: int, length: int) -> None:
    """Raises `Refused` for what is no range of linear memory."""
    if not 0 <= address < ADDRESSES or length < 0:
        raise Refused("memory", "", f"No memory has {length} bytes at {address:#x}: addresses go from 0 to 2^64 - 1.")


def check_count(count: int | None) -> None:
    """Raises `GdbError` for a number of steps that is none."""
    if count is not None and count < 1:
        raise GdbError(f"The number of steps is 1 or more, not {count}.")


def check_value(name: str, value: int, bits: int) -> None:
    """Raises `GdbError` for what does not fit into the register ``name``."""
    if not 0 <= value < 1 << bits:
        raise GdbError(f"The value {value:#x} does not fit into {name}, which has {bits} bits.")
