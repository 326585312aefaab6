"""``python3 -m tests.labs.host_words SOCKET …``: what a lab gives dr6 as ``--host``; what follows runs where it leads.

As with ssh, standard input and output are those of what runs there. It needs the standard library alone.
"""

from __future__ import annotations

import os
import socket
import sys
import threading


def main(path: str) -> int:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(path)
        threading.Thread(target=_send, args=(line,), daemon=True).start()
        while data := line.recv(1 << 16):
            os.write(1, data)
    return 0


def _send(line: socket.socket) -> None:
    while data := os.read(0, 1 << 16):
        line.sendall(data)
    line.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
