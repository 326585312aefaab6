"""The lab's own programs for dom0, in C, linked statically: they find no library there."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

from tests.labs.cache import cached
from tests.labs.errors import LabError
from tests.labs.packages import unpacked

SOURCES = Path(__file__).parent
HELPER = SOURCES.parents[2] / "transports/dr6-vcpu.c"
"""What ``dr6 xen-helper`` prints."""
FLAGS = ("-O2", "-Wall", "-Wextra", "-Wno-missing-field-initializers", "-static")
LIBXEN = ("ctrl", "call", "devicemodel", "evtchn", "foreignmemory", "gnttab", "toollog", "toolcore")
"""libxenctrl, and what it needs."""


def command_server() -> Path:
    return _compiled(SOURCES / "command_server.c")


def dr6_vcpu() -> Path:
    """dr6's helper for debug registers, with libxenctrl of Debian's libxen-dev."""
    tree = unpacked("libxen-dev") / "usr"
    folder = tree / "lib/x86_64-linux-gnu"
    archives = [str(folder / f"libxen{name}.a") for name in LIBXEN]
    return _compiled(HELPER, "-isystem", str(tree / "include"), *archives)


def _compiled(source: Path, *arguments: str) -> Path:
    name = source.stem
    recipe = hashlib.sha256("\0".join([source.read_text(), *FLAGS, *arguments]).encode()).hexdigest()[:12]

    def make(folder: Path) -> None:
        if shutil.which("gcc") is None:
            raise LabError("The lab compiles programs for dom0, and lacks gcc; scripts/setup gcc installs it.")
        words = ["gcc", *FLAGS, "-o", str(folder / name), str(source), *arguments]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise LabError(f"The lab could not compile {source.name}: {done.stderr.strip()[:300]}")

    return cached(f"xen-programs/{name}-{recipe}", make) / name
