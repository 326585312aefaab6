"""dr6 on real domains of a Xen host: the stories of docs/xen.md, each checked against what the guest is known to do.

``python -m tests.labs.xen_check --dom0 PREFIX --ports A,B,… --pv IMAGE --pvh IMAGE [STORY…]``

``PREFIX`` runs a command in dom0, where the kernels are ``/lab/KIND.elf``; the ports are dom0's, and this machine's
loopback's. The guest is `xen_program.inc` of tests/guests: ``plain_loop`` has no trap, ``events`` is a mask of what it
does to itself, and ``rounds`` counts.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from gdbstub.x86.decode import shape, successors
from tests.guests.image import read_image
from tests.labs import xen_hardware

DR6 = Path(sys.executable).with_name("dr6")
STEPS = 500
WAIT = 60.0
OWN = {  # the guest's mask → cause, class; and where it stops
    0: ("software-breakpoint", "trap", "own_int3_after"),
    1: ("icebp", "trap", "own_int1_after"),
    2: ("single-step", "trap", None),
    3: ("instruction-breakpoint", "fault", "own_execute_at"),
    4: ("data-write", "trap", "own_write_after"),
}


class Lab(NamedTuple):
    """A Xen host: the words that run a command in dom0, a port of it for gdbsx, and the image of each kind of guest."""

    prefix: tuple[str, ...]
    ports: Iterator[int]
    images: dict[str, Path]

    def run(self, *words: str) -> str:
        done = subprocess.run([*self.prefix, *words], capture_output=True, text=True, check=False, timeout=WAIT)
        if done.returncode:
            raise AssertionError(f"{shlex.join(words)}: {done.stderr or done.stdout}")
        return done.stdout


class Guest:
    """A domain of our own, made anew."""

    def __init__(self, lab: Lab, kind: str, vcpus: int = 1, events: str = "", ends: str = "preserve") -> None:
        """``ends`` is what xl does when it crashes, reboots or shuts down."""
        self.lab, self.kind, self.image = lab, kind, lab.images[kind]
        self.symbols = read_image(self.image).symbols
        self.name = f"check-{kind}-{vcpus}"
        subprocess.run([*lab.prefix, "xl", "destroy", self.name], capture_output=True, check=False)
        words = [f'name="{self.name}"', f'type="{kind}"', f'kernel="/lab/{kind}.elf"', f'extra="{events}"']
        words += [f'on_{end}="{ends}"' for end in ("crash", "poweroff", "reboot")]
        lab.run("xl", "create", "-p", "/dev/null", *words, f"vcpus={vcpus}", "memory=16")
        self.id = lab.run("xl", "domid", self.name).strip()

    def destroy(self) -> None:
        self.lab.run("xl", "destroy", self.id)

    def gdbsx(self, width: int = 64) -> str:
        """Start one: its TARGET."""
        port = next(self.lab.ports)
        self.lab.run("sh", "-c", f"gdbsx -a {self.id} {width} {port} >/dev/null 2>&1 </dev/null &")
        until(lambda: f":{port:04X} 00000000:0000 0A" in self.lab.run("cat", "/proc/net/tcp"), "gdbsx listens")
        return f"gdbsx:127.0.0.1:{port}"

    def words(self, target: str) -> list[str]:
        return [target, "--dom0", shlex.join(self.lab.prefix), "--domain", self.id, "--symbols", str(self.image)]

    def batch(self, *commands: str, target: str | None = None) -> subprocess.CompletedProcess[str]:
        lines = [word for line in commands for word in ("-ex", line)]
        return dr6("attach", *self.words(target or self.gdbsx()), "--batch", "--strict", *lines)

    def trace(self, *words: str) -> list[dict[str, Any]]:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "trace.jsonl"
            done = dr6("trace", *self.words(self.gdbsx()), *words, "--output", str(file))
            assert done.returncode == 0, done.stderr
            return [json.loads(line) for line in file.read_text().splitlines()]

    def text(self) -> bytes:
        """The guest's code in its memory now, by a gdbsx that nobody else uses."""
        start, end = self._code()
        done = self.batch(f"x/{end - start}xb {start:#x}")
        assert done.returncode == 0, done.stderr
        return bytes(int(byte, 16) for line in done.stdout.splitlines() for byte in re.findall(r"\t0x(..)\b", line))

    def _code(self) -> tuple[int, int]:
        return self.symbols["plain_loop"], max(at for name, at in self.symbols.items() if name.startswith("own_"))

    def as_built(self) -> bytes:
        start, end = self._code()
        return _bytes_of(self.image, start, end - start)

    def state(self) -> str:
        """Xen's letters: ``p`` paused, ``b`` blocked, ``r`` running."""
        return self.lab.run("xl", "list", self.id).split()[-2]


