"""Memory: ``m M x X``, ``qCRC``, ``qSearch:memory``, and the switch to physical addresses."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from gdbstub.errors import GdbError, Refused, RemoteProtocolError
from gdbstub.protocol import decode_hex, decode_number, encode_hex, encode_number, server_messages
from gdbstub.server.client_features import PACKET_SIZE
from gdbstub.server.physical_memory import check_physical
from gdbstub.server.session import ClientSession

PAGE = 4096
WINDOW = 1 << 16
PHYSICAL_PIECE = 1024
"""Bytes in one request with physical addresses."""
MOST_SEARCHED = 1 << 28
"""Bytes of one search or checksum: some minutes' worth of reading."""
_REFLECTED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


async def read_memory(session: ClientSession, payload: bytes) -> bytes:
    address, length = server_messages.parse_range(payload)
    return encode_hex(await _some(session, address, min(length, PACKET_SIZE // 2 - 8)))


async def read_memory_binary(session: ClientSession, payload: bytes) -> bytes:
    """``x``; gdb 16's form, with a ``b`` in front (``binary-upload+``)."""
    address, length = server_messages.parse_range(payload)
    return b"b" + await _some(session, address, min(length, PACKET_SIZE // 2 - 8))


async def _some(session: ClientSession, address: int, length: int) -> bytes:
    """As much of it as can be read from its beginning; raises `Refused` where that is nothing."""
    if not length:
        return b""
    try:
        return await _read(session, address, length)
    except Refused:
        first = min(length, PAGE - address % PAGE)
        if first == length:
            raise
    data = await _read(session, address, first)
    while len(data) < length:
        try:
            data += await _read(session, address + len(data), min(length - len(data), PAGE))
        except Refused:
            break
    return data


async def write_memory(session: ClientSession, payload: bytes) -> bytes:
    session.may_change()
    address, length = server_messages.parse_range(payload)
    data = payload.partition(b":")[2]
    data = data if payload[:1] == b"X" else decode_hex(data)
    if len(data) != length:
        raise RemoteProtocolError(f"A write of {length} bytes came with {len(data)}.")
    if data:
        await _write(session, address, data)
    return b"OK"


async def _read(session: ClientSession, address: int, length: int) -> bytes:
    if session.physical:
        await check_physical(session, address, min(length, PHYSICAL_PIECE))
        return await _physical(session, b"m%x,%x" % (address, min(length, PHYSICAL_PIECE)), decode_hex)
    debugger = session.debugger
    if not session.guest.busy and (kept := debugger.kept_memory(address, length)) is not None:
        return kept

    async def read() -> bytes:
        kept = debugger.kept_memory(address, length)  # read ahead meanwhile
        return await debugger.read_memory(address, length) if kept is None else kept

    return await session.reach(read)


async def _write(session: ClientSession, address: int, data: bytes) -> None:
    if not session.physical:
        await session.reach(lambda: session.debugger.write_memory(address, data))
        return
    await check_physical(session, address, len(data))
    for at in range(0, len(data), PHYSICAL_PIECE):
        part = data[at : at + PHYSICAL_PIECE]
        await _physical(session, b"M%x,%x:%b" % (address + at, len(part), part.hex().encode()))


async def _physical(session: ClientSession, payload: bytes, read: Callable[[bytes], bytes] = bytes) -> bytes:
    """One memory packet with physical addresses, and what ``read`` makes of its answer; the switch is back before
    anybody else asks."""
    ask_stub = session.debugger.ask_stub

    async def ask() -> bytes:
        await ask_stub(b"Qqemu.PhyMemMode:1")
        try:
            answer = await ask_stub(payload)
        finally:
            await ask_stub(b"Qqemu.PhyMemMode:0")
        if answer[:1] == b"E" or not answer:
            raise RemoteProtocolError("The guest has no memory at that physical address.")
        return read(answer)

    return await session.reach(ask)


async def physical_mode(session: ClientSession, payload: bytes) -> bytes:
    """``Qqemu.PhyMemMode``: QEMU has one switch for everybody; here it is each client's own."""
    if await session.reach(lambda: session.debugger.ask_stub(b"qqemu.PhyMemMode")) == b"":
        return b""
    session.physical = payload.endswith(b":1")
    return b"OK"


async def is_physical(session: ClientSession, payload: bytes) -> bytes:
    return b"1" if session.physical else b"0"


# -- going through much of it -------------------------------------------------------------------------------


async def checksum(session: ClientSession, payload: bytes) -> bytes:
    """``qCRC``: CRC-32 with the bits of each byte the other way round than zlib has them (gdb's libiberty xcrc32)."""
    address, _, length = payload.partition(b":")[2].partition(b",")
    crc, at, left = 0, decode_number(address), _bounded(decode_number(length))
    while left:
        data = await _read(session, at, min(left, WINDOW))
        crc = zlib.crc32(data.translate(_REFLECTED), crc)
        at, left = at + len(data), left - len(data)
    value = int(f"{crc ^ 0xFFFF_FFFF:032b}"[::-1], 2)
    return b"C" + encode_number(value)


async def search(session: ClientSession, payload: bytes) -> bytes:
    """``qSearch:memory``: ``1,ADDRESS`` or ``0``."""
    start, length, pattern = server_messages.parse_search(payload)
    end, at, kept = start + _bounded(length), start, b""
    while at < end:
        data = kept + await _read(session, at, min(end - at, WINDOW))
        if (found := data.find(pattern)) >= 0:
            return b"1,%x" % (at - len(kept) + found)
        at += len(data) - len(kept)
        kept = data[len(data) - len(pattern) + 1 :] if len(pattern) > 1 else b""
    return b"0"


def _bounded(length: int) -> int:
    if length > MOST_SEARCHED:
        raise GdbError(f"{length} bytes are more than the {MOST_SEARCHED} that one request may go through.")
    return length
