"""Which function answers which packet: keys are rows of `gdbstub.protocol.packets`. What the table does not have is
unknown: a ``q`` or ``Q`` packet is passed on to the stub, anything else is answered with the empty packet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from gdbstub.server.handlers import lldb, memory, processes, queries, registers, resume
from gdbstub.server.handlers.breakpoints import answer_breakpoint
from gdbstub.server.session import ClientSession

Handler = Callable[[ClientSession, bytes], Awaitable[bytes]]
Resumer = Callable[[ClientSession, bytes], Awaitable[None]]

HANDLERS: Final[dict[bytes, Handler]] = {
    b"qSupported": queries.supported,
    b"qSupported:": queries.supported,
    b"QStartNoAckMode": queries.ok,
    b"QNonStop:": queries.non_stop,
    b"?": queries.why_stopped,
    b"vCont?": queries.actions,
    b"vMustReplyEmpty": queries.nothing,
    b"qAttached": queries.attached,
    b"qAttached:": queries.attached,
    b"qC": queries.current_thread,
    b"qfThreadInfo": queries.first_threads,
    b"qsThreadInfo": queries.more_threads,
    b"qThreadExtraInfo,": queries.thread_name,
    b"qGetTLSAddr:": queries.thread_area,
    b"qGetTIBAddr:": queries.thread_area,
    b"qL": queries.nothing,
    b"qP": queries.nothing,
    b"qXfer:threads:read:": queries.threads_object,
    b"qXfer:features:read:": queries.description,
    b"qXfer:": queries.nothing,
    b"Hg": queries.choose_for_all,
    b"Hc": queries.choose_for_running,
    b"T": queries.is_alive,
    b"qRcmd,": queries.monitor,
    b"qSymbol:": queries.ok,
    b"qTStatus": queries.nothing,
    b"Qqemu.PhyMemMode:": memory.physical_mode,
    b"qqemu.PhyMemMode": memory.is_physical,
    b"D": queries.detach,
    b"D;": queries.detach,
    b"k": queries.kill,
    b"vKill;": queries.kill_process,
    b"g": registers.read_registers,
    b"G": registers.write_registers,
    b"p": registers.read_register,
    b"P": registers.write_register,
    b"m": memory.read_memory,
    b"x": memory.read_memory_binary,
    b"M": memory.write_memory,
    b"X": memory.write_memory,
    b"qCRC:": memory.checksum,
    b"qSearch:memory:": memory.search,
    **{b"%b%d," % (verb, kind): answer_breakpoint for verb in (b"Z", b"z") for kind in range(5)},
    b"qHostInfo": lldb.host,
    b"qProcessInfo": lldb.process,
    b"qGDBServerVersion": lldb.version,
    b"QThreadSuffixSupported": lldb.suffixes,
    b"QEnableErrorStrings": lldb.error_strings,
    b"QListThreadsInStopReply": queries.nothing,
    b"qMemoryRegionInfo:": queries.nothing,
    b"qVAttachOrWaitSupported": queries.nothing,
    b"qStructuredDataPlugins": queries.nothing,
    b"jThreadExtendedInfo:": queries.nothing,
    b"jThreadsInfo": lldb.threads,
}

OF_PROCESSES: Final[dict[bytes, Handler]] = {
    **dict.fromkeys((b"qXfer:", b"qXfer:features:read:", b"vFile:", b"qOffsets", b"T"), processes.pass_on),
    **dict.fromkeys((b"qThreadExtraInfo,", b"qGetTLSAddr:"), processes.pass_on),
    **dict.fromkeys((b"qHostInfo", b"qProcessInfo", b"qGDBServerVersion", b"qMemoryRegionInfo:"), processes.pass_on),
    **dict.fromkeys((b"jThreadsInfo", b"jThreadExtendedInfo:"), processes.pass_on),
    b"qXfer:threads:read:": processes.threads_object,
    b"qSymbol:": processes.pass_on_at_once,
    b"D;": processes.detach,
    b"qAttached": processes.attached,
    b"qAttached:": processes.attached,
    b"qfThreadInfo": processes.first_threads,
}
"""What is answered otherwise where a process is behind the stub: names are the stub's own, and what dr6 has no opinion
on is the stub's."""

RESUMERS: Final[dict[bytes, Resumer]] = {
    b"vCont;": resume.resume_threads,
    b"c": resume.resume,
    b"C": resume.resume,
    b"s": resume.resume,
    b"S": resume.resume,
    b"bc": resume.backwards,
    b"bs": resume.backwards,
    b"i": resume.by_cycles,
    b"I": resume.by_cycles,
    b"F": resume.no_file,
}

ANSWERED_WITH_BYTES: Final = frozenset((b"g", b"p", b"m", b"x", b"qXfer:features:read:", b"qXfer:threads:read:"))
"""Of these an old gdb understands no error text."""
