"""A gdbsx without Xen: a paused domain with a few pages, and a handful of instructions; byte for byte as gdbsx speaks.

Its answers are held against recordings of a real one in tests/gdbstub/backends/xen/test_gdbsx_fake.py: where the two
differ, this one is wrong. `Domain` plays Xen and the helpers in dom0, `FakeGdbsx` the program between it and clients.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import trio
from trio.testing import MemoryReceiveStream, MemorySendStream, memory_stream_pair

from gdbstub.errors import Refused

CODE, DATA, STACK, PAGE = 0x1000, 0x4000, 0x7F00, 0x1000
GENERAL = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", *(f"r{n}" for n in range(8, 16)), "rip")
NARROW = ("eflags", "cs", "ss", "ds", "es", "fs", "gs")
WIDE = struct.Struct("<17Q7I")
LOOP = bytes.fromhex("9090 48ff07 50 58 ebf8")
"""nop; nop; inc qword [rdi]; push rax; pop rax; jmp to the second nop."""
TF, RF = 1 << 8, 1 << 16
PV_CS, HVM_CS = 0xE033, 8
BUFFER = 4096
"""gdbsx's answer buffer; a longer answer overflows it."""


def registers(pv: bool) -> dict[str, int]:
    values = dict.fromkeys((*GENERAL, *NARROW), 0)
    return values | {"rip": CODE, "rdi": DATA, "rsp": STACK, "eflags": 0x202, "cs": PV_CS if pv else HVM_CS}


@dataclass
class Vcpu:
    """One vCPU: registers by gdbsx's names, debug registers, and whether an INT3 of it is latched."""

    values: dict[str, int]
    dr: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    dr6: int = 0xFFFF0FF0
    dr7: int = 0x400
    latched: bool = False
    ran: int = 0
    """Nanoseconds that it has run; here, instructions."""
    cpu_dr: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    cpu_dr7: int = 0x400
    """What the CPU has: under SVM not what Xen has, where that enables nothing (`svm_restore_dr`)."""
    down: bool = False


