"""Bochs as the CPU under a hypervisor: a PC with two serial lines and memory that is filled before it starts.

Bochs emulates what QEMU's TCG does not (Intel's VMX), and has nothing of a modern PC's speed. What takes long elsewhere
is left out: no BIOS, no disk, no PCI. Its serial lines are TCP servers, and it waits until both have a client.
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import trio

from tests.labs.errors import LabError
from tests.labs.packages import command, unpacked
from transports.drain import Drain
from transports.process import Process, spawn

MODEL = "corei7_haswell_4770"
PROGRAM = "usr/bin/bochs-bin"
INSTRUCTIONS_A_SECOND = 10_000_000
"""Of the guest's time, not of ours: the lower, the faster its serial lines (115,200 baud) beside its instructions."""
CONNECT_SECONDS = 30.0
ATTEMPTS = 3
"""A port that is free now can be taken when Bochs wants it."""
LOOPBACK = "127.0.0.1"

CONFIGURATION = """\
config_interface: textconfig
display_library: term
romimage: file="{rom}", address=0xffff0000
vgaromimage: file="{vga}"
optramimage1: file="{image}", address={address:#x}
memory: guest={mebibytes}, host={mebibytes}
cpu: model={model}, count=1, ips={ips}, reset_on_triple_fault=0
clock: sync=none
com1: enabled=1, mode=socket-server, dev={loopback}:{com1}
com2: enabled=1, mode=socket-server, dev={loopback}:{com2}
log: "{log}"
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
speaker: enabled=0
sound: waveoutdrv=dummy
"""
DEBUGGER_COMMANDS = "continue\n"
"""Debian builds Bochs with its debugger, which asks what to do before the first instruction."""


def fetched() -> Path:
    """The tree of packages with Bochs in it."""
    return unpacked("bochs", "bochs-term", "vgabios")


class Machine(NamedTuple):
    """``rom`` (64 KiB) ends at 4 GiB, ``image`` is loaded at ``address`` before reset; ``mebibytes`` of RAM."""

    rom: Path
    image: Path
    address: int
    mebibytes: int


class Bochs(NamedTuple):
    """One that runs. ``com1`` and ``com2`` are its serial lines."""

    process: Process
    com1: trio.SocketStream
    com2: trio.SocketStream
    log: Path

    async def exit_reason(self) -> str:
        """Why it ended, as one sentence; empty while it runs."""
        if not self.process.ended.is_set():
            return ""
        return panic(self.log) or await self.process.exit_reason() or "Bochs ended and said nothing."


@contextlib.asynccontextmanager
async def run(machine: Machine, folder: Path) -> AsyncIterator[Bochs]:
    """Bochs with ``machine`` from reset on, for the length of the block; it ends with us, however we end.

    ``folder`` is for its configuration and its log.
    """
    for attempt in range(ATTEMPTS):
        async with _started(machine, folder) as bochs:
            if bochs is not None:
                yield bochs
                return
            if attempt == ATTEMPTS - 1:
                raise LabError(
                    "Bochs could not have the ports of the loopback that it was given, three times in a row."
                )


@contextlib.asynccontextmanager
async def _started(machine: Machine, folder: Path) -> AsyncIterator[Bochs | None]:
    """None where one of the ports was taken in the meantime."""
    ports = _free_ports(2)
    log = folder / "bochs.log"
    log.unlink(missing_ok=True)
    process, screen = _spawn(machine, folder, ports)
    try:
        yield await _connected(process, log, ports)
    finally:
        await process.stop()
        await screen.aclose()


def _spawn(machine: Machine, folder: Path, ports: list[int]) -> tuple[Process, Drain]:
    root = fetched()
    configuration, commands = folder / "bochsrc", folder / "debugger"
    configuration.write_text(_configuration(machine, root, folder / "bochs.log", ports))
    commands.write_text(DEBUGGER_COMMANDS)
    plugins = root / "usr/lib/x86_64-linux-gnu/bochs/plugins"
    settings = (f"LTDL_LIBRARY_PATH={plugins}", f"BXSHARE={root / 'usr/share/bochs'}", "TERM=linux")
    words = ("-q", "-f", str(configuration), "-rc", str(commands))
    ours, theirs = pty.openpty()
    try:
        argv = ["env", *settings, *command(root, PROGRAM), *words]
        process = spawn("Bochs", argv, stdin=theirs, stdout=theirs)
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    return process, Drain(trio.lowlevel.FdStream(ours), limit=1 << 16)


def _configuration(machine: Machine, root: Path, log: Path, ports: list[int]) -> str:
    return CONFIGURATION.format(
        rom=machine.rom,
        vga=root / "usr/share/bochs/VGABIOS-lgpl-latest",
        image=machine.image,
        address=machine.address,
        mebibytes=machine.mebibytes,
        model=MODEL,
        ips=INSTRUCTIONS_A_SECOND,
        loopback=LOOPBACK,
        com1=ports[0],
        com2=ports[1],
        log=log,
    )


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in taken:
            one.bind((LOOPBACK, 0))
        return [one.getsockname()[1] for one in taken]


async def _connected(process: Process, log: Path, ports: list[int]) -> Bochs | None:
    """Be the client that Bochs waits for, on one line after the other."""
    with trio.move_on_after(CONNECT_SECONDS):
        lines = [await _connect(process, port) for port in ports]
        if None not in lines:
            com1, com2 = (line for line in lines if line is not None)
            return Bochs(process, com1, com2, log)
        if "bind()" in panic(log):
            return None
        raise LabError(f"Bochs did not start: {panic(log) or await process.exit_reason() or 'it said nothing.'}")
    raise LabError(f"Bochs did not open its serial lines within {CONNECT_SECONDS:g} seconds.")


async def _connect(process: Process, port: int) -> trio.SocketStream | None:
    """None where Bochs ends first."""
    while not process.ended.is_set():
        with contextlib.suppress(ConnectionRefusedError):
            sock = trio.socket.socket()
            await sock.connect((LOOPBACK, port))
            return trio.SocketStream(sock)
        sock.close()
        await trio.sleep(0.05)
    return None


def panic(log: Path) -> str:
    """The sentence with which Bochs gave up, where it did."""
    text = log.read_text(errors="replace") if log.exists() else ""
    found = re.search(r">>PANIC<< (.+)", text)
    return f"Bochs gave up: {found[1].strip()}" if found else ""
