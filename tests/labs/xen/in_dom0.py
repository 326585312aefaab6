"""``python -IS in_dom0.py PORT WORD…``: run a command in the lab's dom0, as if it were here.

Its input and output are ours, its exit status too. A command prefix such as ``ssh root@host``, but quick: so no
package is imported, and not even `socket`, which takes longer than all the rest. `command_server.c` is the other end.
"""

from __future__ import annotations

import _socket
import _thread
import os
import sys

OUT, ERR = 1, 2
LOST = 255
"""The exit status where there is no answer, as ssh has it."""


def main(port: str, *words: str) -> int:
    request = b"".join(os.fsencode(word) + b"\0" for word in words)
    connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    try:
        connection.connect(("127.0.0.1", int(port)))
        _send(connection, len(request).to_bytes(4, "big") + request)
        _thread.start_new_thread(_pass_input, (connection,))
        return _answer(connection)
    except OSError as error:
        return _lost(f"port {port} of the lab's dom0: {error.strerror}")


def _send(connection: _socket.socket, data: bytes) -> None:
    while data:
        data = data[connection.send(data) :]


def _pass_input(connection: _socket.socket) -> None:
    try:
        while data := os.read(0, 65536):
            _send(connection, data)
        connection.shutdown(_socket.SHUT_WR)
    except OSError:
        return  # the command is over


def _answer(connection: _socket.socket) -> int:
    outputs = {OUT: sys.stdout.buffer, ERR: sys.stderr.buffer}
    while len(head := _receive(connection, 5)) == 5:
        data = _receive(connection, int.from_bytes(head[1:], "big"))
        if head[0] not in outputs:
            return int(data)
        outputs[head[0]].write(data)
        outputs[head[0]].flush()
    return _lost("the lab's dom0 is gone")


def _receive(connection: _socket.socket, size: int) -> bytes:
    """``size`` bytes, fewer at the end."""
    data = b""
    while len(data) < size and (more := connection.recv(size - len(data))):
        data += more
    return data


def _lost(why: str) -> int:
    print(f"in_dom0: {why}", file=sys.stderr)
    return LOST


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