def _bytes_of(image: Path, address: int, length: int) -> bytes:
    """What the image has there."""
    for segment in read_image(image).segments:
        if segment.address <= address < segment.address + len(segment.data):
            return segment.data[address - segment.address :][:length]
    raise AssertionError(f"{image} has nothing at {address:#x}")


def dr6(*words: str) -> subprocess.CompletedProcess[str]:
    """To its end."""
    return subprocess.run([DR6, *words], capture_output=True, text=True, check=False, timeout=WAIT)


def breakpoints(guest: Guest) -> None:
    """A breakpoint by symbol and one by address are hit where they stand, and memory shows none of them."""
    at = guest.symbols["plain_top"]
    done = guest.batch(
        "break plain_loop", "continue", f"break *{at:#x}", "continue", f"x/2xb {at:#x}", "info breakpoints"
    )
    assert done.returncode == 0, done.stderr
    for address, name in ((guest.symbols["plain_loop"], "plain_loop"), (at, "plain_top")):
        wanted = f"continue at {address:#x} <{name}>: software breakpoint of the debugger"
        assert wanted in done.stdout, (wanted, done.stdout)
    assert "\t0x48\t0xff" in done.stdout, done.stdout


def steps(guest: Guest) -> None:
    """Each of 500 steps runs the instruction that the image has there, and comes to where that leads."""
    rows = guest.trace("--from", "plain_loop", "--steps", str(STEPS))
    stops = [row for row in rows if row["kind"] == "stop"]
    assert len(stops) == STEPS, len(stops)
    for before, row in pairwise(stops):
        pc = int(before["pc"], 16)
        what = shape(_bytes_of(guest.image, pc, 15), before["mode"])
        assert what is not None, row
        if row["mode"] != before["mode"]:
            continue  # the jump out of 32-bit mode is read in the mode that it leads to
        assert row["insn"] is not None, (before["pc"], row)
        assert row["insn"]["bytes"] == what.bytes.hex(), row
        leads = successors(what, pc, before["mode"])
        expected = int(row["pc"], 16) in leads or "indirect" in what.traits or "mov-ss" in what.traits
        assert expected, row
        assert [(c["cause"], c["owner"]) for c in row["causes"]] == [("single-step", "debugger")], row
    seconds = rows[-1]["seconds"]
    print(f"    {STEPS / seconds:.0f} steps a second")


