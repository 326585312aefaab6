"""What ``dr6 trace --engine log`` and ``plugin`` tell, held against a client that steps, on both releases of QEMU; and
on Linux, against the stub itself."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from tests.guests.build import build
from tests.labs.errors import LabError
from tests.labs.linux_lab import initrd
from tests.labs.packages import kernel
from tests.labs.progress import Progress
from tests.labs.qemu import Qemu, debian_qemu
from tests.live import machine as live
from tests.live.test_log_engine import GUESTS, Row, assert_same, drop_idle, logged, stepped
from transports.plugin_build import build_plugin, level_of

ENGINES = ("log", "plugin")
ROWS = 2000
SHORT = {"modes": 900, "faults": 430, "debug64": 1100}
"""How far a guest is compared: two wait in HLT behind that, and in one a step of a debugger's raises a breakpoint that
RF holds back, and that the log rightly does not have (docs/engines.md)."""
LINUX_ROWS, LINUX_CHECKED = 20_000, 2000
BOOTED = "Freeing unused kernel"
WORDS = "console=ttyS0 no_timer_check panic=-1 rdinit=/init hits=1000000000 steps=1"
"""A program that watches another by ptrace, and does not come to its end."""
PLAIN = ("-accel", "tcg", "-display", "none", "-nodefaults", "-no-reboot")


def engines(progress: Progress, record: bool) -> None:
    """Nothing is recorded: the rows are compared where they are made."""
    for release in ("bookworm", "bookworm-backports"):
        progress.step(f"QEMU of {release} is fetched, where it is not there yet")
        qemu = debian_qemu(release)
        with mock.patch.object(live, "QEMU", qemu.argv(*PLAIN)):
            for name in GUESTS:
                progress.step(f"QEMU {qemu.version}, {name}")
                _compare(name, qemu)
        progress.step(f"QEMU {qemu.version}, Linux: {LINUX_CHECKED} rows in lock-step, {LINUX_ROWS} in all")
        for engine in ENGINES:
            _linux(qemu, engine)


def plugin_of(qemu: Qemu) -> tuple[str, str]:
    """What a QEMU of the labs has to be started with; it runs with libraries of its own, and so does the plugin."""
    major, minor = qemu.version.split(".")[:2]
    return "-plugin", str(build_plugin(level_of((int(major), int(minor)))))


def _compare(name: str, qemu: Qemu) -> None:
    guest, start, options = GUESTS[name]
    count = SHORT.get(guest, ROWS)
    image = build(guest)
    with tempfile.TemporaryDirectory(prefix="dr6-lab-") as folder:
        with live.machine(Path(folder), image, *options) as target:
            truth = drop_idle(stepped(target, start, image, count))
        if not qemu.version.startswith("7."):
            truth = without_iterations(truth)
        for engine in ENGINES:
            with live.machine(Path(folder), image, *options, *plugin_of(qemu)) as target:
                rows = logged(target, start, image, len(truth), "--self-check", "1", engine=engine)
            try:
                assert_same(rows[1:-1], truth)
            except AssertionError as error:
                raise LabError(f"{name}: the {engine} and a client that steps differ: {error}") from error


def without_iterations(rows: list[Row]) -> list[Row]:
    """QEMU 10 runs a REP to its end in one block, and steps through it one by one."""
    return [row for row, before in zip(rows, [{}, *rows[:-1]], strict=True) if row["pc"] != before.get("pc")]


@contextmanager
def _booting(qemu: Qemu, folder: Path) -> Iterator[Path]:
    stub, console = folder / "stub", folder / "console"
    wires = ("-serial", f"file:{console}", "-gdb", f"unix:{stub},server=on,wait=off", "-m", "512")
    images = ("-kernel", str(kernel().image), "-initrd", str(initrd()), "-append", WORDS)
    process = subprocess.Popen(qemu.argv(*PLAIN, *wires, *images, *plugin_of(qemu)), stdin=subprocess.DEVNULL)
    try:
        while not console.exists() or BOOTED not in console.read_text(errors="replace"):
            if process.poll() is not None:
                raise LabError(f"QEMU {qemu.version} ended while the lab's Linux booted")
        yield stub
    finally:
        process.kill()
        process.wait()


def _linux(qemu: Qemu, engine: str) -> None:
    with tempfile.TemporaryDirectory(prefix="dr6-lab-") as name, _booting(qemu, Path(name)) as stub:
        output = Path(name) / "rows.jsonl"
        words = ("--steps", str(LINUX_ROWS), "--self-check", str(LINUX_CHECKED), "-o", str(output))
        ran = live.dr6("trace", str(stub), "--engine", engine, *words)
        if ran.code != 0:
            raise LabError(f"QEMU {qemu.version}: {ran.err}")
        end: Row = json.loads(output.read_text().splitlines()[-1])
        if (end["reason"], end["insns"]) != ("steps", LINUX_ROWS):
            raise LabError(f"QEMU {qemu.version}: the trace of Linux ended with {end}")
