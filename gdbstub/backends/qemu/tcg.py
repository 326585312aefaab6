"""QEMU's emulator, TCG."""

from __future__ import annotations

from gdbstub.backends.qemu import abilities
from gdbstub.backends.qemu.backend import QUESTIONS, QemuBackend
from gdbstub.remote.capabilities import Capabilities

TCG = QemuBackend(
    name="qemu-tcg",
    title="QEMU TCG",
    pipelined=True,
    steps_off_breakpoints=True,
    repeats_watches=True,
    idle_steps=True,
    stray_watches=True,
    catch_by="hw",
    emulates=True,
    logs_exceptions=True,
    capabilities=Capabilities(
        monitor=True,
        hardware_slots=None,
        watch_lengths=(),
        debug_registers=True,
        software_patches_memory=False,
        hardware_hides_guest=False,
    ),
    questions=QUESTIONS,
    explains=abilities.TCG,
)
