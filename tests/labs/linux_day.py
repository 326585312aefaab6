"""A day on Debian's Linux with vmlinux and drgn, KASLR on, two vCPUs: what dr6 says of it, checked against the guest's
own words and stock gdb."""

from __future__ import annotations

import hashlib
import re
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from tests.labs.cache import cached
from tests.labs.errors import LabError
from tests.labs.initrd import Content, newc
from tests.labs.linux_alone import linux_alone, random_stops
from tests.labs.linux_says import ask, expect, says_as_the_guest
from tests.labs.packages import Kernel, debug_module, kernel, vmlinux
from tests.labs.progress import Progress
from tests.labs.qemu import Qemu, debian_qemu
from transports.process import spawn

SOURCE = Path(__file__).with_name("linux_day.c")
UP = re.compile(r"LAB-UP child=(\d+) module=0 ptrace=0 watched=(0x[0-9a-f]+)")
BOOT_SECONDS = 180
GDB_SECONDS = 1200


def linux_day(progress: Progress) -> None:
    """Raises `LabError` where something is not as it has to be."""
    progress.step("QEMU 7.2, Linux and its debug information are fetched, where they are not there yet")
    qemu, guest = debian_qemu("bookworm"), kernel()
    image, program = vmlinux(guest), _program()
    archive = _initrd(guest, program)
    trio.run(_before_the_kernel, qemu, guest, archive, image, progress)
    trio.run(_in_the_kernel, qemu, guest, archive, image, program, progress)


def _program() -> Path:
    name = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]

    def make(folder: Path) -> None:
        options = ("-static", "-g", "-O1", "-fno-omit-frame-pointer")
        subprocess.run(["gcc", *options, "-o", str(folder / "init"), str(SOURCE)], check=True)

    return cached(f"linux-day/{name}", make) / "init"


def _initrd(guest: Kernel, program: Path) -> Path:
    files: dict[str, Content] = {"init": program, "loop.ko": guest.module("loop"), "dev/.keep": b"", "proc/.keep": b""}

    def make(folder: Path) -> None:
        (folder / "initrd").write_bytes(newc(files))

    return cached(f"linux-day/{program.parent.name}-{guest.release}", make) / "initrd"


@asynccontextmanager
async def _guest(qemu: Qemu, guest: Kernel, archive: Path, *more: str) -> AsyncIterator[Path]:
    """A folder with the guest's ``stub`` and ``console``."""
    with tempfile.TemporaryDirectory(prefix="dr6-lab-") as name:
        folder = Path(name)
        machine = ("-accel", "tcg", "-m", "512", "-smp", "2", "-display", "none", "-nodefaults", "-no-reboot")
        wires = ("-serial", f"file:{folder / 'console'}", "-gdb", f"unix:{folder / 'stub'},server=on,wait=off")
        words = "console=ttyS0 quiet panic=-1 rdinit=/init"
        images = ("-kernel", str(guest.image), "-initrd", str(archive), "-append", words)
        process = spawn("the QEMU with the lab's Linux", qemu.argv(*machine, *wires, *images, *more))
        try:
            with trio.fail_after(60):
                while not (folder / "stub").exists():  # noqa: ASYNC110 (QEMU tells nobody)
                    await trio.sleep(0.05)
            yield folder
        finally:
            await process.stop()


async def _before_the_kernel(qemu: Qemu, guest: Kernel, archive: Path, image: Path, progress: Progress) -> None:
    progress.step("a breakpoint at a line of the source, set before the kernel is decompressed")
    async with _guest(qemu, guest, archive, "-S") as folder:
        lines = (
            "info line init/main.c:940",
            "tbreak init/main.c:940",
            "continue",
            "info line",
            "info source",
            "backtrace",
        )
        said = await ask(folder, (image,), *lines, "p system_state")
        expect(
            "start_kernel", said, r"starts at address 0xffffffff8\w+ <start_kernel", r"at 0xffffffff\w+ <start_kernel"
        )
        expect(
            "start_kernel",
            said,
            r'^Line \d+ of ".*" starts at address 0xffffffff\w+ <start_kernel.* and ends at',
            r'^Line 940 of "init/main.c" in start_kernel, inlined\.$',
            r"^Not located: the text of .* is not on this machine",
            r"^#1 .*start_kernel \(\) at init/main.c:940",
            "= SYSTEM_BOOTING",
        )


