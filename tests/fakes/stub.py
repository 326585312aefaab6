"""A stub without a guest: sixteen registers, a few pages, breakpoints, and five instructions; it speaks as QEMU does.

It speaks through the server's side of `gdbstub.protocol.Link`. What it does is checked against a real QEMU in
tests/gdbstub/debugger/test_stories.py: where the two differ, this one is wrong.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import trio
from trio.testing import MemoryReceiveStream, MemorySendStream, memory_stream_pair

from gdbstub.protocol import (
    BadFrame,
    Break,
    BreakReason,
    Feature,
    Link,
    Register,
    RegisterLayout,
    Request,
    Role,
    Stopped,
    StopReason,
    ThreadId,
    Watch,
    WatchKind,
    decode_register,
    encode_hex,
    encode_register,
    format_description,
    format_stop,
    make_layout,
    parse_stop,
)

CODE, DATA, PAGE = 0x1000, 0x4000, 0x1000
CORE = "org.gnu.gdb.i386.core"
GENERAL = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", *(f"r{n}" for n in range(8, 16)), "rip")
NARROW = ("eflags", "cs", "ss", "ds", "es", "fs", "gs")
CONTROL = ("fs_base", "gs_base", "k_gs_base", "cr0", "cr2", "cr3", "cr4", "cr8", "efer")
LOOP = bytes.fromhex("9090 48ff07 ebf9")
"""nop; nop; inc qword [rdi]; jmp to the first."""
QEMU_OFFER = b"PacketSize=1000;qXfer:features:read+;vContSupported+;multiprocess+"
_WATCHES: dict[int, WatchKind] = {2: "write", 3: "read", 4: "access"}
MOST = 10_000


def layout() -> RegisterLayout:
    """QEMU's registers for x86-64 without x87 and SSE."""
    names = [(name, 64) for name in GENERAL] + [(name, 32) for name in NARROW] + [(name, 64) for name in CONTROL]
    registers = [Register(name, bits, n, 0, f"int{bits}", None, CORE) for n, (name, bits) in enumerate(names)]
    return make_layout(registers, (Feature(CORE),), "i386:x86-64")


