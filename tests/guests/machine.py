"""A guest under real QEMU, run to its end: its console, its exit status, and its memory at the end."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import NamedTuple

import trio

QEMU = ("qemu-system-x86_64", "-accel", "tcg", "-display", "none", "-nodefaults", "-no-reboot")


class Ran(NamedTuple):
    console: str
    status: int


async def run_to_end(image: Path, *arguments: str) -> Ran:
    """Boot ``image`` with COM1 on stdout and wait until QEMU exits."""
    command = [*QEMU, *arguments, "-serial", "stdio", "-kernel", str(image)]
    done = await trio.run_process(command, stdin=b"", capture_stdout=True, check=False)
    return Ran(done.stdout.decode("ascii"), done.returncode)


class Qmp:
    """The QMP connection of a QEMU that was told to connect to us; lines of JSON."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._pending = b""

    async def read(self) -> dict[str, object]:
        while b"\n" not in self._pending:
            data = await self._stream.receive_some()
            assert data, "QEMU closed QMP"
            self._pending += data
        line, _, self._pending = self._pending.partition(b"\n")
        message: dict[str, object] = json.loads(line)
        return message

    async def wait_event(self, name: str) -> None:
        while (await self.read()).get("event") != name:
            pass

    async def run(self, command: str, **arguments: object) -> object:
        await self._stream.send_all(json.dumps({"execute": command, "arguments": arguments}).encode())
        while True:
            message = await self.read()
            assert "error" not in message, message
            if "return" in message:
                return message["return"]


async def memory_at_end(image: Path, address: int, size: int, directory: Path) -> bytes:
    """Physical memory when the guest has shut itself down. ``directory`` holds the socket and the dump."""
    listener = trio.socket.socket(trio.socket.AF_UNIX)
    await listener.bind(str(directory / "qmp"))
    listener.listen()
    command = [*QEMU, "-serial", "null", "-S", "-action", "shutdown=pause", "-kernel", str(image)]
    command += ["-qmp", f"unix:{directory / 'qmp'}"]
    async with trio.open_nursery() as nursery:
        process = await nursery.start(trio.run_process, command)
        assert isinstance(process, trio.Process)
        connection, _ = await listener.accept()
        listener.close()
        async with trio.SocketStream(connection) as stream:
            qmp = Qmp(stream)
            await qmp.read()
            await qmp.run("qmp_capabilities")
            await stream.send_all(b'{"execute": "cont"}')
            await qmp.wait_event("SHUTDOWN")
            await qmp.run("pmemsave", val=address, size=size, filename=str(directory / "memory"))
            await qmp.run("quit")
    return (directory / "memory").read_bytes()


async def gdb(image: Path, *commands: str, qemu: str = "") -> list[str]:
    """The lines starting with "= " that gdb prints for ``commands``, on a QEMU that it starts paused at reset
    (with the arguments ``qemu`` too) and kills at the end."""
    start = f"target remote | exec {' '.join(QEMU)} -S -gdb stdio {qemu} -kernel {shlex.quote(str(image))}"
    arguments = ["gdb", "-nx", "-batch", "-ex", "set pagination off", "-ex", "set confirm off"]
    for command in (f'file "{image}"', start, *commands, "kill"):
        arguments += ["-ex", command]
    done = await trio.run_process(arguments, stdin=b"", capture_stdout=True, capture_stderr=True, check=False)
    return [line for line in done.stdout.decode().splitlines() if line.startswith("= ")]


def qemu_version() -> str:
    """As QEMU says it: "7.2.22"."""
    text = subprocess.run([QEMU[0], "--version"], capture_output=True, text=True, check=True).stdout
    return text.split("version ", 1)[1].split(maxsplit=1)[0]
