"""The packet table: every packet that we know, once. `find_packet` picks the row by the longest prefix.

Source: gdb manual, "Packets", "General Query Packets", "Multi-letter Packets", "Stop Reply Packets";
``qqemu.…`` QEMU's gdbstub.c.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import Final, Literal, NamedTuple

Sender = Literal["client", "stub"]


class PacketForm(Enum):
    """What answers a packet. Every packet may also be refused: ``E nn``, ``E.text``, or empty (unknown)."""

    NOTHING = "nothing"
    OK = "OK"
    HEX = "hex bytes"
    BINARY = "bytes"
    LIST = "m… or l"
    TEXT = "text"
    MONITOR = "O…, then OK; or hex text"
    STOP = "stop reply"


class PacketRow(NamedTuple):
    """One packet. ``prefix`` is all of it when ``whole``. ``resumes``: the guest runs until the stop reply.
    ``while_running``: may be sent by the client, or may come from the stub, while the guest runs."""

    prefix: bytes
    sender: Sender
    form: str
    shape: PacketForm
    doc: str
    whole: bool = False
    resumes: bool = False
    while_running: bool = False


def _ask(form: str, shape: PacketForm, doc: str, *, resumes: bool = False) -> PacketRow:
    prefix = _prefix(form)
    return PacketRow(prefix, "client", form, shape, doc, whole=prefix == form.encode(), resumes=resumes)


def _prefix(form: str) -> bytes:
    return form.partition("‹")[0].encode()


def _tell(form: str, doc: str) -> PacketRow:
    whole = "‹" not in form
    return PacketRow(_prefix(form), "stub", form, PacketForm.NOTHING, doc, whole=whole, while_running=True)


PACKETS: Final[tuple[PacketRow, ...]] = (
    _ask("!", PacketForm.OK, "Extended mode: the stub stays when the guest is gone."),
    _ask("?", PacketForm.STOP, "Why is the guest stopped? QEMU removes every breakpoint and always says T05."),
    _ask("A‹arguments›", PacketForm.OK, "Set the program's arguments."),
    _ask("B‹address,mode›", PacketForm.OK, "Set or clear a breakpoint, the way before Z."),
    _ask(
        "bc",
        PacketForm.STOP,
        "Continue backwards. Kills a QEMU that did not offer ReverseContinue+.",
        resumes=True,
    ),
    _ask("bs", PacketForm.STOP, "Step backwards. Kills a QEMU that did not offer ReverseStep+.", resumes=True),
    _ask("c‹address›", PacketForm.STOP, "Continue, at an address if there is one.", resumes=True),
    _ask("C‹signal;address›", PacketForm.STOP, "Continue with a signal.", resumes=True),
    _ask("D", PacketForm.OK, "Detach; the guest runs. gdbsx closes without an answer."),
    _ask("D;‹process›", PacketForm.OK, "Detach from one process. QEMU dies of a process it does not know."),
    _ask("F‹result,errno›", PacketForm.STOP, "The answer to a file request of the guest.", resumes=True),
    _ask("g", PacketForm.HEX, "Read all registers, as the target description orders them; xx: unavailable."),
    _ask("G‹bytes›", PacketForm.OK, "Write all registers. QEMU shifts them unless the CPU is in 64-bit code."),
    _ask("Hc‹thread›", PacketForm.OK, "Choose the thread for c and s."),
    _ask("Hg‹thread›", PacketForm.OK, "Choose the thread for everything else."),
    _ask("H‹operation,thread›", PacketForm.OK, "Choose the thread for another operation."),
    _ask("i‹address,cycles›", PacketForm.STOP, "Step by clock cycles.", resumes=True),
    _ask("I‹signal›", PacketForm.STOP, "Step by a cycle with a signal.", resumes=True),
    _ask("k", PacketForm.NOTHING, "Kill the guest. QEMU ends."),
    _ask("m‹address,length›", PacketForm.HEX, "Read memory; may answer fewer bytes."),
    _ask("M‹address,length:bytes›", PacketForm.OK, "Write memory, bytes in hex."),
    _ask("p‹number›", PacketForm.HEX, "Read one register. QEMU 7.2 knows it once target.xml was read."),
    _ask("P‹number=bytes›", PacketForm.OK, "Write one register."),
    _ask("R‹xx›", PacketForm.NOTHING, "Restart the guest (extended mode)."),
    _ask("r", PacketForm.NOTHING, "Reset the guest."),
    _ask("s‹address›", PacketForm.STOP, "Step one instruction, at an address if there is one.", resumes=True),
    _ask("S‹signal;address›", PacketForm.STOP, "Step with a signal.", resumes=True),
    _ask("t‹address:pattern,mask›", PacketForm.STOP, "Search memory backwards."),
    _ask("T‹thread›", PacketForm.OK, "Is the thread alive?"),
    _ask("x‹address,length›", PacketForm.BINARY, "Read memory as bytes."),
    _ask("X‹address,length:bytes›", PacketForm.OK, "Write memory, bytes as they are."),
    _ask("Z0,‹address,kind›", PacketForm.OK, "Insert a software breakpoint."),
    _ask("Z1,‹address,kind›", PacketForm.OK, "Insert a hardware breakpoint."),
    _ask("Z2,‹address,length›", PacketForm.OK, "Insert a write watchpoint."),
    _ask("Z3,‹address,length›", PacketForm.OK, "Insert a read watchpoint; KVM has none."),
    _ask("Z4,‹address,length›", PacketForm.OK, "Insert an access watchpoint."),
    _ask("z0,‹address,kind›", PacketForm.OK, "Remove a software breakpoint."),
    _ask("z1,‹address,kind›", PacketForm.OK, "Remove a hardware breakpoint."),
    _ask("z2,‹address,length›", PacketForm.OK, "Remove a write watchpoint."),
    _ask("z3,‹address,length›", PacketForm.OK, "Remove a read watchpoint."),
    _ask("z4,‹address,length›", PacketForm.OK, "Remove an access watchpoint."),
    _ask("vAttach;‹process›", PacketForm.STOP, "Attach to a process."),
    _ask("jThreadExtendedInfo:‹JSON›", PacketForm.TEXT, "More about one thread, as JSON (lldb)."),
    _ask("jThreadsInfo", PacketForm.TEXT, "Every thread and why it stopped, as JSON (lldb)."),
    _ask("vCont?", PacketForm.TEXT, "Which actions does vCont know?"),
    _ask("vCont;‹actions›", PacketForm.STOP, "Resume threads, each with its action.", resumes=True),
    _ask("vCtrlC", PacketForm.OK, "Interrupt the guest (non-stop mode)."),
    _ask("vFile:‹operation›", PacketForm.TEXT, "A file operation on the stub's side."),
    _ask("vFlashErase:‹address,length›", PacketForm.OK, "Erase flash memory."),
    _ask("vFlashWrite:‹address:bytes›", PacketForm.OK, "Write flash memory."),
    _ask("vFlashDone", PacketForm.OK, "Finish writing flash memory."),
    _ask("vKill;‹process›", PacketForm.OK, "Kill a process. QEMU ends."),
    _ask("vMustReplyEmpty", PacketForm.TEXT, "Must be answered with the empty packet."),
    _ask("vRun;‹program;arguments›", PacketForm.STOP, "Start a program."),
    _ask("vStopped", PacketForm.STOP, "The next pending stop (non-stop mode)."),
    _ask("QAgent:‹op›", PacketForm.OK, "Use the in-process agent."),
    _ask("QAllow:‹op:value›", PacketForm.OK, "Allow or forbid kinds of requests."),
    _ask("QCatchSyscalls:‹numbers›", PacketForm.OK, "Report system calls."),
    _ask("QEnableErrorStrings", PacketForm.OK, "Errors come with their text, in hex (lldb)."),
    _ask("QListThreadsInStopReply", PacketForm.OK, "Stop replies name every thread (lldb)."),
    _ask("QThreadSuffixSupported", PacketForm.OK, "Packets name their thread behind a semicolon (lldb)."),
    _ask("QDisableRandomization:‹value›", PacketForm.OK, "Load programs at fixed addresses."),
    _ask("QMemTags:‹address,length:type:tags›", PacketForm.OK, "Write memory tags."),
    _ask("QNonStop:‹value›", PacketForm.OK, "Non-stop mode on or off."),
    _ask("QPassSignals:‹signals›", PacketForm.OK, "Pass these signals without a stop."),
    _ask("QProgramSignals:‹signals›", PacketForm.OK, "Deliver these signals."),
    _ask("QStartNoAckMode", PacketForm.OK, "No more acknowledgments, once this is answered."),
    _ask("QThreadEvents:‹value›", PacketForm.OK, "Report the start and the end of threads."),
    _ask("Qbtrace:‹op›", PacketForm.OK, "Branch tracing."),
    _ask("QTDP:‹…›", PacketForm.OK, "Define a tracepoint."),
    _ask("QTDPsrc:‹…›", PacketForm.OK, "The source text of a tracepoint."),
    _ask("QTBuffer:‹…›", PacketForm.OK, "The tracepoint buffer."),
    _ask("Qqemu.PhyMemMode:‹value›", PacketForm.OK, "Memory packets take physical addresses (QEMU)."),
    _ask("Qqemu.sstep=‹bits›", PacketForm.OK, "What a step holds back: interrupts, timers (QEMU)."),
    _ask("qAttached", PacketForm.TEXT, "Was the guest attached to (1) or started (0)?"),
    _ask("qAttached:‹process›", PacketForm.TEXT, "The same for one process."),
    _ask("qC", PacketForm.TEXT, "The current thread."),
    _ask("qCRC:‹address,length›", PacketForm.TEXT, "A checksum of memory."),
    _ask("qGetTIBAddr:‹thread›", PacketForm.TEXT, "The Windows thread information block."),
    _ask("qGetTLSAddr:‹thread,offset,lm›", PacketForm.TEXT, "The address of a thread-local variable."),
    _ask("qGDBServerVersion", PacketForm.TEXT, "Which server this is (lldb)."),
    _ask("qMemoryRegionInfo:‹address›", PacketForm.TEXT, "What is mapped at an address (lldb)."),
    _ask("qHostInfo", PacketForm.TEXT, "What the host is (lldb)."),
    _ask("qL‹…›", PacketForm.TEXT, "List threads, the way before qfThreadInfo."),
    _ask("qMemTags:‹address,length:type›", PacketForm.LIST, "Read memory tags."),
    _ask("qOffsets", PacketForm.TEXT, "Where the sections were loaded."),
    _ask("qP‹mode,thread›", PacketForm.TEXT, "What a thread is, the way before qThreadExtraInfo."),
    _ask("qProcessInfo", PacketForm.TEXT, "What the process is (lldb)."),
    _ask("qRcmd,‹hex text›", PacketForm.MONITOR, "A command for the stub's monitor."),
    _ask("qSearch:memory:‹address;length;pattern›", PacketForm.TEXT, "Search memory."),
    _ask("qStructuredDataPlugins", PacketForm.TEXT, "Which logs of a Darwin process can be read (lldb)."),
    _ask("qSupported", PacketForm.TEXT, "What each side can."),
    _ask("qSupported:‹features›", PacketForm.TEXT, "What each side can."),
    _ask("qSymbol:‹value:name›", PacketForm.TEXT, "Offer to look symbols up."),
    _ask("qTStatus", PacketForm.TEXT, "Is a trace experiment running?"),
    _ask("qThreadExtraInfo,‹thread›", PacketForm.HEX, "What a thread is; QEMU is silent for an unknown one."),
    _ask("qfThreadInfo", PacketForm.LIST, "The thread list, first part. gdbsx ends it with l in the same packet."),
    _ask("qsThreadInfo", PacketForm.LIST, "The thread list, next part."),
    _ask("qXfer:‹object:operation:annex:offset,length›", PacketForm.TEXT, "Read or write an object in parts."),
    _ask("qXfer:features:read:‹annex:offset,length›", PacketForm.LIST, "The target description, in parts."),
    _ask("qXfer:threads:read:‹annex:offset,length›", PacketForm.LIST, "The threads as XML, in parts."),
    _ask("qVAttachOrWaitSupported", PacketForm.OK, "Can a process be waited for (lldb)?"),
    _ask("qqemu.PhyMemMode", PacketForm.TEXT, "Do memory packets take physical addresses (QEMU)?"),
    _ask("qqemu.sstep", PacketForm.TEXT, "What a step holds back (QEMU)."),
    _ask("qqemu.sstepbits", PacketForm.TEXT, "What a step can hold back (QEMU)."),
    _ask("qqemu.Supported", PacketForm.TEXT, "The names of QEMU's own packets."),
    _tell("T‹signal pairs›", "The guest stopped; pairs tell the thread, the reason and some registers."),
    _tell("S‹signal›", "The guest stopped."),
    _tell("W‹status;process›", "The guest ended by itself."),
    _tell("X‹signal;process›", "The guest was ended by a signal."),
    _tell("N", "Nothing is left that runs."),
    _tell("O‹hex text›", "Text from the guest's console or the monitor."),
    _tell("F‹call,arguments›", "The guest asks for a file operation."),
)
"""In ``form`` the prefix ends at ``‹``; what stands between the quotes is the packet's own."""


