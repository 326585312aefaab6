"""QEMU with Linux's KVM."""

from __future__ import annotations

from dataclasses import replace

from gdbstub.backends.interface import OpenOptions, Parts, Stub
from gdbstub.backends.qemu import abilities
from gdbstub.backends.qemu.backend import QUESTIONS, QemuBackend
from gdbstub.remote.capabilities import BackendInfo, Capabilities


class KvmBackend(QemuBackend):
    """QEMU, and beside it the host that it runs on."""

    async def open(self, stub: Stub, found: BackendInfo, options: OpenOptions) -> Parts:
        parts = await super().open(stub, found, options)
        if options.exits is None:
            return parts
        from gdbstub.backends.qemu.kvm_state import KvmState

        return replace(parts, source=KvmState(stub.remote, options.exits, stub.say))


KVM = KvmBackend(
    name="qemu-kvm",
    title="QEMU KVM",
    pipelined=True,
    steps_by_tf=True,
    uses_kvm=True,
    capabilities=Capabilities(monitor=True, read_watchpoints=False, debug_registers=True, slots_in_order=True),
    questions=QUESTIONS,
    explains=abilities.KVM,
)