class Domain:
    """A domain and its dom0. ``paused`` is Xen's pause count. ``amd``: an HVM guest's INT1 leaves RIP where it is."""

    def __init__(self, *, pv: bool = True, cpus: int = 1, paused: int = 0) -> None:
        self.pv = pv
        self.cpus = [Vcpu(registers(pv)) for _ in range(cpus)]
        self.pages: dict[int, bytearray] = {}
        self.place(CODE, LOOP)
        self.place(DATA, bytes(PAGE))
        self.place(STACK & -PAGE, bytes(PAGE))
        self.paused = paused
        self.attached = False
        self.gone = self.dying = False
        self.asked: list[str] = []
        self.broken: set[str] = set()
        """Helpers that fail."""
        self.refused: set[int] = set()
        """Addresses that Xen takes into no debug register."""
        self.moved = trio.Event()

    domain = 3
    identity = "f00d"

    def place(self, address: int, data: bytes) -> None:
        for at, byte in enumerate(data, start=address):
            self.pages.setdefault(at & -PAGE, bytearray(PAGE))[at % PAGE] = byte

    def peek(self, address: int, length: int) -> bytes | None:
        if any(at & -PAGE not in self.pages for at in range(address, address + length)):
            return None
        return bytes(self.pages[at & -PAGE][at % PAGE] for at in range(address, address + length))

    # -- running ----------------------------------------------------------------------------------------------

    def run(self, cpu: Vcpu) -> bool:
        """One instruction; whether Xen pauses the domain for the debugger. Raises for what isn't in the repertoire."""
        values = cpu.values
        rip = values["rip"]
        cpu.ran += 1
        if self.pv or cpu.dr7 & 0xFF:
            cpu.cpu_dr, cpu.cpu_dr7 = list(cpu.dr), cpu.dr7
        dr, dr7 = cpu.cpu_dr, cpu.cpu_dr7
        armed = [slot for slot in range(4) if dr7 >> 2 * slot & 3 and not dr7 >> 16 + 4 * slot & 3]
        met = sum(1 << slot for slot in armed if dr[slot] == rip)
        if met and not values["eflags"] & RF:
            self._hit(cpu, met)
            return True
        tf = values["eflags"] & TF
        values["eflags"] &= ~RF
        code = self.peek(rip, 3) or b""
        stops = False
        if code[:1] == b"\x90":
            values["rip"] += 1
        elif code[:1] == b"\x9d":  # popf that clears TF: the trap of the step comes behind it
            values["rip"] += 1
            stops = True
        elif code[:1] == b"\xeb":
            values["rip"] += 2 + int.from_bytes(code[1:2], signed=True)
        elif code[:1] == b"\x50":
            values["rip"] += 1
            values["rsp"] -= 8
            self.place(values["rsp"], values["rax"].to_bytes(8, "little"))
        elif code[:1] == b"\x58":
            values["rip"] += 1
            values["rax"] = int.from_bytes(self.peek(values["rsp"], 8) or b"", "little")
            values["rsp"] += 8
        elif code[:1] == b"\xcc":
            values["rip"] += 1
            cpu.latched = True
            return True
        elif code[:1] == b"\xf1":
            values["rip"] += self.pv
            return True
        elif code[:2] == b"\x0f\x23":  # mov drN, rax
            values["rip"] += 3
            number = code[2] >> 3 & 7
            if number == 7:
                cpu.dr7 = cpu.cpu_dr7 = values["rax"]
            else:
                cpu.dr[number] = cpu.cpu_dr[number] = values["rax"]
        elif code == b"\x48\xff\x07":
            values["rip"] += 3
            at = values["rdi"]
            self.place(at, (int.from_bytes(self.peek(at, 8) or b"", "little") + 1).to_bytes(8, "little"))
            for slot in range(4):
                if dr7 >> 2 * slot & 3 and dr7 >> 16 + 4 * slot & 3 in (1, 3) and dr[slot] == at:
                    self._hit(cpu, 1 << slot)
                    stops = True
        else:
            raise AssertionError(f"the fake has no instruction {code.hex()}")
        if tf:
            self._hit(cpu, 1 << 14)
        return stops or bool(tf)

    def _hit(self, cpu: Vcpu, bits: int) -> None:
        """Xen 4.17 ORs them into a PV guest's DR6; a CPU exchanges the B bits."""
        cpu.dr6 = (cpu.dr6 if self.pv or bits & 0xF == 0 else cpu.dr6 & ~0xF) | bits

    # -- the helpers of dom0 ----------------------------------------------------------------------------------

    async def xenctx(self, cpu: int) -> str:
        self._ask(f"xenctx {cpu}")
        vcpu = self.cpus[cpu]
        lines = [f"rip: {vcpu.values['rip']:016x} ", f"flags: {vcpu.values['eflags']:08x} i z p", ""]
        lines += ["", "cr0: 0000000080050033", "cr2: 0000000000000000", "cr3: 0000000000001000"]
        lines += ["cr4: 0000000000000660", ""]
        lines += [f"dr{n}: {value:016x}" for n, value in enumerate(vcpu.dr)]
        return "\n".join([*lines, f"dr6: {vcpu.dr6:016x}", f"dr7: {vcpu.dr7:016x}", "Code (instr addr 0)", ""])

    async def xl(self, *words: str) -> str:
        self._ask(" ".join(("xl", *words)))
        match words:
            case ("pause", _):
                self.pause()
            case ("unpause", _):
                self.unpause()
            case ("destroy", _):
                self.gone = True
            case ("info",):
                return "host : lab\nxen_version            : 4.17.7\nxen_caps : x\n"
            case ("list", "-l", _):
                kind = "pv" if self.pv else "pvh"
                return f'[{{"domid": 3, "config": {{"c_info": {{"type": "{kind}", "name": "d"}}}}}}]'
            case ("list",):
                state = "--ps-d" if self.dying else "-b----"
                return "Name  ID   Mem VCPUs\tState\tTime(s)\n" + f"d  3  16  1  {state}  1.0\n" * (not self.gone)
            case ("list", _):
                state = "--p---" if self.paused else "-b----"
                return f"Name  ID   Mem VCPUs\tState\tTime(s)\nd  3  16  1  {state}  1.0\n"
        return ""

    sets_debug_registers = False
    """Is dr6-vcpu in dom0?"""
    exits = ""
    """What it prints for ``exit``; an older one has no such word."""

    async def vcpu(self, *words: str) -> str:
        """transports/dr6-vcpu.c, the same answers."""
        self._ask(" ".join(("vcpu", *words)))
        if words[1:] == ("exit",):
            if not self.exits:
                raise Refused("dr6-vcpu", "", "usage: dr6-vcpu DOMID")
            return self.exits
        for word in words[1:]:
            number, _, rest = word.partition(":")
            named = dict(part.split("=") for part in rest.split(","))
            self._set(self.cpus[int(number)], named)
        return "".join(self._line(number, cpu) for number, cpu in enumerate(self.cpus))

    def _set(self, cpu: Vcpu, named: dict[str, str]) -> None:
        if cpu.ran <= int(named.pop("ran", "-1")):
            return
        values = [*cpu.dr, 0, 0, cpu.dr6, cpu.dr7]
        if any(values[int(name[3])] != int(value, 16) for name, value in named.items() if name.startswith("was")):
            return
        for name, value in named.items():
            if name.startswith("dr"):
                values[int(name[2])] = int(value, 16)
        cpu.dr, cpu.dr6, cpu.dr7 = [0 if at in self.refused else at for at in values[:4]], values[6], values[7]

    def _line(self, number: int, cpu: Vcpu) -> str:
        if cpu.down:
            return f"{number} down\n"
        values = [(f"dr{n}", value) for n, value in enumerate(cpu.dr)] + [("dr6", cpu.dr6), ("dr7", cpu.dr7)]
        return f"{number} {' '.join(f'{name}={value:x}' for name, value in values)} ran={cpu.ran}\n"

    async def cpuinfo(self) -> str:
        self._ask("cpuinfo")
        return "processor\t: 0\nvendor_id\t: AuthenticAMD\n"

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if what.split()[0] in self.broken or what in self.broken:
            raise Refused(what, "", f"{what.split()[0]} was not found on this machine.")

    def pause(self) -> None:
        self.paused += 1
        self.moved.set()

    def unpause(self) -> None:
        self.paused = max(self.paused - 1, 0)


