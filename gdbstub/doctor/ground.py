"""Ground for experiments: some bytes of the page where RIP stands, and some of the stack's page, borrowed.

The borrowed bytes and every register are remembered first, and `Ground.give_back` puts them back and compares. Only
what was written is put back: what lies beside it in the pages may be changed meanwhile by devices.

RIP is set once, to a jump to itself, and one step is made there. KVM arms a step for the RIP that it knows, so a
RIP that was changed since loses it (``kvm_arch_vcpu_ioctl_set_guest_debug``); from then on only the memory at RIP
changes, and RIP itself not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

from gdbstub.doctor.probe import SPIN, Probe, ProbeAddress, Value
from gdbstub.doctor.vcpu import Hung, Vcpu
from gdbstub.errors import GdbError, Refused
from gdbstub.protocol.stops import Stopped
from gdbstub.x86.cpu_state import CpuState

PAGE = 0x1000
CODE_SPAN = 64
"""Bytes of code that are borrowed; no probe needs more."""
DATA_SPAN, DATA_START = 128, 32
"""Bytes of data that are borrowed, and where offset 0 lies in them: stores go to both sides of it."""
BELOW_STACK = 384
"""How far below RSP the data lie where the page has room: behind the red zone of 128 bytes."""
PUSHED = 16
SETTLE_SECONDS = 0.3
TF, IF, DF, RF = 1 << 8, 1 << 9, 1 << 10, 1 << 16
SCRATCH = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi")
"""Registers that probes use; each begins as 0."""


class OwnGuest(NamedTuple):
    """Addresses in the guest that dr6 brings (guests/probe)."""

    arena: int
    handlers: int
    log: int
    log_count: int
    stuck: int


class Borrowed(NamedTuple):
    """What was there: bytes of memory, all registers as ``g`` and as the monitor shows them."""

    memory: tuple[tuple[int, bytes], ...]
    state: CpuState
    registers: bytes
    shown: str


STUB_SIZE = 16
VECTORS = 64
Writable = Callable[[CpuState, int], Awaitable[bool | None]]
"""Whether the guest itself may write at a linear address; None where that can't be learnt."""


