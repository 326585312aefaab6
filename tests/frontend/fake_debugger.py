"""A debugger whose guest does what `stories` says, one record after the other; commands and screen are real."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import cast

import trio

from frontend.session import Session
from frontend.symbols import Symbols
from gdbstub.breakpoints import Breakpoint
from gdbstub.debugger import Debugger, Notice, Resumed
from gdbstub.errors import Refused
from gdbstub.record import CpuState, StopRecord
from gdbstub.target import Backend, Capabilities
from tests.frontend import stories


class StoryDebugger:
    """The part of `Debugger` that commands and screen use. ``resume`` waits for `interrupt` or `go_on` when the
    story is over."""

    def __init__(self, records: tuple[StopRecord, ...] = stories.RECORDS) -> None:
        self.target = "tcp:127.0.0.1:1234"
        self.backend = Backend("qemu-tcg", "7.2.22", "amd", "qemu-tcg")
        self.capabilities = Capabilities(cpus=(0, 1))
        self.breakpoints = {1: Breakpoint(1, "execute", stories.START + 12, text="icebp_test+12", armed_as="Z0")}
        self.records = [records[0]]
        self.running = False
        self.ended = False
        self.cpu = 0
        self.said_good_bye = ""
        self._coming = list(records[1:])
        self._listeners: list[Callable[[Notice], None]] = []
        self._wake = trio.Event()

    def listen(self, listener: Callable[[Notice], None]) -> None:
        self._listeners.append(listener)

    def tell(self, notice: Notice) -> None:
        for listener in self._listeners:
            listener(notice)

    def _next(self) -> StopRecord:
        number = self.records[-1].number + 1
        record = self._coming.pop(0) if self._coming else replace(stories.STEPPED, number=number)
        self.records.append(record)
        self.running = False
        self.tell(record)
        return record

    async def step(self) -> StopRecord:
        self.running = True
        self.tell(Resumed())
        await trio.lowlevel.checkpoint()
        return self._next()

    async def resume(self) -> StopRecord:
        self.running = True
        self.tell(Resumed())
        if not self._coming:
            await self._wake.wait()
            self._wake = trio.Event()
        return self._next()

    async def interrupt(self) -> None:
        self._wake.set()

    async def state(self, cpu: int | None = None) -> CpuState:
        return self.records[-1].state

    async def read_memory(self, address: int, length: int) -> bytes:
        code = stories.code_at(address)
        if code:
            return code[:length].ljust(length, b"\x90")
        if 0x10_7000 <= address < 0x10_8000:
            return bytes(range(256)) * (length // 256) + bytes(range(length % 256))
        raise Refused(f"m{address:x},{length:x}", "14", f"The guest has no memory at {address:#x}.")

    async def detach(self, *, resume: bool = True) -> None:
        self.said_good_bye = "detached, running" if resume else "detached, stopped"
        self.ended = True

    async def kill(self) -> None:
        self.said_good_bye = "killed"
        self.ended = True


def session_with(debugger: StoryDebugger) -> Session:
    return Session(cast(Debugger, debugger), Symbols(), print)


@asynccontextmanager
async def story_session(debugger: StoryDebugger) -> AsyncIterator[Session]:
    """What `run_tui` opens."""
    yield session_with(debugger)
