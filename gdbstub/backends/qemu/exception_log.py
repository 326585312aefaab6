"""QEMU's ``log int``: each exception that TCG delivers, with all registers in front of it, as text.

Formats: ``do_interrupt_all`` of target/i386/tcg/seg_helper.c for the first line, ``x86_cpu_dump_state`` of
target/i386/cpu-dump.c for the registers (7.2 and 10.0 print the same). Interrupts and exceptions of real mode have no
line. What does not look as it should is passed over and counted, never guessed at.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gdbstub.backends.qemu.monitor import MonitorRegisters, parse_info_registers
from gdbstub.errors import RemoteProtocolError

_HEAD = re.compile(
    rb" *(\d{1,10}): v=([0-9a-f]{2}) e=([0-9a-f]{4,8}) i=([01]) cpl=([0-3]) "
    rb"IP=([0-9a-f]{4}):([0-9a-f]{16}) pc=([0-9a-f]{16}) SP=([0-9a-f]{4}):([0-9a-f]{16}) "
)
_GENERAL = re.compile(r"\b([ER][ABCD]X|[ER][SD]I|[ER][BS]P|R(?:8|9|1[0-5]))\s?=([0-9a-f]{8,16})\b")
_FIRST = (b"RAX=", b"EAX=")
_LAST = b"EFER="
MOST_LINES = 64
"""Of one dump of registers; it has 27 at most."""
MOST_LINE_BYTES = 4096
MOST_PENDING = 64
"""First lines that wait for their registers: one for each vCPU, at most."""


class LoggedException(NamedTuple):
    """One exception as it was delivered. ``software``: by INT3, INTO or INT n, with ``rip`` at that instruction.
    ``general`` are the general registers by our names, and ``shown`` the rest, both in front of the delivery, but for
    DR6, which has the new bits already."""

    number: int
    vector: int
    error_code: int
    software: bool
    cpl: int
    cs: int
    rip: int
    pc: int
    ss: int
    rsp: int
    general: dict[str, int]
    shown: MonitorRegisters


class ExceptionLog:
    """Takes the log as it comes, cut anywhere."""

    def __init__(self) -> None:
        self.damaged = 0
        """How many first lines had no registers behind them that could be read."""
        self._rest = b""
        self._heads: list[tuple[bytes, ...]] = []
        self._dump: list[bytes] | None = None

    def feed(self, data: bytes) -> list[LoggedException]:
        """The exceptions that are complete now, in the order of their delivery."""
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[-MOST_LINE_BYTES:]
        return [one for line in lines if (one := self._line(line[:MOST_LINE_BYTES])) is not None]

    def _line(self, line: bytes) -> LoggedException | None:
        if (head := _HEAD.match(line)) is not None:
            self._heads.append(head.groups())
            if len(self._heads) > MOST_PENDING:
                self.damaged += 1
                del self._heads[0]
            return None
        if line.startswith(_FIRST):
            self._dump = [line]
            return None
        if self._dump is None:
            return None
        self._dump.append(line)
        if line.startswith(_LAST):
            text, self._dump = b"\n".join(self._dump).decode("latin-1"), None
            return self._complete(text + "\n")
        if len(self._dump) > MOST_LINES:
            self._dump = None
        return None

    def _complete(self, dump: str) -> LoggedException | None:
        """The registers belong to the first line with the same RIP: several vCPUs may write at a time, and SMM dumps
        registers without such a line."""
        try:
            shown = parse_info_registers(dump)
        except RemoteProtocolError:
            return None
        for at, head in enumerate(self._heads):
            number, _, _, software, cpl, *_ = head
            vector, error, cs, rip, pc, ss, rsp = (int(head[i], 16) for i in (1, 2, 5, 6, 7, 8, 9))
            if rip == shown.rip and int(cpl) == shown.cpl:
                del self._heads[at]
                general = {f"r{name[1:].lower()}": int(value, 16) for name, value in _GENERAL.findall(dump)}
                which = (int(number), vector, error, software == b"1", int(cpl))
                return LoggedException(*which, cs, rip, pc, ss, rsp, general, shown)
        return None
