"""Stories of `xen_check` about hardware breakpoints: dr6's own in debug registers that the guest has too."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.labs.xen_check import Guest, Lab

DR6 = Path(sys.executable).with_name("dr6")
OWN_EXECUTE = 1 << 3
"""The guest's mask for a breakpoint of its own."""
OURS = "instruction-breakpoint (DR3) · debugger · fault · certain"
GUESTS = "instruction-breakpoint (DR0) · guest · fault · "


def run(guest: Guest, *commands: str) -> str:
    """A session's output, where all commands succeed."""
    done = guest.batch(*commands)
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout + done.stderr


def registers(guest: Guest) -> list[str]:
    """DR0 to DR3 and DR7 of each vCPU, as the helper prints them."""
    text = guest.lab.run("dr6-vcpu", guest.id)
    return [re.sub(r" dr6=\S+| ran=\S+", "", line) for line in text.splitlines()]


def place(guest: Guest, name: str) -> str:
    return f"{guest.symbols[name]:#x} <{name}>"


def hbreak(guest: Guest) -> None:
    """Hit where it stands, again at each round, and a step goes past it; memory has nothing of it."""
    said = run(guest, "hbreak leaf", "continue", "continue", "stepi", "info breakpoints", "x/3xb leaf")
    assert said.count(f"continue at {place(guest, 'leaf')}: hardware breakpoint of the debugger") == 2, said
    assert said.count(OURS) == 2, said
    assert "step at" in said.partition("#3")[2], said
    assert "\t0x48\t0x31\t0xc2" in said, said


def watch(guest: Guest) -> None:
    """A write is reported behind the instruction that made it, with the address; a read too where both are watched."""
    said = run(guest, "watch *(long*)plain_count", "continue", "continue", "delete 1", "awatch *(long*)plain_count")
    at = guest.symbols["plain_count"]
    wanted = f"write watch of the debugger on {at:#x} hit by `inc"
    assert said.count(f"continue at {place(guest, 'plain_counted')}: {wanted}") == 2, said
    assert said.count("data-write (DR3) · debugger · trap · certain") == 2, said
    said = run(guest, "awatch *(long*)plain_count", "continue", "continue", "info breakpoints")
    assert said.count("data-access (DR3) · debugger · trap · certain") == 2, said
    assert f"access watch of the debugger on {at:#x} hit by `mov rax" in said, said
    refused = guest.batch("rwatch *(long*)plain_count")
    assert refused.returncode == 1, refused.stdout
    assert "use awatch" in refused.stderr, refused.stderr


def beside(guest: Guest) -> None:
    """The guest's own breakpoint is the guest's, ours is ours, both at one instruction are both."""
    own, behind = place(guest, "own_execute_at"), place(guest, "own_execute_after")
    events = f"set {{long}}events = {OWN_EXECUTE}"
    said = run(guest, "break plain_loop", "continue", "delete 1", events, "hbreak own_execute_after", "continue", "dr")
    assert f"continue at {own}: DR0 instruction breakpoint" in said, said
    assert GUESTS in said, said
    assert "The guest wrote the debug registers of vCPU 0 over dr6's hardware breakpoint" in said, said
    said = run(guest, "hbreak own_execute_after", "continue", "continue", "dr")
    assert f"continue at {behind}: hardware breakpoint of the debugger" in said, said
    assert OURS in said, said
    assert f"DR0  {own}  execute, 1 byte, enabled globally" in said, said
    assert f"DR3  now dr6's own: execute, 1 byte at {behind}" in said, said
    assert "DR7  0x402" in said, said
    front = guest.symbols["own_execute_at"] - 1  # behind the guest's MOV DR7, which would switch ours off
    said = run(guest, f"break *{front:#x}", "continue", "delete 1", "hbreak own_execute_at", "continue")
    last = said[said.rindex("continue at") :]
    assert last.startswith(f"continue at {own}: "), said
    assert OURS in last, said
    assert GUESTS in last, said


def restored(guest: Guest) -> None:
    """Behind a session the registers are as before, the guest's own breakpoints too, and the CPU has none of ours."""
    unused = guest.symbols["last_dr6"]
    run(guest, "break plain_loop", "continue")
    for word in ("dr7=400", f"dr1={unused:x},dr7=900408"):
        guest.lab.run("dr6-vcpu", guest.id, f"0:{word}")
        before = registers(guest)
        run(guest, "hbreak leaf", "watch *(long*)plain_sum", "continue", "continue", "detach")
        assert registers(guest) == before, (before, registers(guest))
        assert "p" not in guest.state()
        _goes_round(guest)


def _goes_round(guest: Guest) -> None:
    """From its loop to the end of a round, and nothing in between stops it."""
    said = run(guest, "break plain_loop", "continue", "delete 1", "break round_done", "continue")
    last = said[said.rindex("continue at") :]
    assert f"at {place(guest, 'round_done')}: software breakpoint of the debugger" in last, said


def killed(guest: Guest) -> None:
    """kill -9 of dr6 with a breakpoint and a watchpoint armed; the next start gives the guest its registers back."""
    run(guest, "break plain_loop", "continue")
    before = registers(guest)
    lines = ["-ex", "hbreak leaf", "-ex", "watch *(long*)plain_sum"]
    with tempfile.TemporaryDirectory() as folder:
        waits = Path(folder) / "nobody-writes"
        os.mkfifo(waits)
        command = [str(DR6), "attach", *guest.words(guest.gdbsx()), "--batch", *lines, "-ex", f"source {waits}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for kind in ("Breakpoint", "Watchpoint"):
            line = process.stdout.readline()
            assert line.startswith(kind), line
        process.kill()
        process.communicate()
    assert registers(guest) != before
    said = run(guest, "info breakpoints")
    assert "Restored and verified: the guest's own debug registers of vCPU 0, among which an earlier dr6" in said, said
    assert registers(guest) == before, (before, registers(guest))
    _goes_round(guest)
    assert "Restored" not in run(guest, "info breakpoints")


def on_two_vcpus(lab: Lab, kind: str) -> None:
    """Armed on both: the one that comes there is named, and both have their own registers back."""
    from tests.labs.xen_check import Guest

    guest = Guest(lab, kind, 2)
    run(guest, "break plain_loop", "continue")
    before = registers(guest)
    assert len(before) == 2, before
    said = run(guest, "hbreak other_loop", "continue", "continue", "why", "detach")
    assert said.count(f"cpu1 continue at {place(guest, 'other_loop')}: hardware breakpoint of the debugger") >= 2, said
    assert OURS in said, said
    assert registers(guest) == before, (before, registers(guest))
    guest.destroy()


STORIES: dict[str, Callable[[Guest], None]] = {
    "hbreak": hbreak,
    "watch": watch,
    "beside-own": beside,
    "dr-restored": restored,
    "dr-killed": killed,
}
FOR_KIND: dict[str, Callable[[Lab, str], None]] = {"hbreak-two-vcpus": on_two_vcpus}