class FakeStub:
    """A stopped vCPU with `LOOP` at CODE and RDI at DATA. The attributes are the test's to change.

    ``patches``: software breakpoints are int3s in memory, and stepping from a breakpoint reports it again (KVM);
    otherwise neither (TCG). A continue from one reports it again in any case. ``reasons``: a breakpoint that was hit is
    said to be one (``swbreak``, ``hwbreak``). ``stops`` holds stop replies that are
    sent instead of running. ``mute`` and ``answers`` replace the answers to single requests: by silence, by these
    bytes. ``idle`` is how many of the next steps are reported without running anything (TCG); ``most`` is after how
    many instructions without a stop the guest counts as one that runs for ever.
    """

    def __init__(
        self, *, xml: bool = True, patches: bool = False, slots: int | None = None, reasons: bool = False
    ) -> None:
        self.layout = layout()
        self.reasons = reasons
        values = dict.fromkeys((*GENERAL, *NARROW, *CONTROL), 0)
        self.registers = values | {"rip": CODE, "rdi": DATA, "rsp": DATA + 0x800, "eflags": 2, "cs": 8}
        self.registers |= {"cr0": 0x8000_0011, "efer": 0x500}
        self.pages: dict[int, bytearray] = {}
        self.place(CODE, LOOP)
        self.place(DATA, bytes(PAGE))
        self.points: list[tuple[int, int, int]] = []
        self.patches = patches
        self.slots = slots
        self.xml = xml
        self.description = format_description(self.layout)
        self.stops: deque[bytes] = deque()
        self.mute: set[bytes] = set()
        self.answers: dict[bytes, bytes] = {}
        self.monitor: dict[str, str] = {}
        self.log: list[bytes] = []
        self.running = False
        self.most = MOST
        self.idle = 0
        self.link = Link(Role.SERVER)
        self.send: trio.abc.SendStream | None = None
        self._patched: dict[int, int] = {}

    # -- the guest ------------------------------------------------------------------------------------------

    def place(self, address: int, data: bytes) -> None:
        """Put ``data`` into memory, mapping its pages."""
        for at, byte in enumerate(data, start=address):
            self.pages.setdefault(at & -PAGE, bytearray(PAGE))[at % PAGE] = byte

    def peek(self, address: int, length: int) -> bytes | None:
        """Memory, or None where a page of it is not mapped."""
        if any(at & -PAGE not in self.pages for at in (address, address + max(length, 1) - 1)):
            return None
        return bytes(self.pages[at & -PAGE][at % PAGE] for at in range(address, address + length))

    def _step(self) -> bytes | None:
        """Run one instruction; the stop reply where a watchpoint was hit. Raises for what isn't in the repertoire."""
        rip, rdi = self.registers["rip"], self.registers["rdi"]
        code = bytes(self._patched.get(rip + n, b) for n, b in enumerate(self.peek(rip, 3) or b""))
        if code[:1] == b"\x90":
            self.registers["rip"] += 1
        elif code[:1] == b"\xeb":
            self.registers["rip"] += 2 + int.from_bytes(code[1:2], signed=True)
        elif code == b"\x48\xff\x07":
            self.registers["rip"] += 3
            value = int.from_bytes(self.peek(rdi, 8) or b"", "little") + 1
            self.place(rdi, value.to_bytes(8, "little"))
            for kind, address, length in self.points:
                if kind >= 2 and address < rdi + 8 and rdi < address + length:
                    return self._stop(Watch(_WATCHES[kind], address))
        else:
            raise AssertionError(f"the fake has no instruction {code.hex()}")
        return None

    def _at_breakpoint(self) -> bool:
        return any(True for _ in self._breaks())

    def _breaks(self) -> Iterator[BreakReason]:
        for kind, address, _ in self.points:
            if kind < 2 and address == self.registers["rip"]:
                yield (BreakReason.SOFTWARE, BreakReason.HARDWARE)[kind]

    def _run(self, *, step: bool) -> bytes | None:
        """The stop reply, or None for a guest that runs on."""
        if self.stops:
            return self.stops.popleft()
        if step and self.idle:
            self.idle -= 1
            return self._stop()
        for number in range(1 if step else self.most):
            if self._at_breakpoint() and (number or self.patches or not step):
                return self._stop(*(self._breaks() if self.reasons else ()))
            if hit := self._step():
                return hit
        return self._stop() if step else (self._stop() if self._at_breakpoint() else None)

    def _stop(self, *reasons: StopReason, signal: int = 5) -> bytes:
        return format_stop(Stopped(signal, ThreadId(1, 1), reasons))

    # -- the wire -------------------------------------------------------------------------------------------

    async def serve(self, send: trio.abc.SendStream, receive: trio.abc.ReceiveStream) -> None:
        """Answer until the client leaves. A guest that ran when the last client left is stopped first."""
        self.link, self.send = Link(Role.SERVER), send
        if self.running:
            self.running = False
            self._unasked(self._stop(signal=2))
        while True:
            if data := self.link.data_to_send():
                await send.send_all(data)
            got = bytes(await receive.receive_some(65536))
            for event in self.link.receive(got):
                self._take(event)
            if not got:
                return

    def pause(self) -> None:
        """Stop the guest from outside; the reply is ready to send."""
        self.running = False
        self.link.stop(parse_stop(self._stop(signal=2)))

    def _unasked(self, payload: bytes) -> None:
        self.link._queue_packet(payload)

    def _take(self, event: object) -> None:
        if isinstance(event, Request):
            self._request(event.payload)
        elif self.running and isinstance(event, Break | BadFrame):  # QEMU 7.2: any byte pauses
            self.running = False
            self.link.stop(parse_stop(self._stop(signal=2)))

    def _request(self, payload: bytes) -> None:
        self.log.append(payload)
        if payload in self.mute:
            return
        if (answer := self.answers.get(payload)) is not None:
            self.link.reply(answer)
        elif payload.startswith(b"qRcmd,"):
            self._run_monitor(bytes.fromhex(payload[6:].decode()).decode())
        elif payload[:1] in b"sc" or payload.startswith((b"vCont;s", b"vCont;c")):
            stop = self._run(step=b"s" in payload.removeprefix(b"vCont;")[:1])
            self.running = stop is None
            if stop is not None:
                self.link.stop(parse_stop(stop))
        elif payload[:1] == b"k":
            self.link.receive(b"")
        else:
            self.link.reply(self._answer(payload))

    def _run_monitor(self, command: str) -> None:
        text = self.monitor.get(command)
        if text is None:
            self.link.reply(b"")
            return
        for line in text.splitlines():
            self.link.console(line.encode() + b"\r\n")
        self.link.reply(b"OK")

    def _answer(self, payload: bytes) -> bytes:
        fixed = {b"qC": b"QCp01.01", b"qfThreadInfo": b"mp01.01", b"qsThreadInfo": b"l"}
        fixed |= {b"vCont?": b"vCont;c;C;s;S", b"D;1": b"OK", b"Hgp1.1": b"OK"}
        if payload in fixed:
            return fixed[payload]
        for prefix, answer in _ANSWERS:
            if payload.startswith(prefix):
                return answer(self, payload[len(prefix) :])
        return b""

    def _why(self, _: bytes) -> bytes:
        for kind, address, length in tuple(self.points):
            self._point(b"z", kind, address, length)
        return self._stop()

    def _registers(self, _: bytes) -> bytes:
        return b"".join(encode_register(self.registers[r.name], r.size) for r in self.layout.registers)

    def _write_register(self, rest: bytes) -> bytes:
        number, _, value = rest.partition(b"=")
        register = next((r for r in self.layout.registers if r.number == int(number, 16)), None)
        if register is None:
            return b"E22"
        self.registers[register.name] = decode_register(value) or 0
        return b"OK"

    def _memory(self, rest: bytes) -> bytes:
        data = self.peek(*(int(part, 16) for part in rest.split(b",")))
        return b"E14" if data is None else encode_hex(data)

    def _write_memory(self, rest: bytes) -> bytes:
        place, _, data = rest.partition(b":")
        address, length = (int(part, 16) for part in place.split(b","))
        if self.peek(address, length) is None:
            return b"E14"
        self.place(address, bytes.fromhex(data.decode()))
        return b"OK"

    def _insert(self, rest: bytes) -> bytes:
        return self._point(b"Z", *(int(part, 16) for part in rest.split(b",")))

    def _remove(self, rest: bytes) -> bytes:
        return self._point(b"z", *(int(part, 16) for part in rest.split(b",")))

    def _point(self, verb: bytes, kind: int, address: int, length: int) -> bytes:
        point = (kind, address, length)
        if verb == b"Z":
            used = sum(k > 0 for k, _, _ in self.points)
            if self.slots is not None and (point in self.points or (kind and used >= self.slots)):
                return b"E22"
            if kind == 0 and self.patches:
                if self.peek(address, 1) is None:
                    return b"E22"
                self._patched[address] = self.pages[address & -PAGE][address % PAGE]
                self.place(address, b"\xcc")
            self.points.append(point)
            return b"OK"
        if point not in self.points:
            return b"E22"
        self.points.remove(point)
        if kind == 0 and self.patches:
            self.place(address, bytes([self._patched.pop(address)]))
        return b"OK"

    def _supported(self, _: bytes) -> bytes:
        return QEMU_OFFER if self.xml else b""

    def _description(self, rest: bytes) -> bytes:
        if not self.xml:
            return b""
        start, length = (int(part, 16) for part in rest.split(b","))
        text = self.description
        part = text[start : start + length]
        return (b"m" if start + length < len(text) else b"l") + part


_ANSWERS: tuple[tuple[bytes, Callable[[FakeStub, bytes], bytes]], ...] = (
    (b"qSupported", FakeStub._supported),
    (b"qXfer:features:read:target.xml:", FakeStub._description),
    (b"?", FakeStub._why),
    (b"g", FakeStub._registers),
    (b"P", FakeStub._write_register),
    (b"m", FakeStub._memory),
    (b"M", FakeStub._write_memory),
    (b"Z", FakeStub._insert),
    (b"z", FakeStub._remove),
)


@asynccontextmanager
async def connected(stub: FakeStub) -> AsyncIterator[trio.StapledStream[MemorySendStream, MemoryReceiveStream]]:
    """A client's stream to ``stub``, which serves until the client is done."""
    client, server = memory_stream_pair()
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stub.serve, server.send_stream, server.receive_stream)
        try:
            yield client
        except Exception as error:  # carried out of the nursery as it is, not in a group
            failure = error
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


__all__ = ["CODE", "DATA", "LOOP", "PAGE", "FakeStub", "connected", "layout"]
