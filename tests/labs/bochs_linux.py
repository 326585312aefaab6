"""A Linux with KVM on the CPU of Bochs, from nothing to a shell: the host of a guest whose stub is on COM2."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

import trio

from tests.labs import bochs
from tests.labs.bochs_rom import SOURCE, Touch, bochs_rom
from tests.labs.cache import cached
from tests.labs.flat_image import MIB, START, flat_image, vmlinux
from tests.labs.initrd import MODULES, Content
from tests.labs.linux import root_filesystem
from tests.labs.packages import Kernel
from tests.labs.serial_relay import receive_promptly
from tests.labs.shell import Shell

INIT = Path(__file__).with_name("bochs-init.sh")
MEBIBYTES = 512
BOOT_SECONDS = 300.0
WORDS = (
    "console=ttyS0,115200",
    "rdinit=/init",
    "panic=-1",
    "nokaslr",
    "mitigations=off",
    # what Bochs is not given, or is slow at
    "acpi=off",
    "nolapic",
    "pci=off",
    "highres=off",
    "nohz=off",
    # what takes long on 10 MIPS, and proves nothing here
    "cryptomgr.notests",
    "lpj=400000",
    "tsc=reliable",
    "no_timer_check",
    "random.trust_cpu=on",
)
SIGNED = b"~Module signature appended~\n"
SIGNATURE_HEAD = 12
STUB = "/dev/ttyS1"


class BochsLinux(NamedTuple):
    """``shell`` is that of the Linux; `STUB` in it is ``line`` out here."""

    shell: Shell
    line: trio.SocketStream


def memory_image(kernel: Kernel, packages: Path, wanted: str, files: dict[str, Content]) -> Path:
    """The folder with ``rom`` and ``image`` for a Linux with the module ``wanted`` and with ``files``; made once."""
    names = kernel.in_order(wanted)
    plain: dict[str, Content] = {f"{MODULES}/{n}.ko": unsigned(kernel.module(n).read_bytes()) for n in names}
    initrd = root_filesystem(kernel, packages, [wanted], {**files, **plain, "init": INIT})
    words = " ".join(WORDS)
    parts = (initrd, words.encode(), kernel.release.encode(), SOURCE.read_bytes(), str(MEBIBYTES).encode())
    name = hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]
    return cached(f"bochs/{name}", lambda folder: _write(folder, kernel, initrd, words))


def _write(folder: Path, kernel: Kernel, initrd: bytes, words: str) -> None:
    image = flat_image(vmlinux(kernel.image.read_bytes()), initrd, words, MEBIBYTES * MIB)
    (folder / "image").write_bytes(image.data)
    bochs_rom(folder / "rom", image.entry, START, Touch(START, START + len(image.data)))


def unsigned(module: bytes) -> bytes:
    """A module without its signature, whose check takes seconds there (include/linux/module_signature.h)."""
    if not module.endswith(SIGNED):
        return module
    size = int.from_bytes(module[-len(SIGNED) - 4 : -len(SIGNED)], "big")
    return module[: -len(SIGNED) - SIGNATURE_HEAD - size]


@contextlib.asynccontextmanager
async def boot(memory: Path, folder: Path, on_line: Callable[[str], None]) -> AsyncIterator[BochsLinux]:
    """A Linux from `memory_image`, ready, for the length of the block. ``on_line`` is told what its kernel says."""
    machine = bochs.Machine(memory / "rom", memory / "image", START, MEBIBYTES)
    async with bochs.run(machine, folder) as running:
        com1 = running.com1
        shell = Shell(lambda: receive_promptly(com1), com1.send_all, running.exit_reason, on_line)
        await shell.wait_ready(BOOT_SECONDS)
        yield BochsLinux(shell, running.com2)