def writing(guest: Guest) -> None:
    """Registers and memory can be written, and nothing else changes."""
    done = guest.batch(
        *("set $rbx = 0x1122334455667788", "print/x $rbx", "print/x $rip", "set $r15 = 7", "print/x $rbx"),
        *("set {long}rounds = 0x77", "x/1gx rounds"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("0x1122334455667788") == 2, done.stdout
    assert "0x0000000000000077" in done.stdout, done.stdout


def interrupt(guest: Guest) -> None:
    """Ctrl-C stops a running domain, and the domain runs on behind the session."""
    process = subprocess.Popen(
        [DR6, "attach", *guest.words(guest.gdbsx()), "--batch", "-ex", "continue"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: "p" not in guest.state(), "the domain runs")
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=WAIT)
    assert process.returncode == 130, (process.returncode, errors)
    assert "interrupt-request · debugger" in out, out
    until(lambda: "p" not in guest.state(), "the domain runs on")


def own_events(lab: Lab, kind: str) -> None:
    """What the guest does to itself is its own, and each for what it is."""
    for bit, (cause, klass, place) in OWN.items():
        guest = Guest(lab, kind, events=f"{1 << bit:x}")
        done = guest.batch("continue", "continue", "stepi")
        assert done.returncode == 0, done.stderr
        wanted = re.compile(rf"^  {cause}(?: \(DR\d\))? · guest · {klass} · ", re.MULTILINE)
        at = "own_int1_at" if cause == "icebp" and kind == "pvh" else place
        assert len(wanted.findall(done.stdout)) >= 2, (cause, done.stdout, done.stderr)
        guest.destroy()
        assert at is None or f"<{at}>" in done.stdout.partition(":")[0], (at, done.stdout)


def two_vcpus(lab: Lab, kind: str) -> None:
    """Of two vCPUs it is said which one it was, and one can be stepped while the other stands still."""
    guest = Guest(lab, kind, 2, "0,2")
    done = guest.batch("continue", "info threads", "set {long}other_events = 0")
    assert done.returncode == 0, done.stderr
    assert "#1 cpu1 continue" in done.stdout, (done.stdout, done.stderr)
    assert "icebp · guest" in done.stdout, (done.stdout, done.stderr)
    done = guest.batch("cpu 0", "x/1gx other_count", *["stepi"] * 5, "x/1gx other_count", "cpu 1", "stepi")
    assert done.returncode == 0, done.stderr
    counts = re.findall(r"other_count>:\s+(0x[0-9a-f]+)", done.stdout)
    assert len(counts) == 2, done.stdout
    assert counts[0] == counts[1], done.stdout
    assert "cpu1 step" in done.stdout, done.stdout
    guest.destroy()


def leaving(guest: Guest) -> None:
    """Behind a session the domain runs on, and its memory has not a byte of ours."""
    done = guest.batch(*(f"break {name}" for name in ("plain_top", "plain_even", "leaf")), "continue", "detach")
    assert done.returncode == 0, done.stderr
    assert "p" not in guest.state()
    assert guest.text() == guest.as_built()
    assert "p" not in guest.state()


def killed(guest: Guest) -> None:
    """kill -9 of dr6 with five breakpoints in the guest; the next start takes them out, looks, and says so."""
    places = [guest.symbols["plain_loop"] + n for n in range(5)]
    lines = [word for at in places for word in ("-ex", f"break *{at:#x}")]
    with tempfile.TemporaryDirectory() as folder:
        waits = Path(folder) / "nobody-writes"
        os.mkfifo(waits)
        command = [str(DR6), "attach", *guest.words(guest.gdbsx()), "--batch", *lines, "-ex", f"source {waits}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in places:
            line = process.stdout.readline()
            assert line.startswith("Breakpoint"), line
        process.kill()
        process.communicate()
    done = guest.batch("info breakpoints")
    assert done.returncode == 0, done.stderr
    assert "Restored and verified: 5 int3s that an earlier dr6" in done.stderr, done.stderr
    assert guest.text() == guest.as_built()
    assert "Restored" not in guest.batch("info breakpoints").stderr


def until(holds: Callable[[], bool], what: str) -> None:
    """Look again and again; it fails after a long time."""
    end = time.monotonic() + WAIT
    while not holds():
        assert time.monotonic() < end, f"not so: {what}"
        time.sleep(0.2)


STORIES: dict[str, Callable[[Guest], None]] = {
    "breakpoints": breakpoints,
    "steps": steps,
    "writing": writing,
    "interrupt": interrupt,
    "leaving": leaving,
    "killed": killed,
}
FOR_KIND: dict[str, Callable[[Lab, str], None]] = {"own-events": own_events, "two-vcpus": two_vcpus}
STORIES, FOR_KIND = STORIES | xen_hardware.STORIES, FOR_KIND | xen_hardware.FOR_KIND


def check(lab: Lab, wanted: list[str]) -> int:
    """Every story on every kind of guest; how many failed."""
    from tests.labs import xen_failures, xen_rates, xen_serve  # they stand on this module

    failed = 0
    once = xen_failures.ONCE
    for_kind = FOR_KIND | xen_serve.STORIES | xen_failures.STORIES | xen_rates.STORIES | once
    for number, kind in enumerate(lab.images):
        for name in [*STORIES, *for_kind]:
            if number and name in once:
                continue
            if wanted and name not in wanted and f"{kind}/{name}" not in wanted:
                continue
            began = time.monotonic()
            try:
                if name in for_kind:
                    for_kind[name](lab, kind)
                else:
                    guest = Guest(lab, kind)
                    STORIES[name](guest)
                    guest.destroy()
                said = "ok"
            except (AssertionError, TypeError, subprocess.TimeoutExpired) as error:
                failed, said = failed + 1, f"FAILED: {error}"
            print(f"{kind:4} {name:12} {time.monotonic() - began:5.1f} s  {said}", flush=True)
    return failed


def main() -> int:
    parser = argparse.ArgumentParser()
    for option in ("--dom0", "--ports", "--pv", "--pvh"):
        parser.add_argument(option, required=True)
    parser.add_argument("stories", nargs="*")
    options = parser.parse_args()
    ports = [int(port) for port in options.ports.split(",")]
    images = {"pv": Path(options.pv), "pvh": Path(options.pvh)}
    return check_on(tuple(shlex.split(options.dom0)), ports, images, options.stories)


def check_on(prefix: tuple[str, ...], ports: list[int], images: dict[str, Path], wanted: list[str]) -> int:
    """`check` on a Xen host, with a journal of int3s of its own; how many stories failed."""
    with tempfile.TemporaryDirectory(prefix="dr6-xen-check-") as state:
        os.environ["XDG_STATE_HOME"] = state
        return check(Lab(prefix, _in_turn(ports), images), wanted)


def _in_turn(ports: list[int]) -> Iterator[int]:
    while True:
        yield from ports


if __name__ == "__main__":
    sys.exit(main())
