"""The Xen lab: gdbsx on PV and PVH domains of real Xen, on a CPU that QEMU emulates."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import trio

from tests.labs.errors import LabError
from tests.labs.progress import Progress
from tests.labs.xen.dom0 import Dom0, Parts, parts, xen_host
from tests.labs.xen.domains import KINDS, domain, guest_files, image
from tests.labs.xen.self_check import check
from tests.labs.xen_check import check_on

CALLS = 10
PORTS = 4


def xen(progress: Progress, record: bool) -> None:
    """Nothing is recorded yet."""
    trio.run(_show, parts(progress, guest_files()), progress)


async def _show(made: Parts, progress: Progress) -> None:
    faults = []
    with tempfile.TemporaryDirectory(prefix="dr6-lab-") as folder:
        async with xen_host(made, progress, Path(folder)) as dom0:
            progress.say(f"Xen {dom0.version} and its dom0 are up after {progress.seconds:.1f} s")
            progress.say(f"a command of dom0 takes {await _call(dom0) * 1000:.0f} ms")
            for kind in KINDS:
                for vcpus in (1, 2):
                    async with domain(dom0, kind, vcpus) as guest:
                        checked = await check(dom0, guest, progress)
                    faults += checked.faults
                    progress.say(f"{kind}, {vcpus} vCPU: {checked.steps:.0f} steps of gdbsx a second")
            progress.step("dr6 on domains of its own")
            ports = [await dom0.open_port() for _ in range(PORTS)]
            images: dict[str, Path] = {kind: image(kind) for kind in KINDS}
            failed = await trio.to_thread.run_sync(lambda: check_on(dom0.prefix, ports, images, []))
    faults += [f"{failed} of dr6's stories failed"] * bool(failed)
    for fault in faults:
        progress.say(fault)
    if faults:
        raise LabError(
            f"{len(faults)} things are not as known of gdbsx, or dr6 says something else; they are listed above."
        )


async def _call(dom0: Dom0) -> float:
    """Seconds for a command that does nothing."""
    times = []
    for _ in range(CALLS):
        began = time.monotonic()
        await dom0.run("true")
        times.append(time.monotonic() - began)
    return sorted(times)[CALLS // 2]
