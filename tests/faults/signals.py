"""dr6 is ended at any moment, and the guest is looked at from outside: does it run, and is nothing of dr6's in it?"""

from __future__ import annotations

import contextlib
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.guests.build import build
from tests.live.machine import SECONDS, Machine, command, environment, machine
from tests.live.naive import Naive

SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
CODES = (0, 1, 130, *(-number for number in SIGNALS))
"""Its own; and the signal's, where that comes before dr6 watches for it and has connected to anything."""
SAID = ("stands", "may stand", "does not run on", "did not say that the guest runs on", "the guest is left as it is")
"""How dr6 says that the guest does not run, or may not."""
_WATCH, _BREAK, _HARD = ("-ex", "watch rounds"), ("-ex", "break main_loop"), ("-ex", "hbreak next_random")
USES: tuple[tuple[str, ...], ...] = (
    ("attach", "TARGET", "--batch", "-ex", "continue"),
    ("attach", "TARGET", "--batch", *_WATCH, "-ex", "stepi 100000", "-ex", "stepi 100000"),
    ("attach", "TARGET", "--batch", *_BREAK, *_WATCH, *("-ex", "continue") * 200),
    ("attach", "TARGET", "--batch", *_HARD, *("-ex", "continue") * 200),
    ("trace", "TARGET", "--break", "main_loop", "--output", "/dev/null"),
    ("trace", "TARGET", "--events", "--catch", "gp", "--output", "/dev/null"),
)


class Monitor:
    """QEMU's monitor at a socket of its own, which disturbs neither guest nor stub."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def listens(self) -> bool:
        """The socket is there before QEMU listens at it."""
        with socket.socket(socket.AF_UNIX) as monitor, contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            monitor.connect(str(self._path))
            return True
        return False

    def ask(self, line: str) -> str:
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(SECONDS)
            monitor.connect(str(self._path))
            text = b""
            for said in (b"", line.encode() + b"\n"):
                monitor.sendall(said)
                text = b""
                while not text.endswith(b"(qemu) "):
                    text += monitor.recv(65536)
        return text.decode()

    def status(self) -> str:
        return self.ask("info status").partition("VM status: ")[2].splitlines()[0].strip()


class Guest(NamedTuple):
    machine: Machine
    monitor: Monitor

    def let_run(self) -> None:
        """Whatever the last dr6 left in it."""
        if self.monitor.status() != "running":
            with Naive(self.machine.path) as client:
                client.greet()
                client.ask(b"?")  # takes out its breakpoints
            self.monitor.ask("cont")
        assert self.monitor.status() == "running"


@contextlib.contextmanager
def running_guest(folder: Path) -> Iterator[Guest]:
    """The guest ``loop`` in its loop, and running."""
    path = folder / "monitor"
    with machine(folder, build("loop"), "-monitor", f"unix:{path},server=on,wait=off") as qemu:
        guest = Guest(qemu, Monitor(path))
        while not guest.monitor.listens():
            assert qemu.process.poll() is None
            time.sleep(0.05)
        guest.let_run()
        yield guest


class After(NamedTuple):
    """How dr6 ended (None: it did not), what the guest does then, and whether a breakpoint stops it."""

    code: int | None
    err: str
    status: str
    stopped_again: bool

    @property
    def faults(self) -> list[str]:
        found = [] if self.code in CODES else [f"dr6 ends with {self.code}"]
        found += ["it has a traceback"] if "Traceback" in self.err and self.code != -signal.SIGINT else []
        if self.status != "running" and not any(word in self.err for word in SAID):
            found.append(f"the guest is {self.status}, and nobody says so")
        return found + (["a breakpoint stays in the guest"] if self.stopped_again else [])


def ended_at(guest: Guest, use: tuple[str, ...], number: signal.Signals | None, moment: float) -> After:
    """One run of dr6 that gets a signal after ``moment`` seconds; None lets it end by itself."""
    guest.let_run()
    words = [guest.machine.target if word == "TARGET" else word for word in use]
    words[2:2] = ["--symbols", str(build("loop"))]
    with subprocess.Popen(
        command(*words), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment()
    ) as process:
        code: int | None = None
        if number is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(moment)
            process.send_signal(number)
        try:
            err = process.communicate(timeout=SECONDS)[1].decode()
            code = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            err = process.communicate()[1].decode()
    time.sleep(0.1)  # a stop that QEMU owes comes within a turn of its main loop; nothing announces that none does
    status = guest.monitor.status()
    return After(code, err, status, stops_again(guest))


def stops_again(guest: Guest) -> bool:
    """Does the guest run into something of dr6's? Asked without ``?``, which would take it out."""
    with Naive(guest.machine.path) as client:
        client.greet()
        client.send(b"vCont;c")
        heard, until = b"", time.monotonic() + 0.3
        while b"T05" not in heard and select.select([client.socket], [], [], max(0, until - time.monotonic()))[0]:
            heard += client.socket.recv(65536)
    return b"T05" in heard
