"""Stop replies: ``T S W X N O F``, as values, and back to packets.

A stop reply says that the guest stopped, seldom why: QEMU's is ``T05thread:p01.01;`` for a step, a software
and a hardware breakpoint alike. Source: gdb manual, "Stop Reply Packets"; QEMU 7.2 pads the address of a
watchpoint with zeros, QEMU 10 does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Literal, assert_never

from gdbstub.errors import RemoteProtocolError
from gdbstub.protocol.fields import (
    ThreadId,
    decode_hex,
    decode_number,
    decode_pairs,
    encode_hex,
    encode_number,
    encode_pairs,
    shown,
)

WatchKind = Literal["write", "read", "access"]

_WATCHES: dict[str, WatchKind] = {"watch": "write", "rwatch": "read", "awatch": "access"}
_WATCH_KEYS = {kind: key for key, kind in _WATCHES.items()}
_FORKS = frozenset(("fork", "vfork", "vforkdone", "exec", "clone", "create"))
_NAMED = _FORKS | {"library", "replaylog", "syscall_entry", "syscall_return"}
_HEX = frozenset("0123456789abcdefABCDEF")


@dataclass(frozen=True, slots=True)
class Watch:
    """A watchpoint was hit; ``address`` is what the stub says, which need not be the first byte watched."""

    kind: WatchKind
    address: int

    @property
    def key(self) -> str:
        """Its key in the packet: ``watch``, ``rwatch``, ``awatch``."""
        return _WATCH_KEYS[self.kind]


class BreakReason(Enum):
    """A breakpoint was hit; the value is its key in the packet. At a software breakpoint the program counter has been
    put back on it."""

    SOFTWARE = "swbreak"
    HARDWARE = "hwbreak"


@dataclass(frozen=True, slots=True)
class NamedReason:
    """Another reason of the gdb manual (``library``, ``replaylog``, ``fork``…), kept as sent."""

    name: str
    value: str


StopReason = Watch | BreakReason | NamedReason

_BREAKS = {reason.value: reason for reason in BreakReason}


@dataclass(frozen=True, slots=True)
class Stopped:
    """The guest stopped with ``signal``. ``registers`` are the expedited ones: number, bytes in target order.
    ``others`` holds the pairs that are no reasons (``core``) or that we don't know."""

    signal: int
    thread: ThreadId | None = None
    reasons: tuple[StopReason, ...] = ()
    registers: tuple[tuple[int, bytes], ...] = ()
    others: tuple[tuple[str, str], ...] = ()
    raw: str = field(default="", compare=False)

    @property
    def reason(self) -> StopReason | None:
        """The first reason that the stub gave, if any."""
        return self.reasons[0] if self.reasons else None

    @property
    def new_program(self) -> str | None:
        """The file that the process runs from now on (``exec``), if the stop tells of it."""
        names = [why.value for why in self.reasons if isinstance(why, NamedReason) and why.name == "exec"]
        if not names:
            return None
        try:
            return decode_hex(names[0].encode("latin-1")).decode("utf-8", "replace")
        except RemoteProtocolError:
            return names[0]


@dataclass(frozen=True, slots=True)
class Exited:
    """The guest ended by itself with exit status ``code`` (``W``)."""

    code: int
    process: int | None = None
    raw: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Terminated:
    """The guest was ended by ``signal`` (``X``)."""

    signal: int
    process: int | None = None
    raw: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class NoResumed:
    """Nothing is left that runs (``N``)."""

    raw: str = field(default="N", compare=False)


@dataclass(frozen=True, slots=True)
class ConsoleOutput:
    """Text from the guest's console or the monitor (``O``); the guest goes on."""

    text: bytes
    raw: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class FileRequest:
    """The guest asks its debugger for a file operation (``F``) and waits for the answer."""

    call: str
    arguments: tuple[str, ...]
    raw: str = field(default="", compare=False)


Stop = Stopped | Exited | Terminated | NoResumed | ConsoleOutput | FileRequest