async def _in_the_kernel(
    qemu: Qemu, guest: Kernel, archive: Path, image: Path, program: Path, progress: Progress
) -> None:
    async with _guest(qemu, guest, archive) as folder:
        progress.step("Linux boots with KASLR on two vCPUs")
        said = await _wait_up(folder / "console")
        child = UP.search(said)
        assert child is not None
        files = (image, program, debug_module(guest, "loop"))
        await _says_as_the_guest(folder, files, said, progress)
        progress.step("a #DB of ptrace's in the kernel, through to the program that it is from")
        lines: tuple[str, ...] = ("catch db", "continue", "backtrace", "info linux", "why", "up", "up", "list")
        lines = (f"directory {SOURCE.parent}", *lines)
        lines += ("info source", "down", "p watched", "down", "finish")
        found = await ask(
            folder, files, *lines, "delete", "tbreak noist_exc_debug", "continue", "backtrace", "info args", "finish"
        )
        owner = rf"DR0: {child[2]} <watched>, task init\[{child[1]}\]'s ptrace"
        expect(
            "#DB", found, r"^#0 .*asm_exc_debug", r"^#1 .*store \(value=\d+\)", r"^#2 .*child \(\)", r"^#3 .*main \(\)"
        )
        kept = rf"Linux: task init\[{child[1]}\] is not stepped .*, its ptrace_dr7 is 0x9\w+, its virtual_dr6 is 0x\w+"
        text = r"^\d+\t    for \(unsigned long i = 0;; i\+\+\)$"
        expect("Linux's side", found, f"Linux: {owner}", kept, text, r"^Located in .*linux_day\.c$")
        expect("#DB", found, owner, r"^#1 .*store", r"^\$1 = \d+", r"^#2 cpu\d continue at 0x\w+ <store\+")
        expect(
            "exc_debug", found, r"^#0 .*exc_debug \(regs=", r"^#1 .*asm_exc_debug", r"^#\d+ .*store \(", r"^regs = 0x"
        )
        progress.step("next over a store that ptrace watches, and on")
        found = await ask(folder, files, "tbreak store", "continue", "next", "next", "next", "tbreak store", "continue")
        behind = (rf"^#\d+ cpu\d \w+ at 0x\w+ <child\+\d+>, .*linux_day\.c:{line}:" for line in (32, 33, 32))
        expect(
            "next", found, r"^#\d+ cpu\d continue at 0x\w+ <store>", *behind, r"^#\d+ cpu\d continue at 0x\w+ <store>"
        )
        progress.step("a guest that was left in the handler of such a #DB runs on")
        for _ in range(2):
            found = await ask(folder, files, "tbreak store", "continue", "stepi")
            expect("stepi", found, r"<store>", r"^#\d+ cpu\d step at 0x\w+ <asm_exc_debug>")
        progress.step("an interrupt in the kernel, a local variable, a watch of jiffies")
        lines = (
            "hbreak scheduler_tick",
            "continue",
            "backtrace",
            "up",
            "info args",
            "delete",
            "watch jiffies_64",
            "continue",
        )
        found = await ask(folder, files, *lines)
        expect(
            "IRQ",
            found,
            r"^#0 .*scheduler_tick \(\)",
            r"^#1 .*update_process_times \(user_tick=",
            r"asm_sysvec_apic_timer",
        )
        expect("IRQ", found, r"^user_tick = [01]$", r"<jiffies_64>, 8 bytes", r"tick_do_update_jiffies64|timekeeping")
        await _types_as_gdb(folder, image, progress)
        await linux_alone(folder, image, program, said, progress)
        await random_stops(folder, image, program, progress)


def _said(console: Path) -> str:
    return console.read_text(errors="replace") if console.exists() else ""


async def _wait_up(console: Path) -> str:
    with trio.move_on_after(BOOT_SECONDS):
        while True:
            said = _said(console)
            if UP.search(said):
                return said
            await trio.sleep(0.5)
    raise LabError("the lab's Linux did not come up")


async def _says_as_the_guest(folder: Path, files: tuple[Path, ...], said: str, progress: Progress) -> None:
    progress.step("tasks, log and modules are what the guest says of itself")
    began = time.monotonic()
    found = await ask(
        folder, files, "info tasks", "echo MARK\\n", "dmesg", "echo MARK\\n", "info modules", "info line loop_configure"
    )
    progress.detail(f"{time.monotonic() - began:.1f} s")
    tasks, log, rest = found.split("MARK\n")
    says_as_the_guest(tasks, log, said)
    place = re.search(r"MODULES loop (\d+) .*(0x[0-9a-f]{16})", said)
    if place is None:
        raise LabError("the guest has no module loop")
    expect("info modules", rest, rf"^{place[2]} loop +{place[1]}", r'drivers/block/loop.c" in loop_configure')


async def _types_as_gdb(folder: Path, image: Path, progress: Progress) -> None:
    progress.step("ptype struct task_struct is gdb's")
    found = await ask(folder, (image,), "ptype struct task_struct")
    began = time.monotonic()
    words = ["gdb", "-nx", "-batch", "-ex", "set print type hex off", "-ex", "ptype struct task_struct", str(image)]
    with trio.move_on_after(GDB_SECONDS):
        done = await trio.run_process(words, capture_stdout=True, capture_stderr=True, check=False)
        progress.detail(f"gdb {time.monotonic() - began:.0f} s")
        if _plain(done.stdout.decode()) != _plain(found):
            raise LabError("ptype struct task_struct is not what gdb says")
        return
    raise LabError("gdb did not end")


def _plain(text: str) -> str:
    return " ".join(text[text.index("type = ") :].split())
