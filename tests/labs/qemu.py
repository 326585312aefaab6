"""The QEMUs of the labs: Debian packages of the cache, whatever this machine has installed."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.labs.apt import Release
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
