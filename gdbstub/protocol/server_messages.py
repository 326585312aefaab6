"""What a server reads and what it answers: a parser for each request that has parts, and a function for each answer.

Parsers take the whole payload of a request, and raise `RemoteProtocolError` with a sentence about the client. Addresses
are linear, as the client has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Final, NamedTuple, TypeVar

from gdbstub.errors import BadField, RemoteProtocolError
from gdbstub.protocol.fields import ALL, ThreadId, decode_number, shown

_T = TypeVar("_T")


def _of_client(parse: Callable[[bytes], _T]) -> Callable[[bytes], _T]:
    """What it can't read is the client's."""

    @wraps(parse)
    def parsed(payload: bytes) -> _T:
        try:
            return parse(payload)
        except BadField as error:
            raise error.of("client") from None

    return parsed


def format_error(code: int) -> bytes:
    """``E nn``."""
    return b"E%02x" % code


def format_error_text(text: str) -> bytes:
    """``E.text``, for a client that said ``error-message+``; one line of ASCII."""
    return b"E." + " ".join(text.split()).encode("ascii", "replace")


def format_xfer(data: bytes, offset: int, length: int) -> bytes:
    """The part of ``data`` that `messages.read_object` asked for."""
    part = data[offset : offset + length]
    return (b"l" if offset + length >= len(data) else b"m") + part


def format_threads(threads: Iterable[ThreadId]) -> bytes:
    """The whole list in one packet; ``l`` answers the next question."""
    return b"m" + b",".join(thread.format() for thread in threads)


class BreakpointRequest(NamedTuple):
    """``Z`` or ``z`` as a client sent it; ``options`` is what follows (conditions, commands), as sent."""

    insert: bool
    kind: int
    address: int
    length: int
    options: bytes


_BREAKPOINT_TYPES: Final = (b"0", b"1", b"2", b"3", b"4")


@_of_client
def parse_breakpoint(payload: bytes) -> BreakpointRequest:
    """The twin of `messages.insert_breakpoint` and `messages.remove_breakpoint`."""
    fields, _, options = payload[1:].partition(b";")
    parts = fields.split(b",")
    if payload[:1] not in (b"Z", b"z") or len(parts) != 3 or parts[0] not in _BREAKPOINT_TYPES:
        raise RemoteProtocolError(f"The client sent {shown(payload)}, which is no breakpoint packet.")
    kind, address, length = int(parts[0]), decode_number(parts[1]), decode_number(parts[2])
    return BreakpointRequest(payload[:1] == b"Z", kind, address, length, options)


@_of_client
def parse_search(payload: bytes) -> tuple[int, int, bytes]:
    """Address, length and pattern of ``qSearch:memory:``."""
    fields = payload.removeprefix(b"qSearch:memory:").split(b";", 2)
    if len(fields) != 3 or not fields[2]:
        raise RemoteProtocolError(f"The client sent {shown(payload)}, which is no search.")
    return decode_number(fields[0]), decode_number(fields[1]), fields[2]


@_of_client
def parse_object_part(payload: bytes) -> tuple[str, int, int]:
    """Annex, offset and length of ``qXfer:OBJECT:read:ANNEX:OFFSET,LENGTH``."""
    annex, _, part = payload.removeprefix(b"qXfer:").partition(b":read:")[2].partition(b":")
    offset, _, length = part.partition(b",")
    return annex.decode("latin-1"), decode_number(offset), decode_number(length)


@_of_client
def parse_range(payload: bytes) -> tuple[int, int]:
    """Address and length of ``m``, ``x``, ``M…:`` or ``X…:``."""
    address, _, length = payload[1:].partition(b":")[0].partition(b",")
    return decode_number(address), decode_number(length)


class ThreadAction(NamedTuple):
    """One action of ``vCont``: ``kind`` is its letter, ``argument`` its signal or its range ("start,end")."""

    kind: str
    argument: str
    thread: ThreadId


@_of_client
def parse_thread_actions(payload: bytes) -> tuple[ThreadAction, ...]:
    """The actions of ``vCont;…``, in order; without a thread an action is for `ALL`."""
    return tuple(_thread_action(item) for item in payload.removeprefix(b"vCont;").split(b";"))


def _thread_action(item: bytes) -> ThreadAction:
    action, colon, thread = item.partition(b":")
    if not action:
        raise RemoteProtocolError("The client sent a vCont packet with an empty action.")
    whose = ThreadId.parse(thread) if colon else ThreadId(None, ALL)
    return ThreadAction(action[:1].decode("latin-1"), action[1:].decode("latin-1"), whose)
