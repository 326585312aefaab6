"""Stock gdb through `dr6 serve`, on a real QEMU: it works as directly, sees more, and leaves nothing behind."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

import pytest

from gdbstub.protocol import fallback_layout
from gdbstub.server import RegisterFile
from tests.guests.build import build
from tests.guests.image import read_image
from tests.live.machine import SECONDS, finish, machine, start
from tests.live.served import GDB, RUN, gdb, gdb_start, served, serving, wait_until, wait_until_it_runs

pytestmark = [pytest.mark.live, pytest.mark.slow]


def values(text: str, name: str) -> list[int]:
    """Of each ``info registers NAME`` line."""
    return [int(found, 16) for found in re.findall(rf"^{name} +(0x[0-9a-f]+)", text, re.MULTILINE)]


def test_gdb_follows_a_guest_from_reset_through_all_modes(tmp_path: Path) -> None:
    image = build("modes")
    with served(tmp_path, image) as guest:
        real = read_image(image).symbols
        linear = 0x8000 + real["real_loop"] - real["low_origin"]
        text = gdb(
            guest.path,
            image,
            "info registers rip cs cs_base dr6 dr7 idtr_limit",
            f"hbreak *{linear:#x}",
            "hbreak protected_loop",
            "hbreak long_loop",
            "continue",
            "info registers rip cs cs_base cr0 efer",
            "delete 1",
            "continue",
            "info registers rip cs cs_base cr0 efer",
            "delete 2",
            "continue",
            "info registers rip cs cs_base cr0 efer",
            "p/x $dr6",
            "monitor why",
        )
        assert "too long" not in text
        assert values(text, "dr6")[0] == 0xFFFF0FF0
        assert values(text, "cs_base") == [0xFFFF0000, 0x8000, 0, 0]
        rip = values(text, "rip")
        assert rip[0] == 0xFFF0
        assert rip[1] == linear - 0x8000  # an offset into CS, as the CPU has it
        assert rip[2:] == [real["protected_loop"], real["long_loop"]]
        assert [value & 0x8000_0001 for value in values(text, "cr0")] == [0, 1, 0x8000_0001]
        assert re.search(r"\$1 = 0xffff0ff0", text)
        assert "hardware breakpoint of the debugger" in text


def test_watchpoints_steps_and_memory_are_as_directly(tmp_path: Path) -> None:
    image = build("loop")
    commands = (
        "hbreak main_loop",
        "continue",
        "watch *(long*)&rounds",
        "continue",
        "delete 2",
        "rwatch *(long*)&table",
        "awatch *(long*)&table",
        "delete",
        "info registers rip rax rcx r10 eflags",
        "tbreak copy",
        "continue",
        "x/6i $pc",
        "info registers rip",
        "stepi",
        "x/4gx &table",
        "find &table, +64, (char)0",
        "info threads",
    )
    outputs = []
    for through in (False, True):
        if through:
            with served(tmp_path, image) as guest:
                outputs.append(gdb(guest.path, image, *commands))
        else:
            with machine(tmp_path, image) as direct:
                outputs.append(gdb(direct.path, image, *commands))
    outputs[1] = outputs[1].replace("; vCPU 0, stopped last", "")
    plain, ours = (re.sub(" +", " ", text).splitlines() for text in outputs)
    assert ours == plain


def test_a_thousand_steps_are_a_thousand(tmp_path: Path) -> None:
    image = build("loop")
    with served(tmp_path, image) as guest:
        text = gdb(guest.path, image, "hbreak main_loop", "continue", "delete", "stepi 1000", "monitor dr6 events all")
    numbers = [int(found) for found in re.findall(r"^#(\d+) cpu0 step at ", text, re.MULTILINE)]
    assert numbers == list(range(2, 1002))


def test_a_dump_of_16_megabytes_is_the_direct_one(tmp_path: Path) -> None:
    image = build("loop")
    direct, ours = tmp_path / "direct", tmp_path / "ours"
    with machine(tmp_path, image, "-m", "32") as guest:
        gdb(guest.path, image, f"dump binary memory {direct} 0 0x1000000")
    with served(tmp_path, image, qemu=("-m", "32")) as through:
        text = gdb(through.path, image, f"dump binary memory {ours} 0 0x1000000")
    assert ours.exists(), text
    assert ours.read_bytes() == direct.read_bytes()
    assert len(ours.read_bytes()) == 1 << 24


def test_conditions_are_evaluated_by_dr6(tmp_path: Path) -> None:
    image = build("loop")
    rounds = read_image(image).symbols["rounds"]
    with served(tmp_path, image) as guest:
        text = gdb(
            guest.path,
            image,
            f"hbreak main_loop if *(long*){rounds:#x} == 200",
            "continue",
            f"p *(long*){rounds:#x}",
            "info breakpoints",
        )
    assert "$1 = 200" in text
    assert "breakpoint already hit 1 time" in text  # gdb itself saw one hit of 201


def test_a_printf_of_the_agent_prints_without_a_stop(tmp_path: Path) -> None:
    image = build("loop")
    with served(tmp_path, image) as guest:
        text = gdb(
            guest.path,
            image,
            "set dprintf-style agent",
            'dprintf copy,"in copy, r9 is %lu\\n",$r9',
            "hbreak main_loop",
            "continue",
            "continue",
        )
    assert "in copy, r9 is " in text


def test_a_client_that_is_killed_while_the_guest_runs_leaves_it_running_without_breakpoints(tmp_path: Path) -> None:
    image = build("loop")
    symbols = read_image(image).symbols
    with served(tmp_path, image) as guest:
        process = gdb_start(
            guest.path, image, "hbreak *0xdeadbeef", "break *0xcafebabe", "tbreak copy", "continue", *RUN
        )
        wait_until_it_runs(process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        text = gdb(
            guest.path, image, f"p *(long*){symbols['rounds']:#x}", "monitor clients", "monitor dr6 info breakpoints"
        )
        assert re.search(r"client 2 \(.*this one\)", text)
        assert "client 1" not in text
        assert "No breakpoints" in text


def test_after_a_detach_the_guest_runs_and_takes_the_next_client(tmp_path: Path) -> None:
    image = build("loop")
    rounds = read_image(image).symbols["rounds"]
    with served(tmp_path, image) as guest:
        first = gdb(guest.path, image, "hbreak main_loop", "continue", f"p *(long*){rounds:#x}", "detach")
        again = gdb(guest.path, image, f"p *(long*){rounds:#x}", "tbreak main_loop", "continue")
    assert "$1 = 0" in first
    assert int(re.findall(r"\$1 = (\d+)", again)[0]) > 0
    assert "Temporary breakpoint 1" in again


def test_ctrl_c_stops_the_guest(tmp_path: Path) -> None:
    image = build("loop")
    with served(tmp_path, image) as guest:
        process = gdb_start(guest.path, image, *RUN, "info registers rip")
        wait_until_it_runs(process)
        process.send_signal(signal.SIGINT)
        text = process.communicate(timeout=SECONDS)[0]
    assert "SIGINT" in text
    assert values(text, "rip")


INTERRUPTS = """
import gdb
gdb.execute("set scheduler-locking on")
for number in (1, 2, 1):
    gdb.execute(f"thread {number}")
    gdb.post_event(lambda: gdb.execute("interrupt"))
    gdb.execute("continue")
    print("ran", number, "stopped", gdb.selected_thread().num)