@lru_cache(maxsize=256)
def parse_stop(payload: bytes) -> Stop:
    """The stop that ``payload`` tells of. Raises `RemoteProtocolError` when it is no stop reply."""
    raw = payload.decode("latin-1")
    match payload[:1]:
        case b"T":
            return _parse_t(payload)
        case b"S":
            return Stopped(_signal(payload, payload[1:]), raw=raw)
        case b"W":
            return Exited(*_parse_end(payload), raw)
        case b"X":
            return Terminated(*_parse_end(payload), raw)
        case b"N" if payload == b"N":
            return NoResumed()
        case b"O" if payload != b"OK":
            return ConsoleOutput(decode_hex(payload[1:]), raw)
        case b"F":
            call, *arguments = raw[1:].split(",")
            return FileRequest(call, tuple(arguments), raw)
        case _:
            raise RemoteProtocolError(f"The stub sent {shown(payload)} where a stop reply belongs.")


def _signal(payload: bytes, digits: bytes) -> int:
    if len(digits) != 2:
        raise RemoteProtocolError(f"The stub sent the stop reply {shown(payload)}, which has no two-digit signal.")
    return decode_number(digits)


def _parse_t(payload: bytes) -> Stopped:
    signal = _signal(payload, payload[1:3])
    thread: ThreadId | None = None
    reasons: list[StopReason] = []
    registers: list[tuple[int, bytes]] = []
    others: list[tuple[str, str]] = []
    for key, value in decode_pairs(payload[3:]):
        if key == "thread":
            thread = ThreadId.parse(value.encode("latin-1"))
        elif key in _WATCHES:
            reasons.append(Watch(_WATCHES[key], decode_number(value.encode("latin-1"))))
        elif key in _BREAKS:
            reasons.append(_BREAKS[key])
        elif key in _NAMED:
            reasons.append(NamedReason(key, value))
        elif _HEX.issuperset(key) and _HEX.issuperset(value):
            registers.append((decode_number(key.encode()), decode_hex(value.encode())))
        else:
            others.append((key, value))
    return Stopped(signal, thread, tuple(reasons), tuple(registers), tuple(others), payload.decode("latin-1"))


def _parse_end(payload: bytes) -> tuple[int, int | None]:
    """The number and the process of ``Wnn;process:p`` or ``Xnn;process:p``."""
    number, _, rest = payload[1:].partition(b";")
    processes = [value for key, value in decode_pairs(rest) if key == "process"]
    return decode_number(number), decode_number(processes[0].encode("latin-1")) if processes else None


def format_stop(stop: Stop, expedited: Iterable[tuple[int, bytes]] = ()) -> bytes:
    """The payload of ``stop``; `parse_stop` reads it back as an equal value. ``expedited`` are more registers: number,
    hex digits."""
    match stop:
        case Stopped():
            return _format_t(stop, expedited)
        case Exited(code=code, process=process):
            return b"W%02x" % code + _format_process(process)
        case Terminated(signal=signal, process=process):
            return b"X%02x" % signal + _format_process(process)
        case NoResumed():
            return b"N"
        case ConsoleOutput(text=text):
            return b"O" + encode_hex(text)
        case FileRequest(call=call, arguments=arguments):
            return b"F" + ",".join((call, *arguments)).encode("latin-1")
        case _:
            assert_never(stop)


def _format_process(process: int | None) -> bytes:
    return b"" if process is None else b";process:" + encode_number(process)


def _format_t(stop: Stopped, expedited: Iterable[tuple[int, bytes]]) -> bytes:
    registers = [(number, encode_hex(data)) for number, data in stop.registers]
    pairs = [b"%02x:%b;" % pair for pair in (*registers, *expedited)]
    pairs += [] if stop.thread is None else [_format_thread(stop.thread)]
    if stop.reasons or stop.others:
        pairs.append(encode_pairs([*map(_reason_pair, stop.reasons), *stop.others]))
    return b"T%02x%b" % (stop.signal, b"".join(pairs))


@lru_cache(maxsize=256)
def _format_thread(thread: ThreadId) -> bytes:
    return b"thread:%b;" % thread.format()


def _reason_pair(reason: StopReason) -> tuple[str, str]:
    match reason:
        case Watch(address=address):
            return reason.key, f"{address:x}"
        case BreakReason():
            return reason.value, ""
        case NamedReason(name=name, value=value):
            return name, value
        case _:
            assert_never(reason)
