"""A QEMU of our own: started paused, talked to over sockets that nobody else can reach, ended with us.

The sockets are pairs whose other ends QEMU inherits (``-chardev socket,fd=N``, since QEMU 2.12): nothing on
disk, no port, nothing to wait for or to clean up. QMP is used once, to know that QEMU is ready and which
version it is: its greeting names the version, and any command is answered (here refused, as we leave QMP in
negotiation) only by the main loop, after all arguments were accepted. It is closed then, as unread events
would pile up in QEMU.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import trio

from transports import record_replay
from transports.child import ProgramStream
from transports.drain import Drain
from transports.endpoint import Endpoint
from transports.errors import CannotOpen
from transports.plugin_build import plugin_for
from transports.process import Process, first_complaint, spawn
from transports.sockets import shortcut

QEMU = "qemu-system-x86_64"
KVM = "/dev/kvm"
Accelerator = Literal["tcg", "kvm"]

GREETING_LIMIT = 1 << 16
SECTOR = 512


@dataclass(frozen=True, slots=True)
class LaunchedQemu:
    """`console` is what the guest writes to COM1 and to port 0xE9; it is read all the time, so the guest
    never blocks on it, and keeps the newest MiB. ``process.messages`` is what QEMU itself says. ``version``
    is as "7.2.22".
    """

    endpoint: Endpoint
    process: Process
    console: Drain
    argv: tuple[str, ...]
    version: str


@contextlib.asynccontextmanager
async def launch_qemu(
    image: str | Path,
    *,
    accel: Accelerator = "tcg",
    smp: int = 1,
    memory: str | None = None,
    cpu: str | None = None,
    qemu: str | None = None,
    replay: str | Path | None = None,
    plugin: bool = False,
    extra: Sequence[str] = (),
    seconds: float = 30.0,
) -> AsyncIterator[LaunchedQemu]:
    """QEMU with ``image``, paused before its first instruction, for the length of the block. Raises
    `CannotOpen`.

    ``memory`` is in QEMU's notation ("256M"); None leaves QEMU's default. ``qemu`` is a path or a name on
    PATH. ``replay`` is a file in which a run is, to be had again, or into which this one is written.
    ``plugin``: with dr6's own plugin, which tells of every instruction once it is asked to. ``extra`` comes last
    on the command line and wins over what is set here. ``seconds`` bounds the start.
    """
    program = _find(qemu)
    _check_machine(image, accel)
    settings = _settings(accel, smp, memory, cpu, extra)
    if plugin:
        settings += await _plugin(program, accel)
    if replay is not None:
        settings += record_replay.arguments(replay, accel, smp, _options(extra))
    with contextlib.ExitStack() as ours:
        with contextlib.ExitStack() as theirs:
            gdb, gdb_fd = _pair(ours, theirs)
            console, console_fd = _pair(ours, theirs)
            qmp, qmp_fd = _pair(ours, theirs)
            wires = _wires(gdb_fd, console_fd, qmp_fd, extra)
            argv = (program, *settings, *wires, *boot_arguments(image), *extra)
            process = spawn("QEMU", argv, pass_fds=(gdb_fd, console_fd, qmp_fd))
        output = Drain(_stream(console))
        stub = _stream(gdb)
        endpoint = Endpoint(
            ProgramStream(process, stub),
            f"launch:{image}",
            exit_reason=process.exit_reason,
            shortcut=shortcut(stub),
        )
        try:
            version = await _ready(process, qmp, seconds)
            yield LaunchedQemu(endpoint, process, output, argv, version)
        finally:
            await process.stop()
            await output.aclose()
            await endpoint.close()


def _pair(ours: contextlib.ExitStack, theirs: contextlib.ExitStack) -> tuple[socket.socket, int]:
    one, other = socket.socketpair()
    ours.enter_context(one)
    return one, theirs.enter_context(other).fileno()


def _stream(sock: socket.socket) -> trio.SocketStream:
    return trio.SocketStream(trio.socket.from_stdlib_socket(sock))


def _find(qemu: str | None) -> str:
    if found := shutil.which(qemu or QEMU):
        return found
    if qemu:
        raise CannotOpen(f"There is no program {qemu!r} to run as QEMU; check the path after --qemu.")
    raise CannotOpen(
        f"QEMU is not installed: no {QEMU} on PATH; install it (Debian: qemu-system-x86) or use --qemu PATH."
    )


async def _plugin(program: str, accel: Accelerator) -> tuple[str, str]:
    if accel != "tcg":
        raise CannotOpen("dr6's plugin sees what QEMU's TCG runs; leave out --plugin, or use --accel tcg.")
    path = str(await trio.to_thread.run_sync(plugin_for, program))
    return "-plugin", path.replace(",", ",,")


def _check_machine(image: str | Path, accel: Accelerator) -> None:
    """Say what QEMU would say in several lines, or in none."""
    if not Path(image).is_file():
        raise CannotOpen(f"There is no guest image {str(image)!r}.")
    if not os.access(image, os.R_OK):
        raise CannotOpen(f"You may not read the guest image {str(image)!r}.")
    if accel == "kvm" and not os.path.exists(KVM):
        raise CannotOpen(f"There is no {KVM} here: load the kvm module, or use --accel tcg.")
    if accel == "kvm" and not os.access(KVM, os.R_OK | os.W_OK):
        raise CannotOpen(f"You may not use {KVM}: join the group that owns it (kvm), or use --accel tcg.")


OURS = ("-gdb", "-s", "-daemonize")
"""Options that would take the stub, or QEMU itself, away from us."""


def _settings(accel: Accelerator, smp: int, memory: str | None, cpu: str | None, extra: Sequence[str]) -> list[str]:
    given = _options(extra)
    if taken := given.intersection(OURS):
        raise CannotOpen(f"dr6 keeps QEMU's stub to itself; leave out {' and '.join(sorted(taken))}.")
    settings = [
        "-S",
        "-no-reboot",
        "-display",
        "none",
        "-monitor",
        "none",
        "-parallel",
        "none",
        "-nic",
        "none",
    ]
    if not (given & {"-accel", "-enable-kvm"} or any("accel=" in word for word in extra)):
        settings += ["-accel", accel]  # several of them would be alternatives, and ours the first
    settings += ["-smp", str(smp)]
    if memory is not None:
        settings += ["-m", memory]
    if cpu is not None:
        settings += ["-cpu", cpu]
    return settings


def _wires(gdb: int, console: int, qmp: int, extra: Sequence[str]) -> list[str]:
    wires = ["-chardev", f"socket,id=dr6-gdb,fd={gdb}", "-gdb", "chardev:dr6-gdb"]
    wires += ["-chardev", f"socket,id=dr6-qmp,fd={qmp}", "-mon", "chardev=dr6-qmp,mode=control"]
    wires += ["-chardev", f"socket,id=dr6-console,fd={console},mux=on"]
    wires += ["-device", "isa-debugcon,iobase=0xe9,chardev=dr6-console"]
    if "-serial" not in _options(extra):  # the first one is COM1, and the user's shall be that
        wires += ["-serial", "chardev:dr6-console"]
    return wires


def _options(words: Iterable[str]) -> set[str]:
    """The options among ``words``, with one dash: QEMU takes two as well."""
    return {"-" + word.lstrip("-") for word in words if word.startswith("-")}


def boot_arguments(image: str | Path) -> list[str]:
    """How QEMU is to boot ``image``: a CD (by its name), a disk (by its boot signature), else a kernel.

    What the guest writes to a disk is dropped at the end (``snapshot=on``), so that every run starts the
    same.
    """
    path = str(image)
    if path.lower().endswith(".iso"):
        return ["-boot", "d", "-cdrom", path]
    if is_boot_disk(Path(image)):
        return ["-drive", f"file={path.replace(',', ',,')},format=raw,if=ide,snapshot=on"]
    return ["-kernel", path]


def is_boot_disk(image: Path) -> bool:
    """Whole sectors, the first of them with the signature 55 AA at its end, and no bzImage (which has it
    too).
    """
    with open(os.open(image, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
        sector = file.read(SECTOR + 6)
    whole = image.stat().st_size % SECTOR == 0
    return whole and sector[510:512] == b"\x55\xaa" and sector[514:518] != b"HdrS"


async def _ready(process: Process, sock: socket.socket, seconds: float) -> str:
    """Wait until QEMU's main loop runs; its version."""
    qmp = _stream(sock)
    answer: str | None = None
    try:
        with trio.move_on_after(seconds):
            answer = await _ask(qmp)
            if answer is None:
                raise CannotOpen(await _refusal(process))
    finally:
        await trio.aclose_forcefully(qmp)
    if answer is None:
        raise CannotOpen(f"QEMU was started but was not ready after {seconds:g} s; is it QEMU that --qemu names?")
    return answer


async def _ask(qmp: trio.SocketStream) -> str | None:
    """The version, once the main loop has answered; None when QEMU ended instead."""
    received = b""
    try:
        await qmp.send_all(b'{"execute": "query-version"}\n')
        while received.count(b"\n") < 2 and len(received) < GREETING_LIMIT:
            if not (data := await qmp.receive_some()):
                return None
            received += data
    except trio.BrokenResourceError:
        return None
    return _version(received.partition(b"\n")[0])


def _version(greeting: bytes) -> str:
    try:
        number = json.loads(greeting)["QMP"]["version"]["qemu"]
        return f"{number['major']}.{number['minor']}.{number['micro']}"
    except (ValueError, KeyError, TypeError):
        return "unknown"


async def _refusal(process: Process) -> str:
    words = await process.exit_reason()
    complaint = first_complaint(process.messages.head)
    if complaint:
        return f"QEMU did not start: {complaint}"
    return words or "QEMU ended at once and said nothing; is it QEMU that --qemu names?"
