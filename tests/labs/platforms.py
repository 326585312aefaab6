"""Where the demo guest runs in the labs: alone, and with its stub for us to talk to."""

from __future__ import annotations

import contextlib
import hashlib
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

import trio

from frontend.demo_guest import DEMO_IMAGE
from tests.labs.cache import cached
from tests.labs.errors import LabError
from tests.labs.initrd import Content, program
from tests.labs.kvm_host import WORDS, python_files, reachable
from tests.labs.linux import Linux, root_filesystem
from tests.labs.packages import Kernel
from tests.labs.paths import short_path
from tests.labs.qemu import PROGRAM, Qemu
from tests.labs.rom import boot_rom
from transports.process import spawn

MACHINE = ("-m", "16", "-display", "none", "-vga", "none", "-nodefaults", "-no-reboot")
GUEST = "demo.elf"
ALONE_SECONDS = 60.0


class Platform(Protocol):
    """Something that runs the demo guest. ``key`` is its row in `MEASURED`: name and release. ``words`` are what dr6
    takes there beside TARGET."""

    @property
    def key(self) -> tuple[str, str]: ...

    @property
    def words(self) -> tuple[str, ...]: ...

    async def alone(self) -> str:
        """Let the guest run to its end without a debugger: what it writes to its console."""
        ...

    def debugged(self, folder: Path) -> AbstractAsyncContextManager[str]:
        """The guest at reset, for the length of the block: the TARGET of its stub, as seen from ``folder``."""
        ...


def machine(rom: str, image: str) -> tuple[str, ...]:
    """QEMU's arguments for the demo guest's machine: `rom.s` instead of a BIOS, the image already in memory."""
    return (*MACHINE, "-bios", rom, "-device", f"loader,file={image}")


class Here:
    """A QEMU on this machine, with the demo guest or another PVH ``image``."""

    def __init__(self, name: str, qemu: Qemu, *accelerator: str, image: Path = DEMO_IMAGE) -> None:
        self._qemu = qemu
        self._image = image
        self._accelerator = accelerator
        self.key = (name, release(qemu.version))
        self.words: tuple[str, ...] = ()

    async def alone(self) -> str:
        argv = self._qemu.argv(*self._accelerator, *self._machine(), "-serial", "stdio")
        with trio.move_on_after(ALONE_SECONDS):
            done = await trio.run_process(argv, stdin=b"", capture_stdout=True, capture_stderr=True, check=False)
            return done.stdout.decode(errors="replace")
        raise LabError(f"The demo guest did not come to its end in {ALONE_SECONDS:g} seconds.")

    @contextlib.asynccontextmanager
    async def debugged(self, folder: Path) -> AsyncIterator[str]:
        path = folder / "gdb.sock"
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(short_path(path))
            listener.listen()
            fd = listener.fileno()
            stub = ("-chardev", f"socket,id=stub,fd={fd},server=on,wait=off", "-gdb", "chardev:stub", "-S")
            process = spawn("QEMU", self._qemu.argv(*self._accelerator, *self._machine(), *stub), pass_fds=(fd,))
        try:
            yield "./gdb.sock"
        finally:
            await process.stop()

    def _machine(self) -> tuple[str, ...]:
        return machine(str(boot_rom(self._image)), str(self._image))


class Inside:
    """A QEMU in a Linux of the lab, with the KVM of that Linux. ``port`` of it is forwarded to this machine."""

    def __init__(self, name: str, linux: Linux, version: str, port: int) -> None:
        self._linux = linux
        self._port = port
        self.key = (name, release(version))
        self.words = WORDS

    async def alone(self) -> str:
        await self._linux.run(f"{INNER} -serial file:/tmp/console", ALONE_SECONDS)
        return await self._linux.run("cat /tmp/console")

    @contextlib.asynccontextmanager
    async def debugged(self, folder: Path) -> AsyncIterator[str]:
        pid = "/tmp/guest.pid"
        await self._linux.run(f"{INNER} -daemonize -pidfile {pid} -S -gdb tcp::{self._port}")
        try:
            async with reachable(self._linux, folder):
                yield f"127.0.0.1:{await self._linux.forwarded(self._port)}"
        finally:
            await self._linux.run(f"[ ! -e {pid} ] || kill -9 $(cat {pid}) && rm -f {pid}")


INNER = " ".join([f"/{PROGRAM}", "-accel", "kvm", "-cpu", "host", *machine("/lab/boot.rom", "/lab/demo.elf")])


def initrd(kernel: Kernel, packages: Path, qemu: Qemu, *wanted: str) -> Path:
    """A root file system for `Inside`: busybox of the tree ``packages``, the modules ``wanted``, ``qemu``, the demo
    guest."""
    archive = root_filesystem(kernel, packages, wanted, inner_files(qemu))
    name = hashlib.sha256(archive).hexdigest()[:12]
    return cached(f"initrd/{name}", lambda folder: _write(folder / "initrd.cpio", archive)) / "initrd.cpio"


def inner_files(qemu: Qemu) -> dict[str, Content]:
    """What `INNER` needs: ``qemu`` of a tree of packages, and the demo guest; and a Python for dr6's reader."""
    guest: dict[str, Content] = {"lab/boot.rom": boot_rom(DEMO_IMAGE), "lab/demo.elf": DEMO_IMAGE}
    data = "usr/share/qemu/kvmvapic.bin"
    return {**python_files(), **program(qemu.root, PROGRAM), data: qemu.root / data, **guest}


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def release(version: str) -> str:
    """ "7.2.22" → "7.2": what `MEASURED` goes by."""
    return ".".join(version.split(".")[:2])
