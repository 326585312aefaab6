"""Which function answers which packet: keys are rows of `gdbstub.protocol.packets`. What the table does not have is
unknown: a ``q`` or ``Q`` packet is passed on to the stub, anything else is answered with the empty packet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from gdbstub.server import lldb_packets, query_packets, running_packets, state_packets
from gdbstub.server.breakpoint_packets import answer_breakpoint

if TYPE_CHECKING:
    from gdbstub.server.client import Client

Handler = Callable[["Client", bytes], Awaitable[bytes]]
Resumer = Callable[["Client", bytes], Awaitable[None]]

HANDLERS: Final[dict[bytes, Handler]] = {
    b"qSupported": query_packets.supported,
    b"qSupported:": query_packets.supported,
    b"QStartNoAckMode": query_packets.ok,
    b"QNonStop:": query_packets.non_stop,
    b"?": query_packets.why_stopped,
    b"vCont?": query_packets.actions,
    b"vMustReplyEmpty": query_packets.nothing,
    b"qAttached": query_packets.attached,
    b"qAttached:": query_packets.attached,
    b"qC": query_packets.current_thread,
    b"qfThreadInfo": query_packets.first_threads,
    b"qsThreadInfo": query_packets.more_threads,
    b"qThreadExtraInfo,": query_packets.thread_name,
    b"qXfer:threads:read:": query_packets.threads_object,
    b"qXfer:features:read:": query_packets.description,
    b"qXfer:": query_packets.nothing,
    b"Hg": query_packets.choose_for_all,
    b"Hc": query_packets.choose_for_running,
    b"T": query_packets.is_alive,
    b"qRcmd,": query_packets.monitor,
    b"qSymbol:": query_packets.ok,
    b"qTStatus": query_packets.nothing,
    b"Qqemu.PhyMemMode:": query_packets.physical_mode,
    b"qqemu.PhyMemMode": query_packets.is_physical,
    b"D": query_packets.detach,
    b"D;": query_packets.detach,
    b"k": query_packets.kill,
    b"vKill;": query_packets.kill_process,
    b"g": state_packets.read_registers,
    b"G": state_packets.write_registers,
    b"p": state_packets.read_register,
    b"P": state_packets.write_register,
    b"m": state_packets.read_memory,
    b"x": state_packets.read_memory_binary,
    b"M": state_packets.write_memory,
    b"X": state_packets.write_memory,
    b"qCRC:": state_packets.checksum,
    b"qSearch:memory:": state_packets.search,
    **{b"%b%d," % (verb, kind): answer_breakpoint for verb in (b"Z", b"z") for kind in range(5)},
    b"qHostInfo": lldb_packets.host,
    b"qProcessInfo": lldb_packets.process,
    b"qGDBServerVersion": lldb_packets.version,
    b"QThreadSuffixSupported": lldb_packets.suffixes,
    b"QEnableErrorStrings": lldb_packets.error_strings,
    b"QListThreadsInStopReply": query_packets.nothing,
    b"qMemoryRegionInfo:": query_packets.nothing,
    b"qVAttachOrWaitSupported": query_packets.nothing,
    b"qStructuredDataPlugins": query_packets.nothing,
    b"jThreadExtendedInfo:": query_packets.nothing,
    b"jThreadsInfo": lldb_packets.threads,
}

RESUMERS: Final[dict[bytes, Resumer]] = {
    b"vCont;": running_packets.resume_threads,
    b"c": running_packets.resume,
    b"C": running_packets.resume,
    b"s": running_packets.resume,
    b"S": running_packets.resume,
    b"bc": running_packets.backwards,
    b"bs": running_packets.backwards,
    b"i": running_packets.backwards,
    b"I": running_packets.backwards,
    b"F": running_packets.no_file,
}

ANSWERED_WITH_BYTES: Final = frozenset((b"g", b"p", b"m", b"x", b"qXfer:features:read:", b"qXfer:threads:read:"))
"""Of these an old gdb understands no error text."""
