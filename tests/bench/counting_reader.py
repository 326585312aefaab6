"""A reader that only counts: QEMU logs every instruction into a pipe, and nobody looks at what is in it.

``python -m tests.bench.counting_reader SOCKET ROWS`` prints the seconds until so many dumps had come. It is the most
that any reader can get.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.wire import ask, packet

PIPE_BYTES = READ_BYTES = 1 << 20
LAST = b"\nEFER="
COMMANDS = ("singlestep on", "log cpu,int,nochain")


def count(descriptor: int, rows: int) -> float:
    """The seconds until ``rows`` dumps have come."""
    began, found, tail = time.perf_counter(), 0, b""
    while found < rows:
        select.select([descriptor], [], [])
        data = os.read(descriptor, READ_BYTES)
        found += data.count(LAST) + (tail + data[: len(LAST) - 1]).count(LAST)
        tail = data[1 - len(LAST) :]
    return time.perf_counter() - began


def main(path: str, rows: str) -> None:
    with socket.socket(socket.AF_UNIX) as connection, tempfile.TemporaryDirectory(prefix="dr6-bench-") as folder:
        connection.connect(path)
        pipe = Path(folder) / "log"
        os.mkfifo(pipe, 0o600)
        descriptor = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        ask(connection, b"qSupported:multiprocess+")
        for words in (f"logfile {pipe}", *COMMANDS):
            ask(connection, b"qRcmd," + words.encode().hex().encode())
        connection.sendall(packet(b"vCont;c"))
        print(count(descriptor, int(rows)))


if __name__ == "__main__":
    main(*sys.argv[1:])