"""
"""As QEMU's tests/guest-debug/test_gdbstub.py and every front end's pause do it: 0x03 directly behind the resume."""


def test_a_pause_directly_behind_a_resume_stops_the_thread_that_ran(tmp_path: Path) -> None:
    image, script = build("smp"), tmp_path / "interrupts.py"
    script.write_text(INTERRUPTS)
    with served(tmp_path, image, qemu=("-smp", "2")) as guest:
        text = gdb(guest.path, image, "break other_loop", "continue", "delete", f"source {script}")
    assert [line for line in text.splitlines() if line.startswith("ran ")] == [
        "ran 1 stopped 1",
        "ran 2 stopped 2",
        "ran 1 stopped 1",
    ]
    assert text.count("received signal SIGINT") == 3


def test_two_vcpus_are_two_threads(tmp_path: Path) -> None:
    image = build("smp")
    with served(tmp_path, image, qemu=("-smp", "2")) as guest:
        text = gdb(guest.path, image, "thread apply all info registers rip", "info threads", "thread 2", "p/x $dr7")
    assert len(values(text, "rip")) == 2
    assert re.search(r"CPU#1 \[halted \]; vCPU 1", text), "what QEMU says of a thread stands beside what dr6 does"
    assert "$1 = 0x400" in text


def test_a_caught_event_says_why_in_gdbs_console(tmp_path: Path) -> None:
    image = build("debug64")
    with served(tmp_path, image) as guest:
        text = gdb(guest.path, image, "monitor catch db", "continue", "monitor why", "monitor events")
    assert re.search(r"^dr6: #\d+ cpu0 event #DB at handler 0x[0-9a-f]+", text, re.MULTILINE), text
    assert "SIGTRAP" in text
    assert "· guest ·" in text


def test_what_kills_a_stub_does_not_reach_it(tmp_path: Path) -> None:
    image = build("loop")
    with served(tmp_path, image) as guest:
        text = gdb(
            guest.path,
            image,
            "maintenance packet bs",
            "maintenance packet bc",
            "maintenance packet D;7f",
            "maintenance packet vKill;1",
            "monitor quit",
            "maintenance packet qqemu.sstepbits",
            "maintenance packet QNonStop:1",
            "info registers rip",
        )
        assert guest.machine.process.poll() is None
    assert values(text, "rip") == [0xFFF0]
    assert "does not run its guest backwards" in text
    assert "There is no process '7f'" in text
    assert "'quit' is not passed on" in text
    assert "ENABLE=1,NOIRQ=2,NOTIMER=4" in text


def test_a_stub_that_dies_ends_the_client_with_a_sentence(tmp_path: Path) -> None:
    image = build("loop")
    with served(tmp_path, image) as guest:
        process = gdb_start(guest.path, image, *RUN)
        wait_until_it_runs(process)
        guest.machine.process.kill()
        text = process.communicate(timeout=SECONDS)[0]
        wait_until(lambda: guest.server.poll() is not None, "the server ends")
        assert guest.server.stderr is not None
        said = guest.server.stderr.read().decode()
    assert "closed the connection" in text
    assert said.endswith("dr6: The stub closed the connection.\n")
    assert guest.server.returncode == 3


def test_serving_refuses_an_address_that_others_reach(tmp_path: Path) -> None:
    with machine(tmp_path, build("loop")) as guest:
        ran = finish(start("serve", guest.target, "--listen", "0.0.0.0:0"))
    assert ran.code == 1
    assert "the remote protocol has no password" in ran.err.replace("\n", " ")
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(("hex_length", "architecture"), [(328, "i386:x86-64"), (384, "i386:x86-64"), (128, "i386")])
def test_gdb_takes_the_description_of_a_stub_that_has_none(hex_length: int, architecture: str, tmp_path: Path) -> None:
    layout = fallback_layout(hex_length)
    assert layout is not None
    described = tmp_path / "target.xml"
    described.write_bytes(RegisterFile(layout).description)
    commands = (f"set tdesc filename {described}", "show architecture", "maintenance print registers")
    words = [word for command in commands for word in ("-ex", command)]
    done = subprocess.run([*GDB, *words], capture_output=True, text=True, check=True, timeout=SECONDS)
    assert f'currently "{architecture}"' in done.stdout
    assert re.search(r"^ *dr6 ", done.stdout, re.MULTILINE)
    assert "warning" not in done.stderr


def test_a_32_bit_symbol_file_is_named_with_what_gdb_needs(tmp_path: Path) -> None:
    image = build("loop")
    small = tmp_path / "small.elf"
    subprocess.run(["objcopy", "-O", "elf32-i386", str(image), str(small)], check=True)
    with machine(tmp_path, image) as guest, serving(guest, tmp_path, "--symbols", str(small)) as here:
        assert here.server.stderr is not None
        said = here.server.stderr.readline().decode()
        assert "small.elf is a 32-bit ELF" in said
        assert f"set architecture i386:x86-64, then target remote {here.path}" in said
        lines = ("set architecture i386:x86-64", f"target remote {here.path}", "info registers rip")
        words = [word for line in lines for word in ("-ex", line)]
        text = subprocess.run(
            [*GDB, *words, str(small)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS
        ).stdout
        assert values(text, "rip") == [0xFFF0]
