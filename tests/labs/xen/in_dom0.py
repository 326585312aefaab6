"""``python -IS in_dom0.py PORT WORD…``: run a command in the lab's dom0, as if it were here.

Its output is ours, its exit status too; it gets no input. A command prefix such as ``ssh root@host``, but quick: so this
imports little, and needs no package. `command_server.c` is the other end.
"""

from __future__ import annotations

import socket
import sys

OUT, ERR = 1, 2
LOST = 255
"""The exit status where there is no answer, as ssh has it."""


def main(port: str, *words: str) -> int:
    request = b"".join(word.encode("utf-8", "surrogateescape") + b"\0" for word in words)
    try:
        with socket.create_connection(("127.0.0.1", int(port))) as connection:
            connection.sendall(len(request).to_bytes(4, "big") + request)
            return _answer(connection)
    except OSError as error:
        return _lost(f"port {port} of the lab's dom0: {error.strerror}")


def _answer(connection: socket.socket) -> int:
    outputs = {OUT: sys.stdout.buffer, ERR: sys.stderr.buffer}
    with connection.makefile("rb") as packets:
        while len(head := packets.read(5)) == 5:
            data = packets.read(int.from_bytes(head[1:], "big"))
            if head[0] not in outputs:
                return int(data)
            outputs[head[0]].write(data)
            outputs[head[0]].flush()
    return _lost("the lab's dom0 is gone")


def _lost(why: str) -> int:
    print(f"in_dom0: {why}", file=sys.stderr)
    return LOST


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
