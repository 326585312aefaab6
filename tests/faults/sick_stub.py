"""A stub with one sickness, as a program: ``python -m tests.faults.sick_stub NAME FD`` serves on a listening socket.

It is QEMU's stub as `tests.fakes.stub` plays it, with one answer replaced. Its monitor has what QEMU's has.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import trio

from gdbstub.protocol import Break, frame
from gdbstub.protocol.states import State
from tests.fakes.stub import CODE
from tests.fuzz.hostile import Lenient

EVIL = "\x1b]52;c;ZXZpbA==\x07\x1b[2J\x9b31m\r\x00\u202e\x7fevil"
"""What a terminal would obey."""
EVIL_BYTES = EVIL.encode()
MONITOR = Path(__file__).parents[1] / "gdbstub" / "backends" / "qemu" / "golden"

Hook = Callable[["SickStub", bytes], "bytes | None"]
"""What is sent instead of an answer, as it is; None for silence."""


def packet(payload: bytes) -> Hook:
    return lambda stub, request: frame(payload)


def silence(stub: SickStub, request: bytes) -> None:
    """No answer at all."""


def cut(stub: SickStub, request: bytes) -> bytes:
    """Half of the right answer, as a whole packet."""
    answer = stub._answer(request)
    return frame(answer[: len(answer) // 2])


def unavailable(stub: SickStub, request: bytes) -> bytes:
    return frame(b"x" * len(stub._answer(request)))


def one_at_a_time(stub: SickStub, request: bytes) -> bytes:
    start = int(request.split(b":")[-1].split(b",")[0], 16)
    return frame(b"m" + stub.description[start : start + 1])


def said(text: str) -> Hook:
    """Output of the monitor."""
    return lambda stub, request: b"".join(frame(b"O" + part.hex().encode()) for part in _parts(text)) + frame(b"OK")


def _parts(text: str) -> list[bytes]:
    data = text.encode()
    return [data[at : at + 500] for at in range(0, len(data), 500)]


def described(old: bytes, new: bytes) -> Hook:
    def hook(stub: SickStub, request: bytes) -> bytes:
        stub.description = stub.description.replace(old, new)
        return frame(stub._answer(request))

    return hook


@dataclass
class Sickness:
    """Which requests (by their beginning), what is sent instead, and how many of them are answered rightly before."""

    prefix: bytes
    hook: Hook
    after: int = 0


XML = b"qXfer:features:read:target.xml"
RCMD = b"qRcmd,"
SICKNESSES: dict[str, Sickness] = {
    "none": Sickness(b"\xff", silence),
    "g-cut": Sickness(b"g", cut),
    "g-cut-later": Sickness(b"g", cut, 3),
    "g-unavailable": Sickness(b"g", unavailable),
    "g-unavailable-later": Sickness(b"g", unavailable, 3),
    "g-no-hex": Sickness(b"g", packet(b"hello")),
    "g-error": Sickness(b"g", packet(b"E01"), 2),
    "g-silent-later": Sickness(b"g", silence, 4),
    "g-is-a-stop": Sickness(b"g", packet(b"T05thread:p01.01;"), 2),
    "why-W": Sickness(b"?", packet(b"W00")),
    "why-X": Sickness(b"?", packet(b"X0b;process:1")),
    "why-N": Sickness(b"?", packet(b"N")),
    "why-F": Sickness(b"?", packet(b"Fread,0,1000,4")),
    "why-O": Sickness(b"?", packet(b"O6869")),
    "why-evil": Sickness(b"?", packet(b"T05" + EVIL_BYTES + b":1;")),
    "xml-rip-512": Sickness(XML, described(b'name="rip" bitsize="64"', b'name="rip" bitsize="512"')),
    "xml-evil": Sickness(XML, described(b'name="k_gs_base"', b'name="k\xc2\x9b2J\xe2\x80\xae"')),
    "xml-no-rbp": Sickness(XML, described(b'name="rbp"', b'name="zzz"')),
    "xml-no-rsp-rflags": Sickness(XML, described(b'name="rsp"', b'name="yyy"')),
    "xml-is-none": Sickness(XML, packet(b"l<target>" + EVIL_BYTES)),
    "xml-refused": Sickness(XML, packet(b"E." + EVIL_BYTES)),
    "supported-evil": Sickness(b"qSupported", packet(b"PacketSize=" + EVIL_BYTES + b";" + EVIL_BYTES + b"+")),
    "actions-evil": Sickness(b"vCont?", packet(b"vCont;c;C;s;S;" + EVIL_BYTES)),
    "threads-evil": Sickness(b"qfThreadInfo", packet(b"m" + EVIL_BYTES)),
    "memory-error-evil": Sickness(b"m", packet(b"E." + EVIL_BYTES)),
    "points-error-evil": Sickness(b"Z", packet(b"E." + EVIL_BYTES)),
    "step-error-evil": Sickness(b"vCont;s", packet(b"E." + EVIL_BYTES)),
    "step-stop-evil": Sickness(b"vCont;s", packet(b"T05" + EVIL_BYTES + b":" + EVIL_BYTES + b";thread:p01.01;")),
    "step-W-evil": Sickness(b"vCont;s", packet(b"W00;" + EVIL_BYTES), 1),
    "continue-N": Sickness(b"vCont;c", packet(b"N")),
    "monitor-evil": Sickness(RCMD, said(EVIL * 3)),
    "monitor-error-evil": Sickness(RCMD, packet(b"E." + EVIL_BYTES)),
    "monitor-digits": Sickness(RCMD, said("1" * 32_000)),
    "monitor-registers": Sickness(RCMD, said("RIP=0000000000000000 RFL=00000002 [-------] CPL=0 II=0 A20=1 " * 500)),
    "monitor-later": Sickness(RCMD, said(EVIL), 4),
}
SLOW: dict[str, Sickness] = {
    "xml-byte-by-byte": Sickness(XML, one_at_a_time),
    "step-silent": Sickness(b"vCont;s", silence, 2),
    "continue-silent": Sickness(b"vCont;c", silence),
    "memory-silent": Sickness(b"m", silence),
    "points-silent": Sickness(b"Z", silence),
    "detach-silent": Sickness(b"D", silence),
}
"""These make dr6 wait for what does not come: ``make lab-faults`` alone."""
DEAF = ("step-silent", "continue-silent")
"""Where 0x03 is not heard, either."""


class SickStub(Lenient):
    """A whole stub with one sickness, or more."""

    def __init__(self, *sicknesses: Sickness, deaf: bool = False) -> None:
        super().__init__()
        self.most = 40  # what does not stop by then runs on
        self._sick = [replace(sickness) for sickness in sicknesses]
        self._deaf = deaf
        golden = {"info kvm": "kvm", "info version": "version", "info registers": "registers-64"}
        golden |= {"info hotpluggable-cpus": "cpus"}
        self.monitor = {command: (MONITOR / f"{name}.txt").read_text() for command, name in golden.items()}
        self.monitor["qom-get /machine/unattached/device[0] vendor"] = '"AuthenticAMD"'
        self.place(CODE + 16, b"\x90" * 64)

    def _request(self, payload: bytes) -> None:
        hook = self._due(payload)
        if hook is None:
            super()._request(payload)
            return
        answer = hook(self, payload)
        if self.link._pending:
            self.link._pending.popleft()
        resumes = payload.startswith((b"vCont;s", b"vCont;c"))
        self.running = answer is None and resumes
        if resumes and not self.running:
            self.link._state = State.STOPPED
        if answer is not None:
            self.link._out.append(answer)

    def _due(self, payload: bytes) -> Hook | None:
        for row in self._sick:
            if payload.startswith(row.prefix):
                if row.after <= 0:
                    return row.hook
                row.after -= 1
        return None

    async def serve(self, send: trio.abc.SendStream, receive: trio.abc.ReceiveStream) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await super().serve(send, receive)

    def _take(self, event: object) -> None:
        if not (self._deaf and isinstance(event, Break)):
            super()._take(event)


async def serve(name: str, listener: socket.socket) -> None:
    sick = SickStub((SICKNESSES | SLOW)[name], deaf=name in DEAF)
    listening = trio.SocketListener(trio.socket.from_stdlib_socket(listener))
    stream = await listening.accept()
    await sick.serve(stream, stream)


if __name__ == "__main__":
    trio.run(serve, sys.argv[1], socket.socket(fileno=int(sys.argv[2])))
