"""``python -m tests.labs.xen``: Xen, a dom0 and a domain of each kind, kept until Ctrl-C, for trying things by hand."""

from __future__ import annotations

import shlex
import sys
import tempfile
from pathlib import Path

import trio

from tests.labs.errors import LabError
from tests.labs.progress import Progress
from tests.labs.xen.dom0 import Dom0, Parts, parts, xen_host
from tests.labs.xen.domains import KINDS, Domain, create, guest_files

PORTS = 4
FAILED, INTERRUPTED = 1, 130


def main() -> int:
    with Progress("xen") as progress:
        try:
            trio.run(_hold, parts(progress, guest_files()), progress)
        except LabError as error:
            progress.say(f"FAILED after {progress.seconds:.1f} s: {error}")
    return FAILED


async def _hold(made: Parts, progress: Progress) -> None:
    with tempfile.TemporaryDirectory(prefix="dr6-lab-") as folder:
        async with xen_host(made, progress, Path(folder)) as dom0:
            progress.step("the domains are made")
            domains = [await create(dom0, kind, vcpus) for kind in KINDS for vcpus in (1, 2)]
            ports = [await dom0.open_port() for _ in range(PORTS)]
            progress.step("everything is there; Ctrl-C ends it")
            print(_described(dom0, domains, ports), flush=True)
            await trio.sleep_forever()


def _described(dom0: Dom0, domains: list[Domain], ports: list[int]) -> str:
    prefix = shlex.join(dom0.prefix)
    rows = [
        f"domain {d.id}: {d.kind}, {d.vcpus} vCPU{'s' if d.vcpus > 1 else ''}, symbols in {d.image}" for d in domains
    ]
    return "\n".join(
        (
            f"commands of dom0: {prefix} xl list",
            *rows,
            f"ports of the loopback that are dom0's too: {' '.join(map(str, ports))}",
            f"so, for example: {prefix} sh /lab/gdbsx.sh {domains[0].id} {ports[0]}",
            f"and then: gdb {domains[0].image} -ex 'target remote 127.0.0.1:{ports[0]}'",
        )
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
