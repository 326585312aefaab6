"""A relay between a client and a stub, on a unix socket: something happens at a place of their conversation, whenever
that comes."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

SECONDS = 60.0


def _relay(listener: socket.socket, stub: Path, words: bytes, count: int, action: Callable[[], None]) -> None:
    client, _ = listener.accept()
    with client, socket.socket(socket.AF_UNIX) as server:
        server.connect(str(stub))
        first_bytes = b""
        while ready := select.select([client, server], [], [], SECONDS)[0]:
            for source in ready:
                try:
                    data = source.recv(65536)
                except ConnectionError:
                    return
                if not data:
                    return
                if source is client and count > 0:
                    first_bytes += data
                    if first_bytes.count(words) >= count:
                        count = 0
                        action()
                with contextlib.suppress(OSError):  # the one that is gone is noticed in the next round
                    (server if source is client else client).sendall(data)


@contextlib.contextmanager
def relay(directory: Path, stub: Path, words: bytes, count: int, action: Callable[[], None]) -> Iterator[str]:
    """A TARGET that leads to ``stub``; once the client has said ``words`` ``count`` times, ``action`` is called."""
    path = directory / "relay"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=_relay, args=(listener, stub, words, count, action))
        thread.start()
        try:
            yield f"unix:{path}"
        finally:
            thread.join()
