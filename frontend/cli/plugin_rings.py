"""`transports` finds the memory that dr6's plugin in a QEMU shares, and `gdbstub` reads it."""

from __future__ import annotations

from gdbstub.backends.qemu.tcg_plugin.ring import NoRing, Ring
from gdbstub.debugger.qemu_log import CannotLog
from transports import plugin_memory


def open_ring(process: int) -> Ring | None:
    """The ring of the plugin in QEMU's ``process``; None where there is none. Raises `CannotLog`."""
    memory = plugin_memory(process)
    if memory is None:
        return None
    try:
        return Ring(memoryview(memory))
    except NoRing as error:
        raise CannotLog(f"What QEMU shares is not to be read by this dr6: {error}.") from error
