"""lldb through `dr6 serve`, on a real QEMU: what it asks is answered, and its stops have their reasons."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.guests.build import build
from tests.guests.image import read_image
from tests.live.lldb import Lldb, lldb
from tests.live.served import gdb, served

pytestmark = [
    pytest.mark.live,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("lldb") is None, reason="not installed: lldb"),
]

LISTEN = ("--listen", "localhost:0")


def attach(debugger: Lldb, address: str) -> None:
    assert debugger.stop(f"gdb-remote {address.removeprefix('tcp:')}", reason="signal SIGTRAP") == 0xFFF0


def threads(debugger: Lldb) -> list[dict[str, object]]:
    """The answer to jThreadsInfo, which lldb takes where it has no stop reply."""
    text = debugger.run("process plugin packet send jThreadsInfo", "response: ")
    rows: list[dict[str, object]] = json.loads(text.partition("response: ")[2])
    return rows


def quadword(debugger: Lldb, address: int) -> int:
    text = debugger.run(f"memory read --size 8 --format x --count 1 {address:#x}", rf"0x0*{address:x}: 0x")
    return int(re.findall(r": (0x[0-9a-f]+)", text)[0], 16)


def test_lldb_reads_breaks_steps_and_watches(tmp_path: Path) -> None:
    image = build("loop")
    symbols = read_image(image).symbols
    touch, rounds = symbols["touch"], symbols["rounds"]
    with served(tmp_path, image, *LISTEN) as guest, lldb(image) as debugger:
        attach(debugger, guest.address)
        general = debugger.run("register read", " xmm15 = ")
        assert re.search(r" rip = 0x0*fff0\n", general)
        assert "unavailable" not in general
        assert [debugger.register(name) for name in ("dr6", "dr7")] == [0xFFFF0FF0, 0x400]

        debugger.run(f"breakpoint set -H -a {symbols['main_loop']:#x}", "Breakpoint 1: ")
        debugger.run(f"breakpoint set -a {touch:#x}", "Breakpoint 2: ")
        assert debugger.stop("continue", reason="breakpoint 1.1") == symbols["main_loop"]
        assert debugger.stop("continue", reason="breakpoint 2.1") == touch
        assert debugger.run(f"memory read --count 5 {touch:#x}", "55 48 89 e5 48")  # no INT3 of the debugger in it
        debugger.run("register write rax 0x1234")
        assert debugger.register("rax") == 0x1234
        steps = [debugger.stop("thread step-inst", reason="instruction step into") for _ in range(5)]
        assert [rip - touch for rip in steps] == [1, 4, 8, 11, 15]

        debugger.run("breakpoint disable", "disabled")
        debugger.run(f"watchpoint set expression -w write -s 8 -- {rounds:#x}", "Watchpoint 1: ")
        rip = debugger.stop("continue", reason="watchpoint 1")
        (row,) = threads(debugger)
        assert (row["signal"], row["reason"], row["description"]) == (5, "watchpoint", str(rounds))
        assert row["registers"]["16"] == rip.to_bytes(8, "little").hex()  # type: ignore[index]
        why = debugger.run("process plugin packet monitor why", "response: OK")
        assert re.search(rf"continue at {rip:#x} <main_loop\+7>: write watch of the debugger on {rounds:#x}", why), why


def test_lldb_interrupts_a_running_guest_and_leaves_it_running(tmp_path: Path) -> None:
    image = build("loop")
    symbols = read_image(image).symbols
    rounds = symbols["rounds"]
    with served(tmp_path, image) as guest:
        with lldb(image) as debugger:
            debugger.stop(f"process connect -p gdb-remote unix-connect://{guest.path}", reason="signal SIGTRAP")
            debugger.run(f"breakpoint set -H -a {symbols['main_loop']:#x}", "Breakpoint 1: ")  # behind the firmware
            debugger.stop("continue", reason="breakpoint 1.1")
            debugger.run("breakpoint disable", "disabled")
            debugger.run("continue", "Process 1 resuming")
            debugger.wait_until_it_runs()
            debugger.stop("process interrupt", reason="signal SIGINT")
            assert [row["signal"] for row in threads(debugger)] == [2]
            before = quadword(debugger, rounds)
            debugger.run("detach", "Process 1 detached")
        text = gdb(guest.path, image, f"p *(long*){rounds:#x}", "monitor dr6 info breakpoints")
    assert int(re.findall(r"\$1 = (\d+)", text)[0]) > before


def test_lldb_sees_each_vcpu_as_a_thread_and_steps_either(tmp_path: Path) -> None:
    image = build("smp")
    other = read_image(image).symbols["other_loop"]
    with served(tmp_path, image, *LISTEN, qemu=("-smp", "2")) as guest, lldb(image) as debugger:
        attach(debugger, guest.address)
        debugger.run(f"breakpoint set -H -a {other:#x}", "Breakpoint 1: ")
        assert debugger.stop("continue", reason="breakpoint 1.1") == other
        listed = debugger.run("thread list", "thread #2: .*")
        assert re.search(r"\n\* thread #2: .* name = 'vCPU 1', stop reason = breakpoint 1.1\n", listed)
        assert re.search(r"\n  thread #1: .* name = 'vCPU 0'\n", listed)
        # on a busy machine QEMU may report a step of one vCPU that ran nothing; lldb then steps again, if it has no
        # breakpoint there
        debugger.run("breakpoint disable", "disabled")
        assert debugger.stop("thread step-inst", reason="instruction step into") == other + 3
        debugger.run("thread select 1", "frame #0")
        rip = debugger.register("rip")
        assert debugger.stop("thread step-inst", reason="instruction step into") != rip
        assert [row["tid"] for row in threads(debugger) if "signal" in row] == [1]
