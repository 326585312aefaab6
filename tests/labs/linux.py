"""A Linux in a QEMU of its own, with a shell on a socket: the host of the guests that a lab debugs."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import trio

from tests.guests.machine import Qmp
from tests.labs.errors import LabError
from tests.labs.initrd import Content, busybox, modules, newc
from tests.labs.packages import Kernel
from tests.labs.qemu import Qemu
from tests.labs.shell import FAILED, Shell, printable
from transports.process import Process, spawn

INIT = Path(__file__).with_name("linux-init.sh")
COMMAND_LINE = "console=ttyS0 quiet nokaslr mitigations=off panic=-1 rdinit=/init"
ADDRESS = "10.0.2.15"
BOOT_SECONDS = 120.0


def root_filesystem(kernel: Kernel, packages: Path, wanted: Sequence[str], files: Mapping[str, Content]) -> bytes:
    """An initrd with `INIT`, busybox of the tree ``packages``, the modules ``wanted`` and what they need, ``files``."""
    names = kernel.in_order(*wanted)
    listed: dict[str, Content] = {"init": INIT, "modules": "".join(f"{name}\n" for name in names).encode()}
    mounts: dict[str, Content] = {f"{folder}/.keep": b"" for folder in ("proc", "sys", "dev", "tmp")}
    return newc({**listed, **mounts, **busybox(packages), **modules(kernel, *names), **files})


class Linux(Shell):
    """One that runs. ``log`` is what its kernel says on its console."""

    def __init__(self, process: Process, control: trio.abc.Stream, qmp: Qmp, log: Path) -> None:
        super().__init__(control.receive_some, control.send_all, process.exit_reason)
        self._qmp = qmp
        self._log = log

    async def wait_ready(self, seconds: float = BOOT_SECONDS) -> None:
        await super().wait_ready(seconds)
        if FAILED in self.log:
            raise LabError(f"The lab's Linux could not load a module: {self.said()}")

    async def forwarded(self, port: int) -> int:
        """The port of this machine's loopback that leads to ``port`` of the Linux."""
        text = str(await self._qmp.run("human-monitor-command", **{"command-line": "info usernet"}))
        found = re.search(rf"HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+{re.escape(ADDRESS)}\s+{port}\b", text)
        if found is None:
            raise LabError(f"QEMU does not forward port {port} of the lab's Linux: {printable(text)}")
        return int(found[1])

    async def forward(self, port: int) -> bool:
        """Let ``port`` of the loopback lead to the same port of the Linux; False where it is taken."""
        said = await self._qmp.run(
            "human-monitor-command", **{"command-line": f"hostfwd_add net tcp:127.0.0.1:{port}-{ADDRESS}:{port}"}
        )
        return not said

    async def unforward(self, port: int) -> None:
        await self._qmp.run("human-monitor-command", **{"command-line": f"hostfwd_remove net tcp:127.0.0.1:{port}"})

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def said(self) -> str:
        lines = [line.strip() for line in self.log.splitlines() if line.strip()]
        return printable(lines[-1])[:300] if lines else "nothing"


def direct(kernel: Kernel, initrd: Path) -> tuple[str, ...]:
    """What `boot` starts: ``kernel`` with ``initrd``, and nothing below it."""
    return "-kernel", str(kernel.image), "-initrd", str(initrd), "-append", COMMAND_LINE


@contextlib.asynccontextmanager
async def boot(
    qemu: Qemu, software: Sequence[str], folder: Path, ports: Sequence[int], *arguments: str
) -> AsyncIterator[Linux]:
    """A Linux up and ready for the length of the block; it ends with us, however we end.

    ``software`` is QEMU's arguments for what it starts with, ``arguments`` those for the machine.

    ``ports`` of it are reached through free ports of the loopback; it reaches nothing outside. ``folder`` is for its
    log.
    """
    log = folder / "linux.log"
    forwards = "".join(f",hostfwd=tcp:127.0.0.1:0-{ADDRESS}:{port}" for port in ports)
    network = ("-netdev", f"user,id=net,restrict=on{forwards}", "-device", "virtio-net-pci,netdev=net,romfile=")
    bare = ("-display", "none", "-vga", "none", "-nodefaults", "-no-reboot")
    with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
        control, control_fd = _pair(ours, theirs)
        qmp, qmp_fd = _pair(ours, theirs)
        wires = ("-serial", f"file:{log}", "-chardev", f"socket,id=ctl,fd={control_fd}", "-serial", "chardev:ctl")
        monitor = ("-chardev", f"socket,id=qmp,fd={qmp_fd}", "-mon", "chardev=qmp,mode=control")
        argv = qemu.argv(*arguments, *bare, *software, *network, *wires, *monitor)
        process = spawn("the QEMU around the lab's Linux", argv, pass_fds=(control_fd, qmp_fd))
        theirs.close()
        try:
            speaker = Qmp(_stream(qmp))
            await speaker.read()
            await speaker.run("qmp_capabilities")
            running = Linux(process, _stream(control), speaker, log)
            await running.wait_ready()
            yield running
        except AssertionError as error:  # QMP is closed: QEMU did not take its arguments
            raise LabError(await process.exit_reason() or str(error)) from error
        finally:
            await process.stop()


def _pair(ours: contextlib.ExitStack, theirs: contextlib.ExitStack) -> tuple[socket.socket, int]:
    one, other = socket.socketpair()
    ours.enter_context(one)
    return one, theirs.enter_context(other).fileno()


def _stream(sock: socket.socket) -> trio.SocketStream:
    return trio.SocketStream(trio.socket.from_stdlib_socket(sock))
