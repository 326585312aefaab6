"""A guest of C with debug information, and dr6 on it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.live.machine import Ran, dr6

PROGRAMS = Path(__file__).with_name("programs")
OPTIONS = (
    *("-m32", "-ffreestanding", "-fno-pic", "-no-pie", "-fno-stack-protector", "-fno-asynchronous-unwind-tables"),
    *("-fcf-protection=none", "-g", "-nostdlib", "-static", "-Wl,--build-id=none,--no-warn-rwx-segments,-T,lines.ld"),
)


def build(folder: Path, *options: str, source: str = "lines.c") -> Path:
    """The guest of a file of `PROGRAMS`; its source lies beside it."""
    for name in (source, "lines.ld"):
        (folder / name).write_bytes((PROGRAMS / name).read_bytes())
    subprocess.run(["gcc", *OPTIONS, *options, "-o", "guest.elf", source], cwd=folder, check=True)
    return folder / "guest.elf"


def ask(guest: Path, *lines: str, code: int = 0) -> Ran:
    """What dr6 says of it to some commands; it stands before its first instruction."""
    words = [word for line in lines for word in ("-ex", line)]
    done = dr6("launch", str(guest), "--batch", "--symbols", str(guest), *words)
    assert done.code == code, done.err
    return done
