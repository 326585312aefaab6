"""A remote protocol client without a line of dr6 in it: one request at a time over a blocking socket.

What it reads of a QEMU is the truth that other clients are compared with.
"""

from __future__ import annotations

import re
import socket
import struct
from pathlib import Path
from typing import NamedTuple

SECONDS = 60.0
STEP_1 = b"vCont;s:p1.1"
_G = struct.Struct("<17Q7I9Q")
NAMES = (
    *("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp"),
    *("r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"),
    *("rip", "rflags", "cs", "ss", "ds", "es", "fs", "gs"),
    *("fs_base", "gs_base", "k_gs_base", "cr0", "cr2", "cr3", "cr4", "cr8", "efer"),
)
"""The first registers of QEMU's ``g``, in its order: gdb-xml/i386-64bit.xml."""


class Row(NamedTuple):
    """One stop: the linear RIP, all registers, DR0-3, DR6 and DR7 as the monitor prints them."""

    pc: int
    registers: dict[str, int]
    debug: dict[str, int]


class Naive:
    """A client on the unix socket ``path``; closing it leaves QEMU's guest as it is."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(SECONDS)
        self.socket.connect(str(path))
        self._pending = b""

    def __enter__(self) -> Naive:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, payload: bytes) -> None:
        self.socket.sendall(b"$%b#%02x" % (payload, sum(payload) & 0xFF))

    def interrupt(self) -> None:
        self.socket.sendall(b"\x03")

    def answer(self) -> bytes:
        """The next packet's payload; it is acknowledged."""
        while (found := re.search(rb"\$([^#]*)#..", self._pending)) is None:
            data = self.socket.recv(65536)
            assert data, "QEMU closed the connection"
            self._pending += data
        self._pending = self._pending[found.end() :]
        self.socket.sendall(b"+")
        return found.group(1)

    def ask(self, payload: bytes) -> bytes:
        self.send(payload)
        return self.answer()

    def greet(self) -> None:
        """As far as QEMU needs it for thread ids with a process; a previous client's stop reply may come first."""
        self.send(b"qSupported:multiprocess+")
        while not self.answer().startswith(b"PacketSize"):
            pass

    def monitor(self, command: str) -> str:
        self.send(b"qRcmd," + command.encode().hex().encode())
        text = b""
        while (part := self.answer()) != b"OK":
            text += bytes.fromhex(part[1:].decode())
        return text.decode().replace("\r\n", "\n")

    def memory(self, address: int, length: int) -> bytes:
        return bytes.fromhex(self.ask(b"m%x,%x" % (address, length)).decode())

    def run_to(self, address: int) -> None:
        for request in (b"Z1,%x,1" % address, b"vCont;c", b"z1,%x,1" % address):
            answer = self.ask(request)
            assert answer == b"OK" or answer.startswith(b"T05"), f"QEMU answered {answer!r} to {request!r}"

    def row(self, cpu: int = 0) -> Row:
        if cpu:
            assert self.ask(b"Hgp1.%x" % (cpu + 1)) == b"OK"
        values = _G.unpack_from(bytes.fromhex(self.ask(b"g").decode()))
        registers = dict(zip(NAMES, values, strict=True))
        text = self.monitor(f"info registers {cpu}" if cpu else "info registers")
        debug = {name.lower(): int(value, 16) for name, value in re.findall(r"\b(DR[0-367])=([0-9a-f]+)", text)}
        segment = re.search(r"^CS =[0-9a-f]{4} ([0-9a-f]+) [0-9a-f]+ ([0-9a-f]+)", text, re.MULTILINE)
        assert segment is not None
        is_64 = int(segment[2], 16) >> 21 & 1 and registers["efer"] >> 10 & 1
        base = 0 if is_64 else int(segment[1], 16)
        return Row(base + registers["rip"], registers, debug)
