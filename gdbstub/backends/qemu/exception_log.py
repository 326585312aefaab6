"""QEMU's ``log int``: each exception that TCG delivers, with all registers in front of it, as text.

Formats: ``do_interrupt_all`` of target/i386/tcg/seg_helper.c for the first line, ``x86_cpu_dump_state`` of
target/i386/cpu-dump.c for the registers (7.2 and 10.0 print the same). Interrupts and exceptions of real mode have no
line. With ``cpu_reset`` beside ``int`` a triple fault has a line as well (``check_exception`` of
target/i386/tcg/excp_helper.c). What does not look as it should is passed over and counted, never guessed at.
"""

from __future__ import annotations

import re
from collections import Counter
from enum import Enum
from typing import NamedTuple

from gdbstub.backends.qemu.monitor import MonitorRegisters, parse_info_registers
from gdbstub.errors import RemoteProtocolError
from gdbstub.x86.exceptions import FailedDelivery

_HEAD = re.compile(
    rb" *(\d{1,10}): v=([0-9a-f]{2}) e=([0-9a-f]{4,8}) i=([01]) cpl=([0-3]) "
    rb"IP=([0-9a-f]{4}):([0-9a-f]{16}) pc=([0-9a-f]{16}) SP=([0-9a-f]{4}):([0-9a-f]{16}) "
)
_GENERAL = re.compile(r"\b([ER][ABCD]X|[ER][SD]I|[ER][BS]P|R(?:8|9|1[0-5]))\s?=([0-9a-f]{8,16})\b")
_EIGHT = ("AX", "BX", "CX", "DX", "SI", "DI", "BP", "SP")
_NAMES = {f"{wide}{name}": f"r{name.lower()}" for wide in "ER" for name in _EIGHT}
_NAMES |= {f"R{n}": f"r{n}" for n in range(8, 16)}
_FIRST = (b"RAX=", b"EAX=")
_LAST = b"EFER="
_NEXT = b": v="
_GAVE_UP = b"Triple fault"
_SERVICED = re.compile(rb"Servicing (?:virtual )?hardware INT=0x([0-9a-f]{2})")
MOST_DUMP_BYTES = 4096
"""Of one dump of registers; it has 1,400 at most."""
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
    failed: FailedDelivery | None = None
    """What came instead, where it was not delivered: QEMU writes its line before it tries to."""
    instead_of: int | None = None
    """The vector of an exception or an interrupt (no INT n) whose delivery failed, so that this one came."""
    interrupt: bool = False
    """Is it an interrupt of a device?"""


class LogMark(Enum):
    """What else the log tells of, in its place among the exceptions."""

    TRIPLE_FAULT = "triple fault"


class Delivered(NamedTuple):
    """An exception among the instructions that ran; ``code`` are the bytes at its RIP, empty where they are not
    known."""

    logged: LoggedException
    code: bytes


class ExceptionLog:
    """Takes the log as it comes, cut anywhere."""

    def __init__(self) -> None:
        self.unread: Counter[int | None] = Counter()
        """Exceptions that could not be read, by vector (None: not even that): who asks takes them out."""
        self._rest = b""
        self._heads: list[tuple[bytes, ...]] = []
        self._dump: list[bytes] | None = None
        self._serviced: int | None = None
        """The vector of an interrupt, whose exception line is the next one; there is none in real mode."""

    def feed(self, data: bytes) -> list[LoggedException]:
        """The exceptions that are complete now, in the order of their delivery."""
        return [one for one in self.read(data) if not isinstance(one, LogMark)]

    def read(self, data: bytes) -> list[LoggedException | LogMark]:
        """The same, and what else the log tells of."""
        text, at = self._rest + data, 0
        found: list[LoggedException | LogMark] = []
        while True:
            if self._dump is None and not self._heads and (whole := _whole(text, at)) is not None:
                logged, at = whole
                found.append(self._told(logged))
                continue
            end = text.find(b"\n", at)
            if end < 0:
                break
            one = self._line(text[at : min(end, at + MOST_LINE_BYTES)])
            if one is not None:
                found.append(one)
            at = end + 1
        self._rest = text[max(at, len(text) - MOST_LINE_BYTES) :]
        return found

    def _line(self, line: bytes) -> LoggedException | LogMark | None:
        if (head := _HEAD.match(line)) is not None:
            self._heads.append(head.groups())
            if len(self._heads) > MOST_PENDING:
                self._give_up(self._heads.pop(0))
            return None
        if _NEXT in line:
            self.unread[None] += 1
            return None
        if line.startswith(_FIRST):
            self._dump = [line]
            return None
        if line.startswith(_GAVE_UP):
            return LogMark.TRIPLE_FAULT
        serviced = _SERVICED.match(line)
        self._serviced = None if serviced is None else int(serviced[1], 16)
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
        for at, head in enumerate(self._heads):
            logged = _logged(head, dump)
            if logged is not None:
                del self._heads[at]
                return self._told(logged)
        return None

    def settle(self) -> None:
        """Nobody writes now: first lines without registers stay so."""
        while self._heads:
            self._give_up(self._heads.pop())
        self._dump = None

    def _give_up(self, head: tuple[bytes, ...]) -> None:
        self.unread[int(head[1], 16)] += 1

    def _told(self, logged: LoggedException) -> LoggedException:
        """As an interrupt, if that is what the line in front said."""
        serviced, self._serviced = self._serviced, None
        return logged if serviced != logged.vector or logged.software else logged._replace(interrupt=True)


def _whole(text: bytes, at: int) -> tuple[LoggedException, int] | None:
    """The exception whose first line begins at ``at``, if all of its registers follow directly, and where it ends."""
    head = _HEAD.match(text, at)
    start = 0 if head is None else text.find(b"\n", head.end()) + 1
    if head is None or not start or not text.startswith(_FIRST, start):
        return None
    last = text.find(b"\n" + _LAST, start, start + MOST_DUMP_BYTES)
    end = text.find(b"\n", last + 1) + 1
    if last < 0 or not end or text.find(_NEXT, start, last) >= 0:
        return None
    logged = _logged(head.groups(), text[start:end].decode("latin-1"))
    return None if logged is None else (logged, end)


def _logged(head: tuple[bytes, ...], dump: str) -> LoggedException | None:
    """The first line and its registers; None where they don't belong to each other, or can't be read."""
    rest = dump.find("IP=") - 1
    try:
        shown = parse_info_registers(dump[max(rest, 0) :])
    except RemoteProtocolError:
        return None
    vector, error, cpl, cs, rip, pc, ss, rsp = (int(head[i], 16) for i in (1, 2, 4, 5, 6, 7, 8, 9))
    if rip != shown.rip or cpl != shown.cpl:
        return None
    general = {_NAMES[name]: int(value, 16) for name, value in _GENERAL.findall(dump, 0, rest)}
    return LoggedException(int(head[0]), vector, error, head[3] == b"1", cpl, cs, rip, pc, ss, rsp, general, shown)
