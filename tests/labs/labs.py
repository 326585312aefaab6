"""The labs, each a function of (progress, record) as `table.Lab` wants it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import trio

from tests.labs.demo_lab import show
from tests.labs.int3_patch import with_int3
from tests.labs.kvm_host import start_python
from tests.labs.kvm_lab import module, try_abilities
from tests.labs.linux import boot, direct
from tests.labs.packages import kernel, unpacked
from tests.labs.platforms import Here, Inside, initrd
from tests.labs.progress import Progress
from tests.labs.qemu import debian_qemu

STUB_PORT = 1234
SVM = ("-accel", "tcg,thread=single", "-cpu", "max", "-m", "512")


def tcg10(progress: Progress, record: bool) -> None:
    """Plain TCG of both releases of QEMU."""
    for release in ("bookworm", "bookworm-backports"):
        progress.step(f"QEMU of {release} is fetched, where it is not there yet")
        qemu = debian_qemu(release)
        trio.run(show, Here("qemu-tcg", qemu, "-accel", "tcg"), progress, record)


def kvm(progress: Progress, record: bool) -> None:
    """The KVM of this machine. Nothing is recorded: it is another one elsewhere."""
    module()
    progress.step("QEMU 7.2 is fetched, where it is not there yet")
    trio.run(try_abilities, debian_qemu("bookworm"), progress)


def kvm_amd(progress: Progress, record: bool) -> None:
    """kvm_amd of Linux on an SVM that TCG emulates."""
    progress.step("QEMU 7.2, QEMU 10.0 and Linux are fetched, where they are not there yet")
    inner, outer, linux = debian_qemu("bookworm"), debian_qemu("bookworm-backports"), kernel()
    archive = initrd(linux, unpacked("busybox-static"), inner, "virtio_pci", "virtio_net", "kvm_amd")
    outer = with_int3(outer)

    async def run() -> None:
        with tempfile.TemporaryDirectory(prefix="dr6-lab-") as folder:
            progress.step(f"Linux {linux.release} boots")
            async with boot(outer, direct(linux, archive), Path(folder), [STUB_PORT], *SVM) as host:
                await start_python(host)
                await show(Inside("kvm-amd-on-tcg", host, inner.version, STUB_PORT), progress, record)

    trio.run(run)
