"""What the guest does to itself, and what gdbsx makes of it: while it is attached, Xen 4.17 takes #BP and #DB.

The guest's handlers see none of them, but for ``int 3`` of a PVH domain (CD 03), which is none of the exceptions that
SVM shows to Xen. RIP is behind INT1 in a PV domain, and at it in a PVH domain: Xen's handler of that exit does not
move it.
"""

from __future__ import annotations

from typing import NamedTuple

INT3_STOP, DEBUG_STOP = "T05", "T02"


class OwnEvent(NamedTuple):
    """``bit`` of the guest's mask. gdbsx stops with ``signal`` at the symbols ``pv`` or ``pvh``, one after the other;
    where there are none, the guest handles it."""

    name: str
    bit: int
    signal: str
    pv: tuple[str, ...]
    pvh: tuple[str, ...]

    def places(self, kind: str) -> tuple[str, ...]:
        return self.pv if kind == "pv" else self.pvh


_STEPS = ("own_step_2", "own_step_3", "own_step_4", "own_step_5", "own_step_after")
OWN_EVENTS = (
    OwnEvent("int3", 0, INT3_STOP, ("own_int3_after",), ("own_int3_after",)),
    OwnEvent("INT1", 1, DEBUG_STOP, ("own_int1_after",), ("own_int1_at",)),
    OwnEvent("TF", 2, DEBUG_STOP, _STEPS, _STEPS),
    OwnEvent("instruction breakpoint", 3, DEBUG_STOP, ("own_execute_at",), ("own_execute_at",)),
    OwnEvent("data breakpoint", 4, DEBUG_STOP, ("own_write_after",), ("own_write_after",)),
    OwnEvent("int 3", 5, INT3_STOP, ("own_int_n_after",), ()),
)
MOVES_ON = {"own_int1_at": "own_int1_after"}
"""Where RIP has to be set, because the guest would do the same again."""
