"""A bare loop: the packets that a trace of dr6 sends, over a blocking socket, with nothing parsed but their ends.

``python -m tests.bench.bare_loop SOCKET STEPS pipelined|sequential`` prints the seconds that it took. ``pipelined``
writes as dr6 does: registers and monitor in one write, the bytes at RIP and the next step in another.
``sequential`` waits for each answer before it asks for the next thing.
"""

from __future__ import annotations

import socket
import sys
import time

from tests.bench.wire import ask, packet, receive

REGISTERS = packet(b"g")
MONITOR = packet(b"qRcmd," + b"info registers".hex().encode())
CODE = packet(b"m1000a1,f")
STEP = packet(b"vCont;s:p1.1")
DONE = packet(b"OK")
"""Ends a monitor command's output."""


def pipelined(connection: socket.socket, steps: int) -> None:
    connection.sendall(STEP)
    wanted = 1
    for _ in range(steps):
        answer = _packets(connection, wanted)
        connection.sendall(b"+" * wanted + REGISTERS + MONITOR)
        answer = _monitor(connection)
        connection.sendall(b"+" * answer.count(b"#") + CODE + STEP)
        wanted = 2
    _packets(connection, wanted)


def sequential(connection: socket.socket, steps: int) -> None:
    for _ in range(steps):
        for request in (STEP, REGISTERS):
            connection.sendall(request)
            _packets(connection, 1)
            connection.sendall(b"+")
        connection.sendall(MONITOR)
        connection.sendall(b"+" * _monitor(connection).count(b"#"))
        connection.sendall(CODE)
        _packets(connection, 1)
        connection.sendall(b"+")


def _packets(connection: socket.socket, count: int) -> bytes:
    data = receive(connection)
    while data.count(b"#") < count or data[-3:-2] != b"#":
        data += receive(connection)
    return data


def _monitor(connection: socket.socket) -> bytes:
    data = receive(connection)
    while not data.endswith(DONE):
        data += receive(connection)
    return data


def main(path: str, steps: str, pattern: str) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        ask(connection, b"qSupported:multiprocess+")
        ask(connection, b"?")
        ask(connection, b"Hgp1.1")
        began = time.perf_counter()
        {"pipelined": pipelined, "sequential": sequential}[pattern](connection, int(steps))
        print(time.perf_counter() - began)


if __name__ == "__main__":
    main(*sys.argv[1:])