class Ground:
    """Borrowed memory of one vCPU. Build with `borrow`."""

    def __init__(self, vcpu: Vcpu, own: OwnGuest | None, state: CpuState, stack: bool) -> None:
        self.vcpu = vcpu
        self.own = own
        self.state = state
        self.stack = stack
        """May probes push, and write data?"""
        room = PAGE - state.pc % PAGE
        self.code = state.pc if room >= CODE_SPAN else state.pc + room - CODE_SPAN
        self.rsp = state.registers["rsp"]
        self.data = _data_address(self.rsp) + DATA_START
        self.rflags = state.registers["rflags"] & ~(TF | IF | DF | RF)
        self.word = 8 if state.mode == 64 else 4
        self._kept: Borrowed | None = None

    async def borrow(self) -> None:
        """Remember all that will be changed. Raises `Refused` where memory can't be read."""
        read = self.vcpu.remote.read_memory
        memory = tuple([(address, await read(address, length)) for address, length in self.spans])
        self._kept = Borrowed(memory, self.state, await self.vcpu.all_registers(), await self.vcpu.shown())

    @property
    def stack_spans(self) -> tuple[tuple[int, int], ...]:
        """(address, length) of the data, and of what probes push."""
        return ((self.data - DATA_START, DATA_SPAN), (self.rsp - PUSHED, PUSHED))

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """All that is borrowed."""
        return ((self.code, CODE_SPAN), *(self.stack_spans if self.stack else ()))

    @property
    def overlaps(self) -> bool:
        """Is the code where the stack is?"""
        return any(address < self.code + CODE_SPAN and self.code < address + n for address, n in self.stack_spans)

    # -- places -----------------------------------------------------------------------------------------------------

    def address(self, place: ProbeAddress) -> int:
        if place.base == "handler":
            return (self.own.handlers if self.own else 0) + STUB_SIZE * place.offset
        return (self.code if place.base == "code" else self.data) + place.offset

    def place(self, address: int) -> ProbeAddress | None:
        """Which place of the ground ``address`` is; None for anywhere else."""
        if self.code <= address < self.code + CODE_SPAN:
            return ProbeAddress("code", address - self.code)
        if self.own is not None:
            vector, inside = divmod(address - self.own.handlers, STUB_SIZE)
            if 0 <= vector < VECTORS and not inside:
                return ProbeAddress("handler", vector)
        return None

    def value(self, value: Value) -> int:
        return self.address(value) if isinstance(value, ProbeAddress) else value

    # -- experiments ------------------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Bring the vCPU to the first byte of the ground, where it runs a jump to itself. Raises `Hung`."""
        vcpu = self.vcpu
        await self._write(self.code, bytes.fromhex(SPIN))
        now = (await vcpu.look()).registers
        for name, value in (("rflags", self.rflags), ("rsp", self.rsp), ("rip", self.code)):
            if now[name] != value:
                await vcpu.write(name, value)
        for _ in range(2):
            moved = await vcpu.move("s", SETTLE_SECONDS)
            if not isinstance(moved.stop, Stopped):
                break
            if (await vcpu.look()).rip == self.code:
                return
        raise Hung("The guest could not be brought to where the tests are.")

    async def lay_out(self, probe: Probe) -> None:
        """Place a probe's code and clear its data; set the registers that it uses."""
        if self.stack:
            await self._write(self.data - DATA_START, bytes(DATA_SPAN))
        if self.own is not None:
            await self.vcpu.remote.write_memory(self.own.log_count, bytes(4))
        await self._write(self.code, probe.placed + bytes.fromhex(SPIN))
        now = (await self.vcpu.look()).registers
        wanted = dict.fromkeys(SCRATCH, 0) | {name: self.value(value) for name, value in probe.registers}
        for name, value in wanted.items():
            if now[name] != value:
                await self.vcpu.write(name, value)

    async def _write(self, address: int, data: bytes) -> None:
        remote = self.vcpu.remote
        await remote.write_memory(address, data)
        if await remote.read_memory(address, len(data)) != data:
            raise GdbError(f"The stub said OK to a write at {address:#x}, and other bytes are there than were written.")

    # -- the end ----------------------------------------------------------------------------------------------------

    async def give_back(self) -> list[str]:
        """Put everything back; one sentence for each thing that could not be. Raises nothing but `TransportError`."""
        kept = self._kept
        if kept is None:
            return []
        problems: list[str] = []
        read = self.vcpu.remote.read_memory
        for address, data in kept.memory:
            try:
                if await read(address, len(data)) != data:
                    await self.vcpu.remote.write_memory(address, data)
                    if await read(address, len(data)) != data:
                        problems.append(f"The {len(data)} bytes of memory at {address:#x} are not what they were.")
            except Refused as refusal:
                problems.append(f"The {len(data)} bytes of memory at {address:#x} were not put back: {refusal}")
        return problems + await self._registers_back(kept)

    async def _registers_back(self, kept: Borrowed) -> list[str]:
        vcpu = self.vcpu
        now = (await vcpu.look()).registers
        for name, value in kept.state.registers.items():
            if now.get(name) != value:
                with suppress(Refused):  # what is not as it was is named below
                    await vcpu.write(name, value)
        after = await vcpu.look()
        problems = [
            f"{name.upper()} is {after.registers[name]:#x}, and was {value:#x}."
            for name, value in kept.state.registers.items()
            if after.registers[name] != value
        ]
        if not problems and await vcpu.all_registers() != kept.registers:
            problems.append("A floating point or vector register is not what it was.")
        if not problems and (shown := await vcpu.shown()) != kept.shown:
            problems.append(f"What the stub does not let anybody write has changed: {_difference(kept.shown, shown)}.")
        return problems


def _data_address(rsp: int) -> int:
    """Where the data go: well below RSP in the stack's page, or at the page's end if RSP is low in it."""
    page = (rsp - 1) & -PAGE
    low = (rsp - BELOW_STACK) & -64
    return low if low >= page else page + PAGE - DATA_SPAN


def _difference(before: str, after: str) -> str:
    """The first word of the monitor's text that differs."""
    pairs = zip(before.split(), after.split(), strict=False)
    return next((f"{old} became {new}" for old, new in pairs if old != new), "the monitor's text")
