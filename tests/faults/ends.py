"""dr6 is ended at a random moment: by a signal, by SIGKILL, by the loss of its stub. Then QEMU's own monitor tells
whether the guest does what dr6 said; behind SIGKILL and a lost stub, where dr6 could say nothing, what it does once the
next dr6 has been there."""

from __future__ import annotations

import os
import random
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.faults.forked import Ran, run
from tests.faults.signals import SAID, SIGNALS, USES, Guest, stops_again
from tests.guests.build import build

BY_SIGNAL = tuple(-number for number in (*SIGNALS, signal.SIGKILL))
"""How it ends where the signal comes before dr6 watches for it, and has connected to anything; SIGKILL always."""


class End(NamedTuple):
    """How dr6 ended, QEMU's word for its guest, whether a breakpoint of dr6's stopped it; the same again behind the
    next dr6."""

    ran: Ran
    status: str
    stopped: bool
    then: str
    then_stopped: bool
    silent: bool

    @property
    def faults(self) -> list[str]:
        ended = self.ran.ended
        said = any(word in ended.err for word in SAID)
        found = [] if ended.code in BY_SIGNAL and not ended.err and not ended.hung else ended.faults
        if not self.silent and self.status != "running" and not said:
            found.append(f"the guest is {self.status}, and nobody says so")
        if not self.silent and self.stopped:
            found.append("a breakpoint stays in the guest")
        if self.then != "running" or self.then_stopped:
            found.append(f"behind the next dr6 the guest is {self.then}, stopped again: {self.then_stopped}")
        return found


def rounds(guest: Guest, folder: Path, count: int, seed: int) -> Iterator[tuple[str, End]]:
    """``count`` ends, each what it was and what came of it, from the first moment to three times as long as a short run
    takes here."""
    dice, began = random.Random(seed), time.monotonic()
    run(("attach", guest.machine.target, "--batch", "--symbols", str(build("loop")), "-ex", "p 1"), folder)
    whole = time.monotonic() - began
    for number in range(count):
        use, moment = USES[number % len(USES)], dice.uniform(0, 3) * whole
        how = dice.choice((*SIGNALS, *SIGNALS, signal.SIGKILL, None))
        name = f"{' '.join(use[:6])}: {how.name if how else 'lost'} after {moment:.2f} s"
        yield name, _end(guest, folder, use, how, moment)


def _end(guest: Guest, folder: Path, use: tuple[str, ...], how: signal.Signals | None, moment: float) -> End:
    guest.let_run()
    with _through(guest.machine.path, folder) as (target, cut):
        words = [target if word == "TARGET" else word for word in use]
        words[2:2] = ["--symbols", str(build("loop"))]
        ending: Callable[[int], object] = cut if how is None else partial(_kill, number=how)
        ran = run(words, folder, ending=(moment, ending))
    silent = how in (None, signal.SIGKILL)
    status, stopped = _look(guest)
    if not silent and status == "running":
        return End(ran, status, stopped, status, stopped, silent)
    run(("attach", guest.machine.target, "--batch", "-ex", "p 1"), folder)
    return End(ran, status, stopped, *_look(guest), silent)


def _look(guest: Guest) -> tuple[str, bool]:
    time.sleep(0.1)  # a stop that QEMU owes comes within a turn of its main loop; nothing announces that none does
    return guest.monitor.status(), stops_again(guest)


def _kill(child: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(child, number)


@contextmanager
def _through(stub: Path, folder: Path) -> Iterator[tuple[str, Callable[[int], object]]]:
    """A TARGET that leads to ``stub``, and what cuts it."""
    path = folder / "through"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        child = os.fork()
        if child == 0:
            try:
                _pass_on(listener, stub)
            finally:
                os._exit(0)
    try:
        yield f"unix:{path}", lambda _: os.kill(child, signal.SIGKILL)
    finally:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _pass_on(listener: socket.socket, stub: Path) -> None:
    client, _ = listener.accept()
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(str(stub))
        while True:
            for source in select.select([client, server], [], [])[0]:
                data = source.recv(65536)
                if not data:
                    return
                (server if source is client else client).sendall(data)
