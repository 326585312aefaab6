"""What a client says and what is answered: a function for each request, and a parser for each shape of answer. The
server's half is in `server_messages`.

Builders return payloads (no ``$``, not escaped). Parsers take the request, for their message, and the answer;
they raise `Refused` for ``E nn`` and ``E.text``, `Unsupported` for the empty packet, and
`RemoteProtocolError` for what can't be an answer to it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from gdbstub.errors import Refused, RemoteProtocolError, Unsupported
from gdbstub.protocol.fields import (
    ThreadId,
    decode_hex,
    encode_hex,
    encode_register,
    shown,
)

Action = Literal["c", "s", "t"]


WHY_STOPPED: Final = b"?"
READ_REGISTERS: Final = b"g"
START_NO_ACK: Final = b"QStartNoAckMode"
WHICH_ACTIONS: Final = b"vCont?"
_THREAD: Final = re.compile(rb"""<thread\s[^>]*?\bid=["']([^"'<>]*)["']""")
CURRENT_THREAD: Final = b"qC"
FIRST_THREADS: Final = b"qfThreadInfo"
MORE_THREADS: Final = b"qsThreadInfo"
ATTACHED: Final = b"qAttached"
ANY_THREAD: Final = b"Hg0"
KILL: Final = b"k"
REVERSE_STEP: Final = b"bs"
REVERSE_CONTINUE: Final = b"bc"

_ERROR = re.compile(rb"E(?:([0-9a-fA-F]{2})|\.(.*))\Z", re.DOTALL)


class Xfer(NamedTuple):
    """A part of an object; ``last`` when nothing follows it."""

    data: bytes
    last: bool


class ThreadList(NamedTuple):
    """A part of the thread list; ``last`` when nothing follows it."""

    threads: tuple[ThreadId, ...]
    last: bool


# -- requests --------------------------------------------------------------------------------


def read_register(number: int) -> bytes:
    """``p``: one register, by its number in the target description."""
    return b"p%x" % number


def write_register(number: int, value: int, size: int) -> bytes:
    """``P``: ``size`` bytes of ``value``, little-endian."""
    return b"P%x=%b" % (number, encode_register(value, size))


def write_registers(data: bytes) -> bytes:
    """``G``: all registers at once. Not for QEMU, see `packets`."""
    return b"G" + encode_hex(data)


def read_memory(address: int, length: int) -> bytes:
    """``m``: at most as many bytes as fit the stub's packet, two digits each."""
    return b"m%x,%x" % (address, length)


def physical_memory(on: bool) -> bytes:
    """From now on addresses of memory are physical ones, or linear ones again (QEMU: gdbstub.c,
    handle_set_qemu_phy_mem_mode)."""
    return b"Qqemu.PhyMemMode:%d" % on


def write_memory(address: int, data: bytes) -> bytes:
    """``M``: bytes in hex, which every stub knows."""
    return b"M%x,%x:%b" % (address, len(data), encode_hex(data))


def write_memory_binary(address: int, data: bytes) -> bytes:
    """``X``: bytes as they are; the frame escapes them."""
    return b"X%x,%x:%b" % (address, len(data), data)


def insert_breakpoint(kind: int, address: int, length: int) -> bytes:
    """``Z0`` software, ``Z1`` hardware (``length`` 1 for both), ``Z2`` write, ``Z3`` read, ``Z4`` access."""
    return b"Z%x,%x,%x" % (kind, address, length)


def remove_breakpoint(kind: int, address: int, length: int) -> bytes:
    """``z``: the twin of `insert_breakpoint`, with the same arguments."""
    return b"z%x,%x,%x" % (kind, address, length)


def resume(action: Action, signal: int = 0) -> bytes:
    """``s`` or ``c``: for a stub without ``vCont``; the thread is the one that ``Hc`` chose. With ``signal`` it is
    delivered (``S``, ``C``)."""
    return b"%b%02x" % (action.upper().encode(), signal) if signal else action.encode()


def resume_threads(actions: Sequence[tuple[Action, ThreadId | None]], signal: int = 0) -> bytes:
    """``vCont``: the first action that names a thread is the one it gets; None stands for all the others. ``signal``
    is delivered to the thread of the first."""
    words = [resume(action, 0 if place else signal) for place, (action, _) in enumerate(actions)]
    threads = [b"" if thread is None else b":" + thread.format() for _, thread in actions]
    return b"vCont" + b"".join(b";" + word + thread for word, thread in zip(words, threads, strict=True))


def step_in_range(start: int, end: int, thread: ThreadId, *, others: bool) -> bytes:
    """``vCont;r``: step ``thread`` for as long as it is from ``start`` to before ``end``; the ``others`` run."""
    return b"vCont;r%x,%x:%b" % (start, end, thread.format()) + (b";c" if others else b"")


