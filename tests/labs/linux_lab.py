"""#DBs of a real Linux: a program of its own is watched and stepped by ptrace, and counts the SIGTRAPs; each has to be
a row with its exception frame, the right cause, and be called the guest's, *certain*.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import trio

from tests.labs.cache import cached
from tests.labs.errors import LabError
from tests.labs.initrd import newc
from tests.labs.linux_day import linux_day
from tests.labs.packages import Kernel, kernel
from tests.labs.progress import Progress
from tests.labs.qemu import Qemu, debian_qemu
from tests.labs.run_dr6 import read_trace, run
from transports.process import spawn

SOURCE = Path(__file__).with_name("linux_guest.c")
HITS, STEPS = 1000, 300
SECONDS = "400"
"""Of `--seconds`: far more than a boot and a run take on a busy machine."""
SAID = re.compile(r"LAB watches=(\d+) steps=(\d+)")


class Boot(NamedTuple):
    """One way to boot it: vCPUs, words of the kernel's command line, and options of ``dr6 trace``."""

    cpus: int
    words: str
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((f"{self.cpus} vCPU" + "s" * (self.cpus > 1), self.words, *self.options))


BOOTS = (
    Boot(1, "nokaslr pti=off"),
    Boot(1, "pti=on"),
    Boot(2, "pti=on"),
    Boot(1, "pti=off", ("--no-stop",)),
)


def linux(progress: Progress, record: bool) -> None:
    """Nothing is recorded: a boot is too long for that."""
    progress.step("QEMU 7.2 and Linux are fetched, where they are not there yet")
    qemu, guest = debian_qemu("bookworm"), kernel()
    archive = initrd()
    for boot in BOOTS:
        progress.step(f"Linux {guest.release} with {boot}: {HITS} watch hits and {STEPS} steps by ptrace")
        trio.run(_traced, qemu, guest, archive, boot)
    linux_day(progress)


def initrd() -> Path:
    """An initrd with nothing but the program; it is linked statically."""
    name = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]

    def make(folder: Path) -> None:
        built = folder / "init"
        subprocess.run(["gcc", "-static", "-O1", "-o", str(built), str(SOURCE)], check=True)
        (folder / "initrd").write_bytes(newc({"init": built, "dev/.keep": b"", "proc/.keep": b""}))

    return cached(f"linux-guest/{name}", make) / "initrd"


async def _traced(qemu: Qemu, guest: Kernel, archive: Path, boot: Boot) -> None:
    with tempfile.TemporaryDirectory(prefix="dr6-lab-") as name:
        folder = Path(name)
        console, stub = folder / "console", folder / "stub"
        words = f"console=ttyS0 quiet panic=-1 rdinit=/init {boot.words} hits={HITS} steps={STEPS}"
        machine = (
            "-accel",
            "tcg",
            "-m",
            "512",
            "-smp",
            str(boot.cpus),
            "-display",
            "none",
            "-nodefaults",
            "-no-reboot",
        )
        wires = ("-serial", f"file:{console}", "-S", "-gdb", f"unix:{stub},server=on,wait=off")
        images = ("-kernel", str(guest.image), "-initrd", str(archive), "-append", words)
        process = spawn("the QEMU with the lab's Linux", qemu.argv(*machine, *wires, *images))
        try:
            with trio.fail_after(60):
                while not stub.exists():  # noqa: ASYNC110 (QEMU tells nobody)
                    await trio.sleep(0.05)
            options = ("--events", "--catch", "db", "--seconds", SECONDS, "--output", "rows.jsonl", *boot.options)
            await run(folder, "trace", str(stub), *options)
        finally:
            await process.stop()
        judge(read_trace(folder / "rows.jsonl"), console.read_text(errors="replace"))


def judge(rows: list[dict[str, object]], console: str) -> None:
    """Raises `LabError` where a row is missing, or is not what the guest did."""
    said = SAID.search(console)
    if said is None:
        raise LabError(f"the lab's Linux did not come to its end; it said {console[-200:]!r}")
    events = [row for row in rows if row["kind"] == "event"]
    found: Counter[str] = Counter()
    for row in events:
        causes = row["causes"]
        assert isinstance(causes, list)
        first = causes[0]
        frame = "frame" if row["frame"] is not None else "no frame"
        found[" ".join((first["cause"], first["owner"], first["confidence"], frame))] += 1
    stopped = all(row["seen_by"] == "handler" for row in events)
    due = Counter({"data-write guest certain frame": int(said[1]), "single-step guest certain frame": int(said[2])})
    if (int(said[1]), int(said[2])) != (HITS, STEPS):
        raise LabError(f"the lab's Linux counted {said[0]}")
    if stopped and found != due:
        raise LabError(f"dr6 says {dict(found)}, where the guest counted {dict(due)}")
    if len(events) != HITS + STEPS or rows[-1]["missed"] != 0:
        raise LabError(f"dr6 has {len(events)} events of {HITS + STEPS}, and says {rows[-1]}")
