"""Xen in a QEMU of its own, with a dom0 made of Debian's kernel and tools: what a lab needs of a Xen host."""

from __future__ import annotations

import contextlib
import hashlib
import re
import shlex
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import trio

from tests.labs.cache import cached
from tests.labs.errors import LabError
from tests.labs.initrd import Content, program
from tests.labs.int3_patch import with_int3
from tests.labs.linux import Linux, boot, root_filesystem
from tests.labs.packages import Kernel, kernel, unpacked
from tests.labs.progress import Progress
from tests.labs.qemu import Qemu, debian_qemu
from tests.labs.xen.hypervisor import Hypervisor, hypervisor
from tests.labs.xen.programs import command_server, dr6_vcpu

KERNEL = "linux-image-amd64"
"""Not the one for virtual machines: that one cannot be a dom0."""
MODULES = ("xen_privcmd", "xenfs", "xen_evtchn", "xen_gntdev", "xen_gntalloc", "virtio_pci", "virtio_net")
TOOLS = "xen-utils-4.17"
BIN = "usr/lib/xen-4.17/bin"
PROGRAMS = (
    *(
        f"{BIN}/{name}"
        for name in ("xl", "xenctx", "xenconsole", "xenconsoled", "xenstored", "xen-hvmctx", "xen-init-dom0")
    ),
    "usr/sbin/gdbsx",
    "usr/bin/xenstore-read",
)
LOADED_LATER = "lib/x86_64-linux-gnu/libgcc_s.so.1"
"""By the C library, when a thread of xl is cancelled."""

XEN_WORDS = "console=com1 com1=115200,8n1 dom0_mem=256M,max:256M loglvl=warning guest_loglvl=warning noreboot cpuidle=0"
"""TCG's MWAIT has no extensions, and Xen's idle loop wants one: hence ``cpuidle=0``."""
LINUX_WORDS = "console=hvc0 quiet panic=-1 rdinit=/init"
MACHINE = ("-accel", "tcg,thread=single", "-machine", "q35", "-cpu", "EPYC-v1,+svm,+npt,-monitor", "-m", "512")
COMMAND_PORT = 7000
START_SECONDS = 60.0
ATTEMPTS = 5
"""A port that is free now can be taken a moment later."""


class Dom0:
    """One that runs. ``prefix`` in front of a command runs it there, from any process of this machine."""

    def __init__(self, linux: Linux, version: str, port: int) -> None:
        self._linux = linux
        self.version = version
        self.prefix = (sys.executable, "-IS", str(Path(__file__).with_name("in_dom0.py")), str(port))

    async def run(self, *words: str) -> str:
        """What a command prints. One that fails is a `LabError`."""
        done = await trio.run_process([*self.prefix, *words], capture_stdout=True, capture_stderr=True, check=False)
        if done.returncode:
            said = " ".join((done.stderr or done.stdout).decode(errors="replace").split())
            raise LabError(f"In dom0 `{shlex.join(words)}` ended with status {done.returncode}: {said[-300:]}")
        return done.stdout.decode(errors="replace")

    async def open_port(self) -> int:
        """A port of dom0 that is the port of the same number on this machine's loopback."""
        for _ in range(ATTEMPTS):
            with socket.socket() as taken:
                taken.bind(("127.0.0.1", 0))
                port: int = taken.getsockname()[1]
            if await self._linux.forward(port):
                return port
        raise LabError("QEMU found no free port of the loopback to forward to dom0.")

    async def close_port(self, port: int) -> None:
        await self._linux.unforward(port)


class Parts(NamedTuple):
    """What a host is made of: files of the cache."""

    xen: Hypervisor
    qemu: Qemu
    linux: Kernel
    initrd: Path


def parts(progress: Progress, files: dict[str, Content]) -> Parts:
    """Fetched and built where they are not there yet. ``files`` are to be in dom0 too."""
    xen = hypervisor(progress)
    progress.step("QEMU 10.0, Linux and the tools of Xen are fetched, where they are not there yet")
    qemu, linux = with_int3(debian_qemu("bookworm-backports")), kernel(KERNEL)
    return Parts(xen, qemu, linux, _initrd(linux, files))


@contextlib.asynccontextmanager
async def xen_host(parts: Parts, progress: Progress, folder: Path) -> AsyncIterator[Dom0]:
    """Xen and a dom0, ready for the length of the block; they end with us, however we end.

    ``folder`` is for the log.
    """
    progress.step(f"Xen {parts.xen.version} boots")
    async with boot(parts.qemu, _software(parts, folder), folder, [COMMAND_PORT], *MACHINE) as linux:
        progress.step("dom0 starts what Xen's tools need")
        await linux.run(f"sh /lab/start.sh {COMMAND_PORT}", START_SECONDS)
        yield Dom0(linux, parts.xen.version, await linux.forwarded(COMMAND_PORT))


def _initrd(linux: Kernel, files: dict[str, Content]) -> Path:
    """dom0's root file system: busybox, the tools of Xen, the lab's own programs, ``files``."""
    tools = unpacked(TOOLS)
    found: dict[str, Content] = {LOADED_LATER: tools / LOADED_LATER}
    for path in PROGRAMS:
        found |= program(tools, path)
    own: dict[str, Content] = {
        "lab/start.sh": Path(__file__).with_name("start.sh"),
        "usr/bin/command_server": command_server(),
        "usr/bin/dr6-vcpu": dr6_vcpu(),
    }
    archive = root_filesystem(linux, unpacked("busybox-static"), MODULES, {**found, **own, **files})
    name = hashlib.sha256(archive).hexdigest()[:12]

    def write(draft: Path) -> None:
        (draft / "initrd.cpio").write_bytes(archive)

    return cached(f"initrd/{name}", write) / "initrd.cpio"


def _software(parts: Parts, folder: Path) -> tuple[str, ...]:
    """Multiboot: the modules are a list with commas, each with words behind it; so names of our own, without either."""
    checked_folder(folder)
    linux, initrd = folder / "linux", folder / "initrd"
    linux.symlink_to(parts.linux.image)
    initrd.symlink_to(parts.initrd)
    modules = f"{linux} {LINUX_WORDS},{initrd}"
    return "-kernel", str(parts.xen.image), "-append", XEN_WORDS, "-initrd", modules


def checked_folder(folder: Path) -> None:
    """Raises `LabError` where the list of modules cannot name it."""
    if re.search(r"[\s,]", str(folder)):
        raise LabError(
            f"The lab's temporary folder has a space or a comma in its name, {folder}; set TMPDIR to another."
        )
