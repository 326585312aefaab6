"""As little of the remote protocol as a bare loop needs: build a packet, find the end of an answer."""

from __future__ import annotations

import socket


def packet(payload: bytes) -> bytes:
    return b"$%b#%02x" % (payload, sum(payload) & 0xFF)


def ask(connection: socket.socket, payload: bytes) -> bytes:
    """One request, its answer of one packet, and the acknowledgment."""
    connection.sendall(packet(payload))
    answer = b""
    while answer[-3:-2] != b"#":
        answer += receive(connection)
    connection.sendall(b"+")
    return answer


def receive(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionError("QEMU closed the connection")
    return data
