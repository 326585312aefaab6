"""Debug x86 guests behind a GDB stub, and learn why they stopped: the public names, loaded when they are first used.

`Debugger` drives one guest over any `trio.abc.Stream`. `gdbstub.explain` answers for evidence of your own, and
`gdbstub.protocol` is the remote serial protocol for both ends; these two do no I/O. docs/api.md has all of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gdbstub import explain, protocol
    from gdbstub.debugger.breakpoints import Breakpoint
    from gdbstub.debugger.debugger import Debugger
    from gdbstub.debugger.events import DebuggerEvent, Disconnected, Output, Resumed
    from gdbstub.debugger.options import DebuggerOptions
    from gdbstub.debugger.record import CaughtEvent, StopRecord, StopSummary
    from gdbstub.errors import (
        BadField,
        CannotBreakIn,
        GdbError,
        LocalProtocolError,
        NoReply,
        ProtocolError,
        Refused,
        RemoteProtocolError,
        TransportError,
        Unsupported,
    )
    from gdbstub.remote.capabilities import BackendInfo, Capabilities
    from gdbstub.x86.breakpoints import ArmedBreakpoint, BreakpointKind
    from gdbstub.x86.cpu_state import CpuState, DebugState, DescriptorTables, LastExit, Segment
    from gdbstub.x86.exceptions import Frame, Vector, vector

__all__ = [
    "ArmedBreakpoint",
    "BackendInfo",
    "BadField",
    "Breakpoint",
    "BreakpointKind",
    "CannotBreakIn",
    "Capabilities",
    "CaughtEvent",
    "CpuState",
    "DebugState",
    "Debugger",
    "DebuggerEvent",
    "DebuggerOptions",
    "DescriptorTables",
    "Disconnected",
    "Frame",
    "GdbError",
    "LastExit",
    "LocalProtocolError",
    "NoReply",
    "Output",
    "ProtocolError",
    "Refused",
    "RemoteProtocolError",
    "Resumed",
    "Segment",
    "StopRecord",
    "StopSummary",
    "TransportError",
    "Unsupported",
    "Vector",
    "explain",
    "protocol",
    "vector",
]

_HOMES = {
    "gdbstub.debugger.breakpoints": ("Breakpoint",),
    "gdbstub.debugger.debugger": ("Debugger",),
    "gdbstub.debugger.events": ("DebuggerEvent", "Disconnected", "Output", "Resumed"),
    "gdbstub.debugger.options": ("DebuggerOptions",),
    "gdbstub.debugger.record": ("CaughtEvent", "StopRecord", "StopSummary"),
    "gdbstub.errors": (
        "BadField",
        "CannotBreakIn",
        "GdbError",
        "LocalProtocolError",
        "NoReply",
        "ProtocolError",
        "Refused",
        "RemoteProtocolError",
        "TransportError",
        "Unsupported",
    ),
    "gdbstub.remote.capabilities": ("BackendInfo", "Capabilities"),
    "gdbstub.x86.breakpoints": ("ArmedBreakpoint", "BreakpointKind"),
    "gdbstub.x86.cpu_state": ("CpuState", "DebugState", "DescriptorTables", "LastExit", "Segment"),
    "gdbstub.x86.exceptions": ("Frame", "Vector", "vector"),
}
"""Where the names are; the same as above, for the interpreter."""
_ROOMS = frozenset({"explain", "protocol"})
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


if not TYPE_CHECKING:  # a checker would take any name for one of these

    def __getattr__(name: str) -> object:
        """PEP 562: a public name when it is first asked for, so that ``import gdbstub`` loads nothing else."""
        if name in _ROOMS:
            return import_module(f"gdbstub.{name}")
        if name not in _HOME_OF:
            raise AttributeError(f"module 'gdbstub' has no attribute {name!r}")
        found: object = getattr(import_module(_HOME_OF[name]), name)
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
