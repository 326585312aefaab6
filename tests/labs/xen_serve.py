"""Stock gdb on real domains, through ``dr6 serve``: the stories of docs/serve.md on gdbsx. For `xen_check`."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tests.labs.xen_check import DR6, WAIT, Guest, Lab, until
from tests.live.served import GDB, RUN, wait_until_it_runs

NEVER = "own_int3"
"""Where a guest without events never comes."""


class Served(NamedTuple):
    """A domain behind ``dr6 serve``; ``address`` is for gdb's ``target remote``."""

    guest: Guest
    server: subprocess.Popen[str]
    address: str

    def start(self, *commands: str) -> subprocess.Popen[str]:
        lines = [word for line in (f"target remote {self.address}", *commands) for word in ("-ex", line)]
        return subprocess.Popen(
            [*GDB, *lines, str(self.guest.image)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def gdb(self, *commands: str) -> str:
        """What gdb printed, to its end."""
        process = self.start(*commands)
        try:
            return process.communicate(timeout=WAIT)[0]
        finally:
            process.kill()


@contextmanager
def served(guest: Guest) -> Iterator[Served]:
    """Ends by Ctrl-C, as a user's does; then it has said nothing of a failure."""
    words = [str(DR6), "serve", *guest.words(guest.gdbsx()), "--listen", "127.0.0.1:0"]
    server = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    said = server.stderr.readline()
    assert "is served at" in said, said + server.stderr.read()
    try:
        yield Served(guest, server, said.split("target remote ")[1].strip())
        server.send_signal(signal.SIGINT)
        errors = server.communicate(timeout=WAIT)[1]
        assert server.returncode in (0, 130), (server.returncode, errors)
        assert not re.search(r"could not|Traceback|stay in", errors), errors
    finally:
        server.kill()


def session(lab: Lab, kind: str) -> None:
    """A breakpoint by symbol, a step, registers, code and reasons are right, and detach lets the domain run, whole."""
    guest = Guest(lab, kind)
    xenctx = f"shell {shlex.join([*lab.prefix, 'xenctx', '-a', guest.id, '0'])} | grep ^dr6"
    with served(guest) as through:
        text = through.gdb(
            *("break plain_top", "continue", "info registers rip", "x/4i $pc", "monitor why"),
            *("stepi", "info registers", "p/x $dr6", "p/x $dr7", xenctx, "info threads", "monitor why"),
            *("info registers system", "p $st0", "detach"),
        )
        at, then = hex(guest.symbols["plain_top"]), hex(guest.symbols["plain_counted"])
        for line in (
            rf"Breakpoint 1, 0x0*{at[2:]} in plain_top \(\)",
            rf"rip +{at} +{at} <plain_top>",
            rf"=> {at} <plain_top>:\s+incq .*",
            rf"rip +{then} +{then} <plain_counted>",
            r"eflags +0x\w+ +\[ .*\]",
            r"\$2 = 0x400",
            r"\* 1 +Thread 1\.1 \(vCPU 0, stopped last\) .*",
        ):
            assert re.search(f"^{line}$", text, re.MULTILINE), (line, text)
        shown = [int(found, 16) for found in re.findall(r"^(?:\$1 =|dr6:) (\w+)$", text, re.MULTILINE)]
        assert len(shown) == 2, text
        assert shown[0] == shown[1], text
        assert "software breakpoint of the debugger" in text, text
        assert "single-step · debugger" in text, text
        until(lambda: "p" not in guest.state(), "the domain runs on behind detach")
    assert "p" not in guest.state()
    assert guest.text() == guest.as_built()
    guest.destroy()


def interrupt(lab: Lab, kind: str) -> None:
    """Ctrl-C in gdb stops a running domain, and it goes on from there."""
    guest = Guest(lab, kind)
    with served(guest) as through:
        process = through.start(*RUN, "set debug remote 0", "monitor why", "stepi", "info registers rip", "detach")
        wait_until_it_runs(process)
        until(lambda: "p" not in guest.state(), "the domain runs")
        process.send_signal(signal.SIGINT)
        text = process.communicate(timeout=WAIT)[0]
        assert "Program received signal SIGINT" in text, text
        assert "interrupt-request · debugger" in text, text
        assert re.search(r"^rip +0x", text, re.MULTILINE), text
    assert "p" not in guest.state()
    guest.destroy()


def killed(lab: Lab, kind: str) -> None:
    """kill -9 of gdb while the domain runs: its breakpoints go at once, the domain runs on, and takes the next gdb."""
    guest = Guest(lab, kind)
    with served(guest) as through:
        process = through.start(f"break {NEVER}", "break plain_top", "continue", "delete 2", *RUN)
        wait_until_it_runs(process)
        until(lambda: "p" not in guest.state(), "the domain runs")
        process.kill()
        process.communicate()
        rounds = "p *(long*)&rounds"
        first, again = (through.gdb("monitor dr6 info breakpoints", rounds, "detach") for _ in range(2))
        assert "No breakpoints" in first, first
        counts = [int(found) for found in re.findall(r"^\$1 = (\d+)$", first + again, re.MULTILINE)]
        assert len(counts) == 2, (first, again)
        assert counts[0] < counts[1], (first, again)
    assert guest.text() == guest.as_built()
    guest.destroy()


STORIES = {"serve": session, "serve-ctrl-c": interrupt, "serve-killed": killed}
