"""Domains of the lab's Xen that run our own guests, and the gdbsx that debugs one."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal, NamedTuple

from tests.guests.build import build
from tests.labs.initrd import Content
from tests.labs.xen.dom0 import Dom0

Kind = Literal["pv", "pvh"]
KINDS: tuple[Kind, ...] = ("pv", "pvh")
MEBIBYTES = 16


class Domain(NamedTuple):
    """One that exists, under ``id``. ``image`` is its kernel on this machine: an ELF with symbols."""

    id: int
    kind: Kind
    vcpus: int
    image: Path


def image(kind: Kind) -> Path:
    """The guest for domains of this kind; `xen_program.inc` of tests/guests says what it does."""
    return build("xen_pv") if kind == "pv" else build("xen_pvh")


def guest_files() -> dict[str, Content]:
    """What dom0 needs of them."""
    own: dict[str, Content] = {_kernel(kind): image(kind) for kind in KINDS}
    return {**own, "lab/gdbsx.sh": Path(__file__).with_name("gdbsx.sh")}


def _kernel(kind: Kind) -> str:
    return f"lab/{kind}.elf"


async def create(dom0: Dom0, kind: Kind, vcpus: int = 1, events: str = "", name: str = "") -> Domain:
    """A new domain, paused before its first instruction.

    ``events`` are the masks of the guest's command line, as "1f" or "0,1"; it keeps running whatever it does.
    """
    name = name or f"{kind}{vcpus}"
    settings = {"name": name, "type": kind, "kernel": f"/{_kernel(kind)}", "extra": events}
    settings |= {f"on_{end}": "preserve" for end in ("crash", "poweroff", "reboot", "watchdog")}
    words = [f'{key}="{value}"' for key, value in settings.items()]
    await dom0.run("xl", "create", "-p", "/dev/null", *words, f"vcpus={vcpus}", f"memory={MEBIBYTES}")
    return Domain(int(await dom0.run("xl", "domid", name)), kind, vcpus, image(kind))


@contextlib.asynccontextmanager
async def domain(dom0: Dom0, kind: Kind, vcpus: int = 1, events: str = "") -> AsyncIterator[Domain]:
    """`create`, for the length of the block."""
    made = await create(dom0, kind, vcpus, events)
    try:
        yield made
    finally:
        await dom0.run("xl", "destroy", str(made.id))


@contextlib.asynccontextmanager
async def gdbsx(dom0: Dom0, domain: Domain) -> AsyncIterator[str]:
    """gdbsx for ``domain``, for the length of the block: its TARGET. It serves one client, and ends with it."""
    port = await dom0.open_port()
    try:
        pid = (await dom0.run("sh", "/lab/gdbsx.sh", str(domain.id), str(port))).strip()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            await dom0.run("sh", "-c", f"kill {pid} 2>/dev/null || true")
    finally:
        await dom0.close_port(port)