class FakeGdbsx:
    """The program: one client, then it is gone. ``log`` are the requests, ``sent`` every byte that it wrote."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.log: list[bytes] = []
        self.sent = b""
        self.current = 0
        self.dead = trio.Event()
        self._buffer = b""
        self._last = b""
        domain.attached = True
        domain.paused += 1

    async def serve(self, send: trio.abc.SendStream, receive: trio.abc.ReceiveStream) -> None:
        self._send, self._receive = send, receive
        with suppress(EOFError):
            while payload := await self._packet():
                self.log.append(payload)
                if payload == b"D":
                    break
                await self._put(await self._answer(payload))
        self._leave()
        await send.aclose()

    def _leave(self) -> None:
        self.domain.attached = False
        self.domain.unpause()
        self.dead.set()

    async def _byte(self) -> bytes:
        while not self._buffer:
            self._buffer = bytes(await self._receive.receive_some(65536))
            if not self._buffer:
                raise EOFError
        byte, self._buffer = self._buffer[:1], self._buffer[1:]
        return byte

    async def _write(self, data: bytes) -> None:
        self.sent += data
        await self._send.send_all(data)

    async def _packet(self) -> bytes:
        """gx_getpkt: what is before ``$`` is passed over; a bad sum is asked for again."""
        while True:
            while await self._byte() != b"$":
                pass
            payload = b""
            while (byte := await self._byte()) != b"#":
                payload += byte
            digits = await self._byte() + await self._byte()
            if int(digits, 16) == sum(payload) & 0xFF:
                await self._write(b"+")
                return payload
            await self._write(b"-")

    async def _put(self, payload: bytes) -> None:
        """gx_putpkt: again and again until the next byte is ``+``."""
        packet = b"$%b#%02x" % (payload, sum(payload) & 0xFF)
        while True:
            await self._write(packet)
            if await self._byte() == b"+":
                return

    async def _answer(self, payload: bytes) -> bytes:
        head, rest = payload[:1], payload[1:]
        if payload in (b"c", b"s"):
            return await self._resume(step=payload == b"s")
        if payload == b"?":
            return b"T05thread:0;"
        if payload == b"qfThreadInfo":
            return b"m" + b",".join(b"%x" % n for n in range(len(self.domain.cpus))) + b"l"
        if payload.startswith(b"qRcmd,"):
            return b"Bad monitor command\n".hex().encode()
        if payload.startswith((b"vCont;c", b"vCont;s")):
            return payload
        answers = {b"g": self._registers, b"G": self._set_registers, b"m": self._read, b"M": self._write_memory}
        if head in answers:
            return answers[head](rest)
        if head == b"H" and rest[:1] in (b"c", b"g", b"s"):
            self.current = max(int(rest[1:], 16), 0)
            return b"OK"
        return b"OK" if head == b"T" else b""

    # -- requests ---------------------------------------------------------------------------------------------

    def _vcpu(self) -> Vcpu | None:
        cpus = self.domain.cpus
        return cpus[self.current] if self.current < len(cpus) and not self.domain.gone else None

    def _registers(self, _: bytes) -> bytes:
        vcpu = self._vcpu()
        if vcpu is None:
            return b""
        return WIDE.pack(*(vcpu.values[name] for name in (*GENERAL, *NARROW))).hex().encode()

    def _set_registers(self, rest: bytes) -> bytes:
        vcpu = self._vcpu()
        if vcpu is None:
            return b"E01"
        vcpu.values.update(zip((*GENERAL, *NARROW), WIDE.unpack(bytes.fromhex(rest.decode())), strict=True))
        return b"OK"

    def _read(self, rest: bytes) -> bytes:
        address, length = (int(part, 16) for part in rest.split(b","))
        assert 2 * length < BUFFER, "gdbsx's heap is overwritten"
        data = None if self.domain.gone else self.domain.peek(address, length)
        return b"E01" if data is None else data.hex().encode()

    def _write_memory(self, rest: bytes) -> bytes:
        place, _, data = rest.partition(b":")
        address, length = (int(part, 16) for part in place.split(b","))
        if self.domain.gone or self.domain.peek(address, length) is None:
            return b"E01"
        self.domain.place(address, bytes.fromhex(data.decode()))
        return b"OK"

    async def _resume(self, *, step: bool) -> bytes:
        """xg_resume_n_wait: a latched event is told without running; else one unpause, and the domain runs where that
        takes the count to 0."""
        domain = self.domain
        if domain.gone or self._vcpu() is None:
            return b""
        latched = next((n for n, cpu in enumerate(domain.cpus) if cpu.latched), None)
        if not step and latched is not None:
            domain.cpus[latched].latched = False
            return b"T05thread:%x;" % latched
        domain.unpause()
        if domain.paused:
            return b"T05thread:%x;" % self.current if step else b"T02thread:0;"
        if step:
            vcpu = domain.cpus[self.current]
            had, vcpu.values["eflags"] = vcpu.values["eflags"] & TF, vcpu.values["eflags"] | TF
            domain.run(vcpu)
            vcpu.values["eflags"] = vcpu.values["eflags"] & ~TF | had
            domain.paused += 1
            return b"T05thread:%x;" % self.current
        return await self._run()

    async def _run(self) -> bytes:
        domain = self.domain
        domain.moved = trio.Event()
        while not domain.paused:
            for number, cpu in enumerate(domain.cpus):
                if domain.run(cpu):
                    domain.paused += 1
                    told, cpu.latched = cpu.latched, False
                    self.current = number if told else 0
                    return b"T05thread:%x;" % number if told else b"T02thread:0;"
            await trio.lowlevel.checkpoint()
        return b"T02thread:0;"


@asynccontextmanager
async def attached(gdbsx: FakeGdbsx) -> AsyncIterator[trio.StapledStream[MemorySendStream, MemoryReceiveStream]]:
    """A client's stream to ``gdbsx``, which serves until the client is done."""
    client, server = memory_stream_pair()
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(gdbsx.serve, server.send_stream, server.receive_stream)
        try:
            yield client
        except Exception as error:  # carried out of the nursery as it is, not in a group
            failure = error
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
