"""Steps a second through gdbsx: a bare loop, ``dr6 trace`` and stock gdb on the same domain, in turns. For `xen_check`.

Each has a gdbsx of its own, since one serves one client, and all step from `plain_loop` on. They take turns, so that a
busy machine is unfair to all of them alike: dr6 is compared with what came right before and after it.
"""

from __future__ import annotations

import socket
import statistics
import subprocess
import time
from itertools import pairwise

from gdbstub.protocol import decode_hex, fallback_layout
from tests.bench.wire import ask, packet, receive
from tests.labs.xen_check import WAIT, Guest, Lab
from tests.live.served import GDB

ROUNDS, STEPS = 5, 80
OF_BARE, TIMES_GDB = 0.9, 1.0
STEP, REGISTERS = b"+" + packet(b"s"), b"+" + packet(b"g")
"""In one write with the ack of the answer before, so that dom0 wakes once."""
CLOCK = "python import time; began = time.perf_counter()"
SECONDS = "python print('seconds', time.perf_counter() - began)"


def bare(guest: Guest) -> float:
    """``s`` and ``g`` over a blocking socket as fast as gdbsx takes them, with nothing read out of the answers."""
    with socket.create_connection(_address(guest)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(WAIT)
        _run_to(connection, guest.symbols["plain_loop"])
        began = time.perf_counter()
        for _ in range(STEPS):
            for request in (STEP, REGISTERS):
                connection.sendall(request)
                answer = b""
                while answer[-3:-2] != b"#":
                    answer += receive(connection)
        seconds = time.perf_counter() - began
        connection.sendall(b"+")
        connection.sendall(packet(b"D"))
        while connection.recv(4096):
            pass
    return STEPS / seconds


def _address(guest: Guest) -> tuple[str, int]:
    _, host, port = guest.gdbsx().split(":")
    return host, int(port)


def _run_to(connection: socket.socket, address: int) -> None:
    """By an int3 that is taken out again."""
    original = _payload(ask(connection, b"m%x,1" % address))
    ask(connection, b"M%x,1:cc" % address)
    while True:
        ask(connection, b"c")
        g = bytearray(decode_hex(_payload(ask(connection, b"g"))))
        layout = fallback_layout(2 * len(g))
        assert layout is not None
        rip = layout.by_name["rip"]
        place = slice(rip.offset, rip.offset + rip.size)
        if int.from_bytes(g[place], "little") == address + 1:  # else one of the resumes that run nothing
            break
    ask(connection, b"M%x,1:%b" % (address, original))
    g[place] = address.to_bytes(rip.size, "little")
    ask(connection, b"G" + g.hex().encode())


def _payload(answer: bytes) -> bytes:
    return answer.partition(b"$")[2].partition(b"#")[0]


def dr6(guest: Guest) -> float:
    """A trace, by its own clock: from the first step to the last row."""
    rows = guest.trace("--from", "plain_loop", "--steps", str(STEPS))
    return STEPS / float(rows[-1]["seconds"])


def gdb(guest: Guest) -> float:
    """Stock gdb on gdbsx itself: ``stepi N``, which asks for what gdb wants of each stop."""
    host, port = _address(guest)
    commands = (f"target remote {host}:{port}", "tbreak plain_loop", "continue", CLOCK, f"stepi {STEPS}", SECONDS)
    words = [word for line in (*commands, "detach") for word in ("-ex", line)]
    done = subprocess.run([*GDB, *words, str(guest.image)], capture_output=True, text=True, timeout=WAIT, check=False)
    seconds = next((line.split()[1] for line in done.stdout.splitlines() if line.startswith("seconds ")), None)
    assert seconds is not None, done.stdout + done.stderr
    return STEPS / float(seconds)


def rates(lab: Lab, kind: str) -> None:
    """dr6 is meant to step at no less than `OF_BARE` of a bare loop's rate, and no slower than gdb: figures, which a
    busy machine spoils, and no verdict unless they are far from that."""
    guest = Guest(lab, kind)
    bares, traces, gdbs = [bare(guest)], [], []
    for _ in range(ROUNDS):
        traces.append(dr6(guest))
        gdbs.append(gdb(guest))
        bares.append(bare(guest))
    guest.destroy()
    for name, turns in (("bare s and g", bares), ("dr6 trace", traces), ("gdb stepi", gdbs)):
        middle = statistics.median(turns)
        print(f"    {name:14} {middle:5.1f} steps a second ({min(turns):.1f} to {max(turns):.1f})")
    around = [(before + after) / 2 for before, after in pairwise(bares)]
    of_bare, times_gdb = _ratio(traces, around), _ratio(traces, gdbs)
    missed = "" if of_bare >= OF_BARE and times_gdb >= TIMES_GDB else ", MISSED"
    print(
        f"    dr6 is {of_bare:.2f} of the bare loop (at least {OF_BARE}), {times_gdb:.2f} of gdb "
        f"(at least {TIMES_GDB}){missed}"
    )
    assert of_bare >= OF_BARE / 2, (traces, bares)
    assert times_gdb >= TIMES_GDB / 2, (traces, gdbs)


def _ratio(ours: list[float], theirs: list[float]) -> float:
    """The median of what it was in each round."""
    return statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))


STORIES = {"rates": rates}
