"""A QEMU of its own for each contender: the guest ``loop``, stopped at its first round, behind a unix socket."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.wire import ask, packet
from tests.guests.build import build
from tests.guests.image import read_image
from tests.guests.machine import QEMU

START = "main_loop"


@contextmanager
def stopped_guest(*options: str) -> Iterator[Path]:
    """The path of its gdb socket; ``options`` are further ones of QEMU's. QEMU keeps the guest where it
    is when a client leaves without a detach."""
    image = build("loop")
    with tempfile.TemporaryDirectory(prefix="dr6-bench-") as directory:
        path = Path(directory) / "gdb"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            # QEMU takes the listening socket over, so nobody waits for it to appear
            passed = listener.fileno()
            command = [
                *QEMU,
                "-S",
                *options,
                "-kernel",
                str(image),
                "-chardev",
                f"socket,id=gdb,fd={passed},server=on,wait=off",
            ]
            qemu = subprocess.Popen([*command, "-gdb", "chardev:gdb"], pass_fds=(passed,), stdin=subprocess.DEVNULL)
        try:
            _run_to(path, read_image(image).symbols[START])
            yield path
        finally:
            qemu.kill()
            qemu.wait()


def _run_to(path: Path, address: int) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        ask(connection, b"qSupported")
        for request in (b"Z1,%x,1" % address, b"vCont;c", b"z1,%x,1" % address):
            answer = ask(connection, request)
            assert packet(b"OK") in answer or b"$T05" in answer, f"QEMU answered {answer!r} to {request!r}"
