"""Profiles of the stubs behind us, how they are told apart, and how their side channels are read."""

from gdbstub.backends.profiles import PROFILES, Profile
from gdbstub.backends.qemu.identify import find_loaded_lidt, identify
from gdbstub.backends.qemu.monitor import MonitorRegisters, parse_info_registers
from gdbstub.backends.xen.helpers import guest_of, wrong_width

__all__ = [
    "PROFILES",
    "MonitorRegisters",
    "Profile",
    "find_loaded_lidt",
    "guest_of",
    "identify",
    "parse_info_registers",
    "wrong_width",
]
