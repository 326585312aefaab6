"""Programs of Debian packages, unpacked into the cache; nothing is installed.

A tree holds all that its programs depend on, the C library too, so that they run on any Linux: see `command`.
"""

from __future__ import annotations

import contextlib
import hashlib
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.labs.apt import CODENAME, Apt, Release
from tests.labs.cache import cache_root, cached, locked
from tests.labs.errors import LabError

KERNEL = "linux-image-cloud-amd64"
LIBRARIES = ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu")
DEBUG_MODULES = ("crc32c_generic", "dummy", "loop")
"""Modules whose debug information is kept: small ones that a guest without devices can load."""
UNREAD = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/i18n")
LOADER = "lib64/ld-linux-x86-64.so.2"


def unpacked(*names: str, release: Release = "bookworm") -> Path:
    """The root of a tree with the packages ``names`` and all that they depend on.

    The first call for these names fetches them; later ones need no network, and give the same versions.
    """
    return cached(f"packages/{release}/{_folder(names)}", lambda root: _fetch(root, names, release))


def source(name: str) -> Path:
    """A folder with the files of Debian 12's source package ``name``, as they are in the archive."""
    return cached(f"sources/{CODENAME}/{name}", lambda folder: _fetch_source(folder, name))


def versions(root: Path) -> dict[str, str]:
    """Package → version of what is in a tree."""
    lines = (root / "packages.txt").read_text().splitlines()
    return dict(line.split(" ", 1) for line in lines)


def command(root: Path, program: str) -> list[str]:
    """How a program of the tree is started: by the tree's own loader, with the tree's libraries.

    It can't find its data by its own path then (``/proc/self/exe`` is the loader), so say where they are.
    """
    paths = ":".join(str(root / folder) for folder in LIBRARIES)
    return [str(root / LOADER), "--library-path", paths, str(root / program)]


def libraries(root: Path, program: str) -> list[str]:
    """The shared objects that a program of the tree loads, relative to the root; the loader is one of them."""
    paths = ":".join(str(root / folder) for folder in LIBRARIES)
    words = [str(root / LOADER), "--library-path", paths, "--list", str(root / program)]
    listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    found = (Path(word) for line in listed.splitlines() for word in line.split() if word.startswith(str(root)))
    return sorted({str(path.relative_to(root)) for path in found} | {LOADER})


class Kernel(NamedTuple):
    """A Linux kernel of Debian. ``release`` is what `uname -r` says."""

    release: str
    image: Path
    modules: Path

    def module(self, name: str) -> Path:
        """The file of a module, by its name with dashes or underscores."""
        wanted = name.replace("-", "_")
        found = next((p for p in self.modules.rglob("*.ko") if p.stem.replace("-", "_") == wanted), None)
        if found is None:
            raise LabError(f"Linux {self.release} has no module {name}.")
        return found

    def in_order(self, *names: str) -> list[str]:
        """The modules ``names`` and those that they need, each behind what it needs."""
        ordered: dict[str, None] = {}
        for name in names:
            field = re.search(rb"\0depends=([^\0]*)\0", self.module(name).read_bytes())
            needed = field[1].decode().split(",") if field and field[1] else []
            ordered |= dict.fromkeys([*self.in_order(*needed), name.replace("-", "_")])
        return list(ordered)


def kernel(package: str = KERNEL) -> Kernel:
    """Debian 12's kernel for virtual machines, which has KVM, or another of its kernels, without what it depends on."""
    root = cached(f"packages/bookworm/{package}", lambda folder: _fetch_kernel(folder, package))
    image = next((root / "boot").glob("vmlinuz-*"))
    release = image.name.removeprefix("vmlinuz-")
    return Kernel(release, image, root / "lib" / "modules" / release)


def vmlinux(kernel: Kernel) -> Path:
    """The unstripped ELF file of ``kernel``, with DWARF; the modules' debug information lies beside it, see
    `debug_module`. Some 6 GB of download and disk are cut down to what is read: vmlinux and a few modules."""
    package = f"linux-image-{kernel.release}-dbg"
    root = cached(f"packages/bookworm/{package}", lambda folder: _fetch_debug(folder, package))
    return root / "vmlinux"


def debug_module(kernel: Kernel, name: str) -> Path:
    """The file with the debug information of a module of `DEBUG_MODULES`."""
    return vmlinux(kernel).with_name(f"{name}.ko")


def _folder(names: tuple[str, ...]) -> str:
    name = "+".join(names)
    return name if len(name) < 60 else f"{names[0]}+{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def _fetch(root: Path, names: tuple[str, ...], release: Release) -> None:
    with _archives() as (apt, folder):
        apt.download_all(folder, names, release)
        _unpack(root, folder.glob("*.deb"))


def _fetch_kernel(root: Path, package: str) -> None:
    with _archives() as (apt, folder):
        pinned = [name for name in apt.dependencies(package) if name.startswith("linux-image-")]
        apt.download(folder, pinned)
        _unpack(root, folder.glob("*.deb"))


def _fetch_debug(root: Path, package: str) -> None:
    with _archives() as (apt, folder):
        apt.download(folder, [package])
        with tempfile.TemporaryDirectory(prefix=".debug-", dir=cache_root()) as whole:
            archive = next(folder.glob("*.deb"))
            subprocess.run(["dpkg", "-x", str(archive), whole], check=True)
            for name in ("vmlinux-*", *(f"{name}.ko" for name in DEBUG_MODULES)):
                for found in Path(whole).rglob(name):
                    if found.is_file() and not found.is_symlink():
                        shutil.move(found, root / ("vmlinux" if name.startswith("vmlinux") else name))


def _fetch_source(root: Path, name: str) -> None:
    with locked("apt"):
        apt = Apt("deb-src")
        apt.update()
        apt.download_source(root, name)


@contextlib.contextmanager
def _archives() -> Iterator[tuple[Apt, Path]]:
    """An apt with fresh lists, and a folder for what it downloads that is gone afterwards."""
    if platform.machine() != "x86_64":
        raise LabError(f"The labs are programs for x86-64, and this machine is a {platform.machine()}.")
    with locked("apt"), tempfile.TemporaryDirectory(prefix=".archives-", dir=cache_root()) as folder:
        apt = Apt()
        apt.update()
        yield apt, Path(folder)


def _unpack(root: Path, archives: Iterable[Path]) -> None:
    lines = []
    for archive in sorted(archives):
        subprocess.run(["dpkg", "-x", str(archive), str(root)], check=True)
        show = ["dpkg-deb", "--show", "--showformat=${Package} ${Version}\n", str(archive)]
        lines.append(subprocess.run(show, check=True, capture_output=True, text=True).stdout)
    (root / "packages.txt").write_text("".join(lines))
    for folder in UNREAD:
        shutil.rmtree(root / folder, ignore_errors=True)