def choose_thread(operation: Literal["c", "g"], thread: ThreadId) -> bytes:
    """``Hc``: for ``s`` and ``c``; ``Hg``: for registers and memory."""
    return b"H" + operation.encode() + thread.format()


def thread_alive(thread: ThreadId) -> bytes:
    """``T``: OK if the thread is alive."""
    return b"T" + thread.format()


def monitor(command: str) -> bytes:
    """``qRcmd``: a line for the stub's monitor; `Expect.MONITOR`."""
    return b"qRcmd," + encode_hex(command.encode())


def read_object(kind: str, annex: str, offset: int, length: int) -> bytes:
    """``qXfer:…:read``: a part of an object; see `parse_xfer`."""
    return b"qXfer:%b:read:%b:%x,%x" % (kind.encode(), annex.encode(), offset, length)


def read_features(annex: str, offset: int, length: int) -> bytes:
    """``qXfer:features:read``: a part of the target description (``target.xml`` and what it includes)."""
    return read_object("features", annex, offset, length)


def detach(process: int | None = None) -> bytes:
    """``D``; with the multiprocess extension QEMU wants a process, and dies of one that it does not know."""
    return b"D" if process is None else b"D;%x" % process


# -- answers ---------------------------------------------------------------------------------


def refusal(request: bytes, payload: bytes) -> Refused | None:
    """The error that ``payload`` stands for, if it is one. The empty packet is `Unsupported`."""
    name = shown(request)
    if not payload:
        return Unsupported(name)
    found = _ERROR.match(payload) if payload[:1] == b"E" else None
    if found is None:
        return None
    if found[1] is not None:
        return Refused(name, found[1].decode())
    return Refused(name, ".", f"The stub refused {name}: {shown(found[2])}.")


def expect_data(request: bytes, payload: bytes) -> bytes:
    """``payload`` itself, unless it is a refusal."""
    error = refusal(request, payload)
    if error is not None:
        raise error
    return payload


def expect_ok(request: bytes, payload: bytes) -> None:
    """OK, or the refusal."""
    if payload != b"OK" and expect_data(request, payload):
        raise _unfit(request, payload)


def expect_hex(request: bytes, payload: bytes) -> bytes:
    """The bytes of an answer in hex (``m``, ``p``, ``qThreadExtraInfo``)."""
    return decode_hex(expect_data(request, payload))


def parse_xfer(request: bytes, payload: bytes) -> Xfer:
    """The answer to `read_object`: ``m`` and a part, or ``l`` and the last part."""
    kind, data = expect_data(request, payload)[:1], payload[1:]
    if kind not in (b"m", b"l"):
        raise _unfit(request, payload)
    return Xfer(data, kind == b"l")


def parse_threads(request: bytes, payload: bytes) -> ThreadList:
    """The answer to `FIRST_THREADS` and `MORE_THREADS`.

    ``l`` ends the list; gdbsx writes it behind the last thread (``m0,1l``), and answers the next question
    with the empty packet.
    """
    if request == MORE_THREADS and not payload:
        return ThreadList((), True)
    kind, names = expect_data(request, payload)[:1], payload[1:]
    if kind not in (b"m", b"l") or (kind == b"l" and names):
        raise _unfit(request, payload)
    last = kind == b"l" or names.endswith(b"l")
    names = names.removesuffix(b"l")
    return ThreadList(tuple(ThreadId.parse(name) for name in names.split(b",") if name), last)


def parse_threads_object(data: bytes) -> tuple[ThreadId, ...]:
    """The threads that ``qXfer:threads`` names, in its XML; of any process at least one."""
    threads = tuple(ThreadId.parse(name) for name in _THREAD.findall(data))
    if not threads:
        raise RemoteProtocolError(f"The stub's list of threads is {shown(data)}.")
    return threads


def parse_current_thread(request: bytes, payload: bytes) -> ThreadId:
    """The answer to `CURRENT_THREAD`."""
    if not expect_data(request, payload).startswith(b"QC"):
        raise _unfit(request, payload)
    return ThreadId.parse(payload[2:])


def parse_actions(request: bytes, payload: bytes) -> frozenset[str]:
    """The answer to `WHICH_ACTIONS`: the actions, empty when the stub has no ``vCont``."""
    if not payload or (payload.startswith(b"vCont") and payload[5:6] in (b"", b";")):
        return frozenset(name.decode("latin-1") for name in payload[5:].split(b";") if name)
    raise refusal(request, payload) or _unfit(request, payload)


def parse_attached(request: bytes, payload: bytes) -> bool:
    """The answer to `ATTACHED`: whether the stub attached to a guest that was there before it."""
    if expect_data(request, payload) not in (b"0", b"1"):
        raise _unfit(request, payload)
    return payload == b"1"


def _unfit(request: bytes, payload: bytes) -> RemoteProtocolError:
    return RemoteProtocolError(f"The stub answered {shown(request)} with {shown(payload)}.")
