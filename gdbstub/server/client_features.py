"""What a client said of itself, and what follows for how it is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from gdbstub.errors import GdbError, RemoteProtocolError
from gdbstub.protocol import (
    ALL,
    BreakReason,
    Exited,
    FeatureValue,
    StopReason,
    Terminated,
    ThreadId,
    encode_hex,
    format_supported,
    parse_supported,
    server_messages,
)

PACKET_SIZE: Final = 0x20000
"""Bytes of the longest packet, either way: a ``m`` of 64 KiB. lldb itself announces as much."""
PROCESS: Final = 1
"""The guest, where processes have numbers (QEMU's, too)."""

OFFER: Final[dict[str, FeatureValue]] = {
    "PacketSize": f"{PACKET_SIZE:x}",
    "QStartNoAckMode": True,
    "multiprocess": True,
    "swbreak": True,
    "hwbreak": True,
    "vContSupported": True,
    "ConditionalBreakpoints": True,
    "BreakpointCommands": True,
    "qXfer:features:read": True,
    "binary-upload": True,
    "error-message": True,
    "QNonStop": False,
}
"""gdb manual, "General Query Packets", qSupported. Without qXfer:threads:read, for which gdb would ask at every stop:
so it asks what the stub says of a thread (``CPU#1 [halted ]``) when its user wants to know."""


MACHINE: Final[Mapping[str, FeatureValue]] = MappingProxyType({})
"""What more a machine behind dr6 makes it offer."""


def cpu_of(thread: ThreadId, cpus: int) -> int | None:
    """The vCPU, of ``cpus``, that a client's ``thread`` names; None for any and for all. Raises `RemoteProtocolError`
    for one that does not exist."""
    if thread.process not in (None, ALL, 0, PROCESS):
        raise RemoteProtocolError(f"There is no process {thread.process}; the guest is process {PROCESS}.")
    if thread.thread in (ALL, 0):
        return None
    if thread.thread > cpus:
        raise RemoteProtocolError(f"There is no thread {thread.thread}; this guest has {cpus}, counted from 1.")
    return thread.thread - 1


@dataclass(slots=True)
class ClientFeatures:
    """Of one client. ``text_errors``: it said ``error-message+`` (gdb 15). ``hex_errors``: lldb's QEnableErrorStrings.
    ``suffixes``: lldb names the thread in each packet (QThreadSuffixSupported)."""

    multiprocess: bool = False
    swbreak: bool = False
    hwbreak: bool = False
    text_errors: bool = False
    hex_errors: bool = False
    suffixes: bool = False
    stubs_name: Callable[[int], ThreadId] | None = None
    """The stub's name of a thread, where a process is behind it: those names are the client's, too."""

    def take(self, request: bytes, goes_back: Mapping[str, bool], more: Mapping[str, FeatureValue] = MACHINE) -> bytes:
        """``qSupported``: note what the client can; the answer. ``goes_back`` as `Debugger.goes_back`, ``more`` is
        offered as well."""
        theirs = parse_supported(request)
        offer = OFFER | {name: True for name, offered in goes_back.items() if offered} | dict(more)
        self.multiprocess = theirs.get("multiprocess") is True and offer["multiprocess"] is True
        self.swbreak = theirs.get("swbreak") is True
        self.hwbreak = theirs.get("hwbreak") is True
        self.text_errors = theirs.get("error-message") is True
        return format_supported(offer)

    # -- threads --------------------------------------------------------------------------------------------

    @property
    def process(self) -> int | None:
        """The client's name for the guest: the only process that it hears of, whatever the stub's is."""
        return PROCESS if self.multiprocess else None

    def thread(self, cpu: int) -> ThreadId:
        """The client's name for vCPU ``cpu``: one more than its number, since 0 stands for any; or a process's own."""
        if self.stubs_name is None:
            return ThreadId(self.process, cpu + 1)
        named = self.stubs_name(cpu)
        return named if self.multiprocess else ThreadId(None, named.thread)

    def ended(self, stop: Exited | Terminated) -> Exited | Terminated:
        """The end of the guest, by the client's name for it."""
        named = self.process if self.stubs_name is None else stop.process if self.multiprocess else None
        return replace(stop, process=named)

    def understands(self, reason: StopReason) -> bool:
        """May it be told of this one?"""
        told = {BreakReason.SOFTWARE: self.swbreak, BreakReason.HARDWARE: self.hwbreak}
        return told[reason] if isinstance(reason, BreakReason) else True

    # -- errors ---------------------------------------------------------------------------------------------

    def error(self, error: GdbError, *, data: bool) -> bytes:
        """The answer that says no. ``data``: the request asks for bytes, where an old gdb understands only a number."""
        code = 0x16 if isinstance(error, RemoteProtocolError) else 0x0E
        if self.hex_errors:
            return b"E%02x;%b" % (code, encode_hex(str(error).encode("ascii", "replace")))
        if self.text_errors or not data:
            return server_messages.format_error_text(str(error))
        return server_messages.format_error(code)
