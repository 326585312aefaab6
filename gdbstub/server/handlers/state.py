"""Registers and memory: ``g G p P m M x X``, ``qCRC``, ``qSearch:memory``."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from gdbstub.errors import GdbError, Refused, RemoteProtocolError
from gdbstub.protocol import decode_hex, decode_number, decode_register, encode_hex, encode_number, messages
from gdbstub.server.client_features import PACKET_SIZE

if TYPE_CHECKING:
    from gdbstub.server.session import Client

PAGE = 4096
WINDOW = 1 << 16
MOST_SEARCHED = 1 << 28
"""Bytes of one search or checksum: some minutes' worth of reading."""
_REFLECTED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


async def read_registers(client: Client, _: bytes) -> bytes:
    raw, state = await client.reach_registers()
    return client.registers.read_all(raw, state)


async def write_registers(client: Client, payload: bytes) -> bytes:
    """``G``, as the ``P`` of each register that changes: QEMU's own ``G`` shifts them outside of 64-bit code."""
    client.may_change()
    raw, state = await client.reach_registers()
    for write in client.registers.changes(payload[1:], client.registers.read_all(raw, state)):
        await client.write_register(write)
    return b"OK"


async def read_register(client: Client, payload: bytes) -> bytes:
    register = client.registers.register(decode_number(payload[1:]))
    raw, state = await client.reach_registers(complete=client.registers.is_extra(register))
    return client.registers.read(register, raw, state)


async def write_register(client: Client, payload: bytes) -> bytes:
    client.may_change()
    number, equals, text = payload[1:].partition(b"=")
    register = client.registers.register(decode_number(number))
    value = decode_register(text)
    if not equals or value is None or len(text) != 2 * register.size:
        raise RemoteProtocolError(f"A value for {register.name} has {2 * register.size} hex digits.")
    await client.write_register(client.registers.write(register, value))
    return b"OK"


# -- memory -----------------------------------------------------------------------------------------------


async def read_memory(client: Client, payload: bytes) -> bytes:
    address, length = messages.parse_range(payload)
    return encode_hex(await _some(client, address, min(length, PACKET_SIZE // 2 - 8)))


async def read_memory_binary(client: Client, payload: bytes) -> bytes:
    """``x``; gdb 16's form, with a ``b`` in front (``binary-upload+``)."""
    address, length = messages.parse_range(payload)
    return b"b" + await _some(client, address, min(length, PACKET_SIZE // 2 - 8))


async def _some(client: Client, address: int, length: int) -> bytes:
    """As much of it as can be read from its beginning; raises `Refused` where that is nothing."""
    if not length:
        return b""
    try:
        return await client.read_memory(address, length)
    except Refused:
        first = min(length, PAGE - address % PAGE)
        if first == length:
            raise
    data = await client.read_memory(address, first)
    while len(data) < length:
        try:
            data += await client.read_memory(address + len(data), min(length - len(data), PAGE))
        except Refused:
            break
    return data


async def write_memory(client: Client, payload: bytes) -> bytes:
    client.may_change()
    address, length = messages.parse_range(payload)
    data = payload.partition(b":")[2]
    data = data if payload[:1] == b"X" else decode_hex(data)
    if len(data) != length:
        raise RemoteProtocolError(f"A write of {length} bytes came with {len(data)}.")
    if data:
        await client.write_memory(address, data)
    return b"OK"


async def checksum(client: Client, payload: bytes) -> bytes:
    """``qCRC``: CRC-32 with the bits of each byte the other way round than zlib has them (gdb's libiberty xcrc32)."""
    address, _, length = payload.partition(b":")[2].partition(b",")
    crc, at, left = 0, decode_number(address), _bounded(decode_number(length))
    while left:
        data = await client.read_memory(at, min(left, WINDOW))
        crc = zlib.crc32(data.translate(_REFLECTED), crc)
        at, left = at + len(data), left - len(data)
    value = int(f"{crc ^ 0xFFFF_FFFF:032b}"[::-1], 2)
    return b"C" + encode_number(value)


async def search(client: Client, payload: bytes) -> bytes:
    """``qSearch:memory``: ``1,ADDRESS`` or ``0``."""
    start, length, pattern = messages.parse_search(payload)
    end, at, kept = start + _bounded(length), start, b""
    while at < end:
        data = kept + await client.read_memory(at, min(end - at, WINDOW))
        if (found := data.find(pattern)) >= 0:
            return b"1,%x" % (at - len(kept) + found)
        at += len(data) - len(kept)
        kept = data[len(data) - len(pattern) + 1 :] if len(pattern) > 1 else b""
    return b"0"


def _bounded(length: int) -> int:
    if length > MOST_SEARCHED:
        raise GdbError(f"{length} bytes are more than the {MOST_SEARCHED} that one request may go through.")
    return length
