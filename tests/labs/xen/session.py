"""A domain under gdbsx, with what the self-check asks of it: everything by symbol, debug registers through dom0."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Iterator

from tests.guests.image import read_image
from tests.labs.xen.dom0 import Dom0
from tests.labs.xen.domains import Domain, gdbsx
from tests.labs.xen.rsp import EFLAGS, RF, RIP, Rsp, connected

INT3 = b"\xcc"
DR7_NONE = 0x400
NOWHERE = 1 << 63
"""An address that is none: no breakpoint at it ever hits."""


class Session:
    """``rsp`` is the connection, for what this has no name for."""

    def __init__(self, dom0: Dom0, domain: Domain, rsp: Rsp) -> None:
        self.rsp = rsp
        self.domain = domain
        self.symbols = read_image(domain.image).symbols
        self._dom0 = dom0
        self._names = {address: name for name, address in self.symbols.items()}

    async def place(self) -> str:
        """Where the current vCPU is, as a symbol or a number."""
        rip = (await self.rsp.registers()).rip
        return self._names.get(rip, hex(rip))

    async def resume(self, packet: str = "c") -> tuple[str, str]:
        """How gdbsx says that it stopped ("T05"), and where."""
        said = await self.rsp.ask(packet)
        return said[:3], await self.place()

    async def run_to(self, name: str) -> str:
        """By an INT3 that is taken out again: how gdbsx said that it stopped. RIP is then at the symbol.

        Only vCPU 0 may come there: it is the one whose RIP is set back.
        """
        address = self.symbols[name]
        original = await self.rsp.read(address, 1)
        await self.rsp.write(address, INT3)
        said = await self.rsp.ask("c")
        await self.rsp.write(address, original)
        await self.move(-1)
        return said[:3]

    async def move(self, distance: int) -> None:
        registers = await self.rsp.registers()
        await self.rsp.set_registers(registers.changed(RIP, registers.rip + distance))

    async def move_to(self, name: str) -> None:
        await self.rsp.set_registers((await self.rsp.registers()).changed(RIP, self.symbols[name]))

    async def pass_breakpoint(self) -> None:
        """Let the next resume go over an instruction breakpoint."""
        registers = await self.rsp.registers()
        await self.rsp.set_registers(registers.changed(EFLAGS, registers.values[EFLAGS] | RF))

    async def debug_registers(self, vcpu: int = 0, **values: int) -> dict[str, int]:
        """All of them, after ``values`` (dr0=…) were set."""
        words = [f"{vcpu}:{','.join(f'{name}={value:x}' for name, value in values.items())}"] if values else []
        said = await self._dom0.run("dr6-vcpu", str(self.domain.id), *words)
        return dict(_registers(said.splitlines()[vcpu]))

    async def disarm(self) -> None:
        """Under SVM Xen gives DR7 to the CPU only where it enables something, so one breakpoint stays, at `NOWHERE`."""
        pvh = self.domain.kind == "pvh"
        await self.debug_registers(dr0=NOWHERE if pvh else 0, dr1=0, dr7=DR7_NONE | 2 * pvh)

    async def write_integer(self, name: str, value: int) -> None:
        await self.rsp.write(self.symbols[name], value.to_bytes(8, "little"))

    async def read_integer(self, name: str, index: int = 0) -> int:
        return await self.rsp.read_integer(self.symbols[name] + 8 * index)


def _registers(said: str) -> Iterator[tuple[str, int]]:
    for name, value in re.findall(r" (dr\d)=([0-9a-f]+)", said):
        yield name, int(value, 16)


@contextlib.asynccontextmanager
async def session(dom0: Dom0, domain: Domain) -> AsyncIterator[Session]:
    """gdbsx on ``domain`` and a connection to it, for the length of the block."""
    async with gdbsx(dom0, domain) as target, connected(target) as rsp:
        yield Session(dom0, domain, rsp)
