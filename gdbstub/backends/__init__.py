"""A stub for what it is: how it is recognised, what it can do, what has to be done around its stops."""

from gdbstub.backends.interface import Backend, OpenOptions, Parts, Stub
from gdbstub.backends.table import ABILITIES, BACKENDS, backend_named, identify, platform_of

__all__ = [
    "ABILITIES",
    "BACKENDS",
    "Backend",
    "OpenOptions",
    "Parts",
    "Stub",
    "backend_named",
    "identify",
    "platform_of",
]