class _Index(NamedTuple):
    whole: dict[bytes, PacketRow]
    prefixes: dict[bytes, tuple[PacketRow, ...]]  # by the first byte, the longest first


def _index(sender: Sender) -> _Index:
    rows = [row for row in PACKETS if row.sender == sender]
    whole = {row.prefix: row for row in rows if row.whole}
    longest_first = sorted((row for row in rows if not row.whole), key=lambda row: -len(row.prefix))
    firsts = {row.prefix[:1] for row in longest_first}
    return _Index(whole, {first: tuple(r for r in longest_first if r.prefix[:1] == first) for first in firsts})


_INDEX: Final[dict[Sender, _Index]] = {"client": _index("client"), "stub": _index("stub")}


def find_packet(payload: bytes, sender: Sender = "client") -> PacketRow | None:
    """The row of ``payload``, or None for a packet that we don't know."""
    return _find_cached(payload, sender) if len(payload) <= _SHORT else _find(payload, sender)


def _find(payload: bytes, sender: Sender) -> PacketRow | None:
    whole, prefixes = _INDEX[sender]
    if (row := whole.get(payload)) is not None:
        return row
    for row in prefixes.get(payload[:1], ()):
        if payload.startswith(row.prefix):
            return row
    return None


_SHORT = 64
_find_cached = lru_cache(maxsize=1024)(_find)  # the same few recur at each stop


def packet_table_markdown() -> str:
    """The table as a page for ``docs/packets.md``."""
    lines = [
        "# Packets",
        "",
        "Generated from `gdbstub/protocol/packets.py`. Any request may also be answered `E nn`, `E.text`,",
        "or the empty packet (unknown). *Runs* marks the requests after which the guest runs.",
    ]
    for sender, title in (("client", "Requests"), ("stub", "From the stub, while the guest runs")):
        lines += ["", f"## {title}", "", "| packet | answer | runs | what it is |", "|---|---|---|---|"]
        for row in PACKETS:
            if row.sender == sender:
                form = row.form.replace("|", "\\|")
                runs = "yes" if row.resumes else ""
                lines.append(f"| `{form}` | {row.shape.value} | {runs} | {row.doc} |")
    return "\n".join(lines) + "\n"
