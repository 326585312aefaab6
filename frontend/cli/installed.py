"""What dr6 finds on this machine: its own parts, the programs that it runs, and KVM."""

from __future__ import annotations

import os
import platform
import re
import shutil
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import trio

from frontend.version import version
from transports.qemu import KVM, QEMU

PACKAGES = ("trio", "capstone", "prompt_toolkit", "pygments", "defusedxml", "pyarrow", "duckdb")
PROGRAMS = ("gdb", "tmux")
SECONDS = 10.0
MODULES = ("kvm_intel", "kvm_amd", "kvm_pvm")
SYS_MODULE, PROC_MODULES = Path("/sys/module"), Path("/proc/modules")
_VERSION = re.compile(r"\d+(?:\.\d+)+[a-z]?")


class InstalledProgram(NamedTuple):
    """``path`` is None where it is not installed, ``version`` where it does not say."""

    name: str
    path: str | None
    version: str | None


class Kvm(NamedTuple):
    """Of this machine. ``modules`` are those that run guests."""

    present: bool
    usable: bool
    modules: tuple[str, ...]


class Installed(NamedTuple):
    """``packages`` holds name and version, None for one that is missing."""

    dr6: str
    python: str
    packages: tuple[tuple[str, str | None], ...]
    programs: tuple[InstalledProgram, ...]
    kvm: Kvm


async def look_around(qemu: str | None) -> Installed:
    """Ask. ``qemu`` is the program that ``--qemu`` names."""
    names = (qemu or QEMU, *PROGRAMS)
    programs: dict[str, InstalledProgram] = {}

    async def look(name: str) -> None:
        programs[name] = await _program(name)

    async with trio.open_nursery() as nursery:
        for name in names:
            nursery.start_soon(look, name)
    packages = tuple((name, _package(name)) for name in PACKAGES)
    return Installed(version(), platform.python_version(), packages, tuple(programs[name] for name in names), kvm())


def kvm() -> Kvm:
    return Kvm(
        os.path.exists(KVM),
        os.access(KVM, os.R_OK | os.W_OK),
        tuple(name for name in MODULES if (SYS_MODULE / name).is_dir() or name in _loaded()),
    )


def _loaded() -> frozenset[str]:
    """The loaded modules where /sys is not mounted, as in many a container."""
    try:
        lines = PROC_MODULES.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(line.split(" ", 1)[0] for line in lines)


def _package(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


async def _program(name: str) -> InstalledProgram:
    path = shutil.which(name)
    if path is None:
        return InstalledProgram(name, None, None)
    asked = "-V" if name == "tmux" else "--version"
    text = ""
    with trio.move_on_after(SECONDS):
        try:
            done = await trio.run_process([path, asked], capture_stdout=True, capture_stderr=True, check=False)
            text = done.stdout.decode("utf-8", "replace")
        except OSError:
            text = ""
    found = _VERSION.search(text)
    return InstalledProgram(name, path, found[0] if found else None)
