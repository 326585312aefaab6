"""KVM's ``struct kvm_run``: DR6 and DR7 of the exit that stopped a vCPU, which QEMU gets and does not pass on.

Somebody on QEMU's host reads it while the vCPU stands still; nothing of it is on the stub's wire. Layout: struct
kvm_run of Linux's include/uapi/linux/kvm.h, kvm_debug_exit_arch of arch/x86/include/uapi/asm/kvm.h.
"""

from __future__ import annotations

import struct
from typing import NamedTuple, Protocol

from gdbstub.x86.debug_registers import DR6_FIXED_1

_HEAD = struct.Struct("<8xI20xI4xQQQ")
"""exit_reason, then of debug.arch: exception, pc, dr6, dr7."""
EXIT_DEBUG, DEBUG_EXCEPTION = 4, 1


class ExitReader(Protocol):
    """Somebody on QEMU's host."""

    async def read(self, cpu: int) -> bytes:
        """The first 64 bytes of a stopped vCPU's ``struct kvm_run``. Raises `GdbError` with one sentence."""
        ...


class DebugExit(NamedTuple):
    """A #DB that left the guest for KVM. ``pc`` is linear; ``dr7`` is 0 where KVM did not fill it in."""

    pc: int
    dr6: int
    dr7: int


def parse_debug_exit(data: bytes) -> DebugExit | None:
    """None where the last exit was no #DB, or this KVM does not say which (kvm_amd before Linux 5.7 leaves DR6 alone:
    bits are 0 in it then that no CPU shows so)."""
    if len(data) < _HEAD.size:
        return None
    reason, exception, pc, dr6, dr7 = _HEAD.unpack_from(data)
    whole = dr6 & DR6_FIXED_1 == DR6_FIXED_1 and not dr6 >> 32
    return DebugExit(pc, dr6, dr7) if (reason, exception) == (EXIT_DEBUG, DEBUG_EXCEPTION) and whole else None
