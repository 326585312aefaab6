"""Small guests for tests, assembled on demand: `build("loop")`, `build("modes")`, ….

All are ELFs for ``qemu-system-x86_64 -kernel``; their labels are symbols. ``loop`` runs for ever in 64-bit
mode and does the same in each run; ``modes`` goes through 16-, 32- and 64-bit code and ends in HLT; ``smp``
wants ``-smp 2``; ``exam`` has a place for each thing that a debugger does; ``faults`` raises exceptions, one after
the other; ``debug16``, ``debug32`` and ``debug64`` raise #DBs of every kind, ``debug_smp`` does so on each vCPU of
``-smp 4``. ``xen_pv`` and ``xen_pvh`` are domains of Xen.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Literal

import pytest

GuestName = Literal[
    "debug16",
    "debug32",
    "debug64",
    "debug_smp",
    "exam",
    "faults",
    "loop",
    "modes",
    "smp",
    "undelivered",
    "xen_pv",
    "xen_pvh",
]

INSTALLED_BY = "2.40"
"""The binutils that made the installed images; others lay out the files differently, not what is loaded."""
_BUNDLED = Path(__file__).parents[2] / "guests"
_SOURCE = Path(__file__).parent
_AS = ("as", "--64", "--fatal-warnings", "-mx86-used-note=no", "-I", str(_SOURCE))
_LD = (
    "ld",
    "-m",
    "elf_x86_64",
    "-nostdlib",
    "-static",
    "-x",
    "--build-id=none",
    "-z",
    "max-page-size=0x1000",
)


@cache
def images() -> tempfile.TemporaryDirectory[str]:
    """One for this process; it is removed at its end."""
    return tempfile.TemporaryDirectory(prefix="dr6-guests-")


@cache
def build(name: GuestName) -> Path:
    """The image of the guest ``name``, built once in this process. Raises CalledProcessError with the
    assembler's words on stderr, FileNotFoundError where binutils is missing."""
    directory = Path(images().name)
    made, image = directory / f"{name}.o", directory / f"{name}.elf"
    subprocess.run([*_AS, "-o", str(made), str(_SOURCE / f"{name}.s")], check=True)
    script = str(_SOURCE / ("xen_pv.ld" if name == "xen_pv" else "guest.ld"))
    subprocess.run(
        [*_LD, "-z", "noexecstack", "--no-warn-rwx-segments", "-T", script, "-o", str(image), str(made)],
        check=True,
    )
    return image


def made_as_installed() -> bool:
    """Is the binutils of this machine that of the installed images?"""
    version = subprocess.run(["ld", "--version"], capture_output=True, text=True, check=True).stdout
    return INSTALLED_BY in version.splitlines()[0]


def make(name: Literal["demo", "probe"], directory: Path) -> Path:
    """The bundled guest ``name``, made in a copy of its source under ``directory``. Skips the test without binutils."""
    missing = [tool for tool in ("as", "ld", "make") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    copy = directory / "guests" / name
    shutil.copytree(_BUNDLED / name, copy, ignore=shutil.ignore_patterns("build"))
    subprocess.run(["make", "-s", "-C", str(copy), f"build/{name}.elf"], check=True)
    return copy / "build" / f"{name}.elf"
