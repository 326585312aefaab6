"""The hypervisor, compiled from Debian's source package: Debian's own binary is built without gdbsx.

``CONFIG_GDBSX`` is offered to builds with DEBUG or EXPERT only (xen/Kconfig.debug, from 4.14 on).
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import trio

from tests.labs.cache import cached
from tests.labs.errors import LabError
from tests.labs.packages import command, source, unpacked
from tests.labs.progress import Progress
from tests.labs.shell import printable
from transports.process import spawn

CONFIGURATION = """\
CONFIG_EXPERT=y
CONFIG_GDBSX=y
CONFIG_PV=y
CONFIG_PV32=y
CONFIG_HVM=y
CONFIG_VERBOSE_DEBUG=y
# CONFIG_LIVEPATCH is not set
# CONFIG_DEBUG is not set
"""
GENERATORS = {"bison": "usr/bin/bison", "flex": "usr/bin/flex", "m4": "usr/bin/m4"}
"""What the configuration program of Xen is generated with: programs of one tree of packages."""
KEPT, DETAIL = 1 << 16, 200


class Hypervisor(NamedTuple):
    """``image`` is an ELF that a multiboot loader takes; ``version`` is the source package's."""

    image: Path
    version: str


def hypervisor(progress: Progress) -> Hypervisor:
    """Compiled once, which takes minutes. Needs a C compiler and make on this machine."""
    progress.step("Xen's source is fetched, where it is not there yet")
    package = source("xen")
    archive = next(package.glob("xen_*.orig.tar.xz"))
    version = archive.name.removeprefix("xen_").removesuffix(".orig.tar.xz")
    recipe = hashlib.sha256(CONFIGURATION.encode()).hexdigest()[:12]

    def make(folder: Path) -> None:
        missing = [tool for tool in ("gcc", "make", "ld") if shutil.which(tool) is None]
        if missing:
            raise LabError(
                f"The lab compiles Xen, and lacks {', '.join(missing)}; scripts/setup gcc make ld installs it."
            )
        progress.step(f"Xen {version} is compiled, which takes minutes")
        tree = _unpack(archive, folder / "tree")
        _with_generators(tree / "generators")
        (tree / "xen/.config").write_text(CONFIGURATION)
        for target in ("olddefconfig", "build"):
            trio.run(_make, tree, target, progress.detail)
        shutil.copy(tree / "xen/xen", folder / "xen")
        shutil.rmtree(tree)

    return Hypervisor(cached(f"xen/{version}-{recipe}", make) / "xen", version)


def _unpack(archive: Path, folder: Path) -> Path:
    """The source tree, in its own folder of the archive."""
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="tar")
    return next(folder.iterdir())


def _with_generators(folder: Path) -> None:
    """A folder for PATH whose programs run from a tree of packages."""
    root = unpacked("bison", "flex")
    folder.mkdir()
    for name, path in GENERATORS.items():
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {shlex.join(command(root, path))} "$@"\n')
        script.chmod(0o755)


def _environment(tree: Path) -> list[str]:
    tools = tree / "generators"
    path = f"{tools}:{os.environ.get('PATH', os.defpath)}"
    data = unpacked("bison", "flex") / "usr/share/bison"
    return ["env", f"PATH={path}", f"BISON_PKGDATADIR={data}", f"M4={tools / 'm4'}", "XEN_CONFIG_EXPERT=y"]


async def _make(tree: Path, target: str, tell: Callable[[str], None]) -> None:
    """Raises `LabError` with what make complained of."""
    jobs = len(os.sched_getaffinity(0))
    words = ["nice", "make", "-C", str(tree / "xen"), f"-j{jobs}", f"PYTHON={sys.executable}", target]
    process = spawn("make", [*_environment(tree), *words])
    said = b""
    try:
        async for data in process.messages:
            said = (said + data)[-KEPT:]
            for line in _lines(said[-DETAIL:])[-1:]:
                tell(line)
        await process.ended.wait()
    finally:
        await process.stop()
    if process.status:
        raise LabError(f"Xen could not be compiled, because `make {target}` failed: {complaint(said)}")


def complaint(said: bytes) -> str:
    """The first line that looks like the reason, or the last one."""
    lines = _lines(said) or ["it said nothing"]
    return next((line for line in lines if re.search(r"error|\*\*\*", line, re.IGNORECASE)), lines[-1])[:300]


def _lines(said: bytes) -> list[str]:
    return [line for line in map(printable, said.decode(errors="replace").splitlines()) if line.strip()]
