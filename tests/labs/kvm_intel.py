"""The demo guest on kvm_intel: Linux 6.1 and QEMU 7.2 of Debian on a CPU that Bochs emulates, VMX included."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import trio

from tests.labs import bochs
from tests.labs.bochs_linux import STUB, BochsLinux, boot, memory_image
from tests.labs.demo_lab import show
from tests.labs.kvm_host import WORDS, reachable, start_python
from tests.labs.packages import Kernel, kernel, unpacked
from tests.labs.platforms import INNER, inner_files, release
from tests.labs.progress import Progress
from tests.labs.qemu import Qemu, debian_qemu
from tests.labs.serial_relay import relayed
from tests.labs.stories import INTEL_STORIES

MODULE = "kvm_intel"
ALONE_SECONDS = 120.0
START_SECONDS = 60.0
CONSOLE, PID = "/tmp/console", "/tmp/guest.pid"
SOCKET = "gdb.sock"


class InBochs:
    """QEMU in a Linux in Bochs. Only one guest at a time: there is one line for its stub."""

    def __init__(self, linux: BochsLinux, version: str) -> None:
        self._linux = linux
        self.key = ("kvm-intel-on-bochs", release(version))
        self.words = WORDS

    async def alone(self) -> str:
        await self._linux.shell.run(f"{INNER} -serial file:{CONSOLE}", ALONE_SECONDS)
        return await self._linux.shell.run(f"cat {CONSOLE}")

    @contextlib.asynccontextmanager
    async def debugged(self, folder: Path) -> AsyncIterator[str]:
        stub = f"-S -chardev serial,id=stub,path={STUB} -gdb chardev:stub"
        await self._linux.shell.run(f"{INNER} -daemonize -pidfile {PID} {stub}", START_SECONDS)
        try:
            async with relayed(self._linux.line, folder / SOCKET), reachable(self._linux.shell, folder):
                yield f"./{SOCKET}"
        finally:
            await self._linux.shell.run(f"[ ! -e {PID} ] || kill -9 $(cat {PID}) && rm -f {PID}")


def memory(linux: Kernel, qemu: Qemu) -> Path:
    """What Bochs starts with: ``linux`` with KVM, ``qemu`` and the demo guest."""
    return memory_image(linux, unpacked("busybox-static"), MODULE, inner_files(qemu))


def kvm_intel(progress: Progress, record: bool) -> None:
    """kvm_intel of Linux on a VMX that Bochs emulates."""
    progress.step("Bochs, QEMU 7.2 and Linux are fetched, where they are not there yet")
    bochs.fetched()
    qemu, linux = debian_qemu("bookworm"), kernel()
    image = memory(linux, qemu)

    async def run() -> None:
        with tempfile.TemporaryDirectory(prefix="dr6-lab-") as folder:
            progress.step(f"Linux {linux.release} boots")
            async with boot(image, Path(folder), progress.detail) as host:
                await start_python(host.shell)
                await show(InBochs(host, qemu.version), progress, record, INTEL_STORIES)

    trio.run(run)
