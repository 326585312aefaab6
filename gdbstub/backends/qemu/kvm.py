"""QEMU with Linux's KVM."""

from __future__ import annotations

from gdbstub.backends.qemu import abilities
from gdbstub.backends.qemu.backend import QUESTIONS, QemuBackend
from gdbstub.remote.capabilities import Capabilities

KVM = QemuBackend(
    name="qemu-kvm",
    title="QEMU KVM",
    pipelined=True,
    steps_by_tf=True,
    uses_kvm=True,
    capabilities=Capabilities(monitor=True, read_watchpoints=False, debug_registers=True, slots_in_order=True),
    questions=QUESTIONS,
    explains=abilities.KVM,
)
