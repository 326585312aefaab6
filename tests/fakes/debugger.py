"""A debugger without a stub: a byte array, sixteen registers and a handful of real x86-64 instructions.

It offers what `gdbstub.debugger.debugger.Debugger` offers and behaves as it does: hits are counted, conditions asked,
temporary breakpoints deleted, vectors caught at their handlers. Where it and a real guest differ, it is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import trio

from gdbstub.debugger.breakpoints import Breakpoint, Means
from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.deferred_requests import DeferredRequests
from gdbstub.debugger.events import DebuggerEvent, Resumed
from gdbstub.debugger.physical_points import PhysicalBreakpoint
from gdbstub.debugger.record import CaughtEvent, StopRecord
from gdbstub.errors import GdbError, Refused
from gdbstub.explain.evidence import Action, Evidence
from gdbstub.explain.explanation import Cause, CauseName, ExitDr6, Explanation
from gdbstub.protocol.stops import Exited
from gdbstub.remote.capabilities import BackendInfo, Capabilities
from gdbstub.x86.breakpoints import BreakpointKind, Owner
from gdbstub.x86.cpu_state import CpuState, DebugState
from gdbstub.x86.decode import decode
from gdbstub.x86.exceptions import Frame
from gdbstub.x86.registers import Mode
from tests.fakes.records import CONTROL, GENERAL, OTHERS, REPLY, RESET

BASE = 0x1000
SIZE = 0x9000
STACK = 0x9000
HANDLERS = {1: 0x3000}
MASK = (1 << 64) - 1


class FakeDebugger:
    """``code`` is loaded at BASE and runs there; memory is BASE to BASE + SIZE, the stack grows down from STACK."""

    def __init__(self, code: bytes = b"\x90" * 64, *, cpus: int = 1) -> None:
        self.target = "tcp:127.0.0.1:1234"
        self.backend = BackendInfo("qemu-tcg", "7.2.22", "amd", "qemu-tcg")
        self.capabilities = Capabilities(monitor=True, debug_registers=True, cpus=tuple(range(cpus)))
        self.rows: dict[int, Breakpoint] = {}
        self.records: list[StopRecord] = []
        self.running = False
        self.ended = False
        self.lost: str | None = None
        self.cpu = 0
        self.memory = bytearray(SIZE)
        self.memory[: len(code)] = code
        values = dict.fromkeys((*GENERAL, *OTHERS, *CONTROL), 0)
        self.registers = values | {"rip": BASE, "rsp": STACK, "rflags": 2, "cs": 8, "cr0": 0x80000011}
        self.debug: DebugState = RESET
        self.mode: Mode = 64
        self.architecture: Mode | None = None
        self.monitor_answers: dict[str, str] = {}
        self.log: list[str] = []
        self.no_handler: dict[int, str] = {}
        self.stops_kept = 10_000
        self.deferred = DeferredRequests()
        self._listeners: list[Callable[[DebuggerEvent], None]] = []
        self._interrupted = trio.Event()
        self._next = 1
        self._generation = 0

    def as_debugger(self) -> Debugger:
        return cast(Debugger, self)

    @property
    def generation(self) -> int:
        """Tests change memory whenever they like, so nothing that was read holds."""
        self._generation += 1
        return self._generation

    @property
    def breakpoints(self) -> dict[int, Breakpoint]:
        """The user's."""
        return {number: row for number, row in self.rows.items() if not row.hidden}

    def listen(self, listener: Callable[[DebuggerEvent], None]) -> None:
        self._listeners.append(listener)

    async def attach(self) -> StopRecord:
        return self._publish(Action.ATTACH, "unknown", "attached")

    async def state(self, cpu: int | None = None, *, complete: bool = False) -> CpuState:
        return self._state(self.cpu if cpu is None else cpu)

    def _state(self, cpu: int) -> CpuState:
        state = CpuState(cpu, dict(self.registers), self.debug, self.mode, 0)
        if self.architecture is None:
            return state
        return replace(state, architecture=self.architecture, mode=self.mode if state.shows_mode else self.architecture)

    def set_architecture(self, mode: Mode | None) -> None:
        self.architecture = mode

    async def read_memory(self, address: int, length: int) -> bytes:
        start = address - BASE
        if start < 0 or start + length > SIZE:
            bad = max(address, BASE + SIZE) if start >= 0 else address
            raise Refused("m", "14", f"Cannot access memory at address {bad:#x}.")
        return bytes(self.memory[start : start + length])

    async def write_memory(self, address: int, data: bytes) -> None:
        await self.read_memory(address, len(data))
        self.memory[address - BASE : address - BASE + len(data)] = data

    async def set_register(self, name: str, value: int, cpu: int | None = None) -> None:
        if name not in self.registers:
            raise GdbError(f"The stub has no register {name}.")
        self.registers[name] = value & MASK

    async def monitor(self, command: str) -> str:
        self.log.append(command)
        return self.monitor_answers.get(command, f"unknown command: '{command}'\r\n")

    async def select_cpu(self, cpu: int) -> None:
        self.cpu = cpu

    async def add_breakpoint(
        self,
        kind: BreakpointKind,
        address: int | None,
        length: int = 1,
        *,
        means: Means = "auto",
        temporary: bool = False,
        vector: int | None = None,
        text: str = "",
        hidden: bool = False,
    ) -> Breakpoint:
        if kind is BreakpointKind.CATCH and vector is not None:
            address = HANDLERS.get(vector)
        number = self._next if not hidden else -1 - sum(row.hidden for row in self.rows.values())
        self._next += not hidden
        row = Breakpoint(
            number,
            kind,
            address,
            length,
            means,
            temporary,
            vector=vector,
            text=text,
            hidden=hidden,
        )
        row.placed = _placed(row)
        self.rows[number] = row
        return row

    def keep_stops(self, most: int) -> None:
        self.stops_kept = most

    def why_no_handler(self, vector: int) -> str:
        return self.no_handler.get(vector, "")

    async def delete_breakpoint(self, number: int) -> None:
        del self.rows[number]

    async def enable_breakpoint(self, number: int, enabled: bool) -> None:
        row = self.rows[number]
        row.enabled = enabled
        row.placed = _placed(row) if enabled else None

    async def detach(self, *, resume: bool = True) -> None:
        self.rows.clear()
        self.ended = True
        self.log.append("detach" if resume else "disconnect")

    async def kill(self) -> None:
        self.ended = True
        self.log.append("kill")

    async def interrupt(self) -> None:
        self._interrupted.set()

    async def watch_idle(self) -> None:
        await trio.sleep_forever()

    async def step(self) -> StopRecord:
        return await self.run_steps(1)

    async def run_steps(
        self,
        count: int | None,
        sink: Callable[[StopRecord], None] = lambda record: None,
        *,
        go_on: Callable[[int], bool] = lambda pc: True,
        end_at_hits: bool = True,
        interrupted: bool = False,
    ) -> StopRecord:
        self._begin(interrupted)
        while True:
            count = None if count is None else count - 1
            record, hit = await self._one_step()
            sink(record)
            await trio.lowlevel.checkpoint()
            if count == 0 or self.ended or self._interrupted.is_set() or not go_on(record.state.pc):
                return record
            if hit and end_at_hits:
                return record

    async def _one_step(self) -> tuple[StopRecord, bool]:
        start = self.registers["rip"]
        instruction = decode(bytes(self.memory[start - BASE : start - BASE + 15]), start, 64)
        vector, wrote = self._execute()
        hit = await self._hit(self._rows_at(wrote, vector))
        event = self._event(vector) if any(row.kind == "catch" for row in hit) else None
        cause: CauseName = "icebp" if event is not None else "data-write" if hit else "single-step"
        summary = f"{cause} over {instruction.text if instruction else '?'}"
        return self._publish(Action.STEP, cause, summary, event), bool(hit)

    def _begin(self, interrupted: bool) -> None:
        self._interrupted = trio.Event()
        if interrupted:
            self._interrupted.set()

    async def resume(self, *, interrupted: bool = False) -> StopRecord:
        self.running = True
        self._begin(interrupted)
        for listener in self._listeners:
            listener(Resumed())
        try:
            while True:
                await trio.lowlevel.checkpoint()
                if self._interrupted.is_set():
                    return self._stopped("interrupt-request", "interrupted by the debugger", Action.INTERRUPT)
                if self.memory[self.registers["rip"] - BASE] == 0xF4:
                    self.ended = True
                    return self._stopped("shutdown", "the guest shut down")
                vector, wrote = self._execute()
                hit = await self._hit(self._rows_at(wrote, vector))
                if any(row.kind == "catch" for row in hit):
                    return self._stopped("icebp", "INT1 by the guest", event=self._event(vector))
                if hit:
                    cause: CauseName = "data-write" if hit[0].kind != "execute" else "software-breakpoint"
                    return self._stopped(cause, f"{cause} by the debugger")
        finally:
            self.running = False

    def _stopped(
        self, cause: CauseName, summary: str, action: Action = Action.CONTINUE, event: CaughtEvent | None = None
    ) -> StopRecord:
        self.running = False
        return self._publish(action, cause, summary, event)

    def _publish(self, action: Action, cause: CauseName, summary: str, event: CaughtEvent | None = None) -> StopRecord:
        rip = self.registers["rip"]
        state = self._state(self.cpu)
        owner: Owner = "guest" if event is not None else "debugger"
        causes = (Cause(cause, owner, "trap", "certain", ("the fake says so",), ("SDM 3B 18",)),)
        explanation = Explanation(summary, causes, None, ExitDr6(None, "unknown"), None)
        record = StopRecord(
            len(self.records),
            self.cpu,
            action,
            Exited(0, raw="W00") if self.ended else REPLY,
            state,
            Evidence(),
            explanation,
            bytes(self.memory[rip - BASE : rip - BASE + 15]),
            event,
        )
        self.records.append(record)
        for listener in self._listeners:
            listener(record)
        return record

    def _event(self, vector: int | None) -> CaughtEvent:
        rip, cs, rflags, rsp, ss = (self._load(self.registers["rsp"] + 8 * n) for n in range(5))
        return CaughtEvent(vector or 0, self.registers["rip"], Frame(rip, cs, rflags, rsp, ss))

    def _rows_at(self, wrote: tuple[int, int] | None, vector: int | None) -> list[Breakpoint]:
        found = []
        for row in self.rows.values():
            if not row.enabled or row.address is None:
                continue
            if (row.kind == "execute" and row.address == self.registers["rip"]) or (
                row.kind == "catch" and row.vector == vector
            ):
                found.append(row)
            elif row.kind in ("write", "access") and wrote is not None:
                address, size = wrote
                if address < row.address + row.length and row.address < address + size:
                    found.append(row)
        return found

    async def _hit(self, rows: list[Breakpoint]) -> list[Breakpoint]:
        hit = []
        for row in rows:
            if row.predicate is not None and not await row.predicate():
                continue
            row.hits += 1
            if row.ignore:
                row.ignore -= 1
                continue
            if row.temporary:
                del self.rows[row.number]
            hit.append(row)
        return hit

    def _load(self, address: int) -> int:
        return int.from_bytes(self.memory[address - BASE : address - BASE + 8], "little")

    def _store(self, address: int, value: int, size: int = 8) -> tuple[int, int]:
        self.memory[address - BASE : address - BASE + size] = (value & MASK).to_bytes(8, "little")[:size]
        return address, size

    def _push(self, value: int) -> tuple[int, int]:
        self.registers["rsp"] -= 8
        return self._store(self.registers["rsp"], value)

    def _pop(self) -> int:
        self.registers["rsp"] += 8
        return self._load(self.registers["rsp"] - 8)

    def _execute(self) -> tuple[int | None, tuple[int, int] | None]:
        """One instruction: the vector that it raised, and the memory that it wrote."""
        r = self.registers
        rip = r["rip"]
        instruction = decode(bytes(self.memory[rip - BASE : rip - BASE + 15]), rip, 64)
        assert instruction is not None, f"not an instruction at {rip:#x}"
        r["rip"] = behind = rip + len(instruction.bytes)
        match instruction.text.split(" ", 1):
            case ["nop"]:
                return None, None
            case ["inc", "rax"]:
                r["rax"] = r["rax"] + 1 & MASK
            case ["dec", "rcx"]:
                r["rcx"] = r["rcx"] - 1 & MASK
                r["rflags"] = r["rflags"] & ~0x40 | 0x40 * (r["rcx"] == 0)
            case ["jne", target]:
                r["rip"] = int(target, 0) if not r["rflags"] & 0x40 else behind
            case ["jmp", target]:
                r["rip"] = int(target, 0)
            case ["call", target]:
                wrote = self._push(behind)
                r["rip"] = int(target, 0)
                return None, wrote
            case ["ret"]:
                r["rip"] = self._pop()
            case ["push", "rbp"]:
                return None, self._push(r["rbp"])
            case ["pop", "rbp"]:
                r["rbp"] = self._pop()
            case ["mov", "rbp, rsp"]:
                r["rbp"] = r["rsp"]
            case ["mov", "byte ptr [rdi], al"]:
                return None, self._store(r["rdi"], r["rax"], 1)
            case ["rep", _]:
                return None, self._rep_stosb(rip)
            case ["int1"]:
                rsp = r["rsp"]
                for value in (0x10, rsp, r["rflags"], r["cs"], behind):
                    self._push(value)
                r["rip"] = HANDLERS[1]
                return 1, None
            case ["iretq"]:
                r["rip"], r["cs"], r["rflags"], r["rsp"], _ = (self._pop() for _ in range(5))
            case _:
                raise AssertionError(f"the fake knows no {instruction.text}")
        return None, None

    def _rep_stosb(self, rip: int) -> tuple[int, int] | None:
        r = self.registers
        if r["rcx"] == 0:
            return None
        wrote = self._store(r["rdi"], r["rax"], 1)
        r["rdi"] += 1
        r["rcx"] -= 1
        if r["rcx"]:
            r["rip"] = rip
        return wrote


def _placed(row: Breakpoint) -> PhysicalBreakpoint | None:
    """What a target with everything has for it; a caught handler is a hardware breakpoint."""
    if row.address is None:
        return None
    software = row.kind is BreakpointKind.EXECUTE and row.means != "hw"
    kind = BreakpointKind.SOFTWARE if software else row.kind if row.kind.is_watch else BreakpointKind.EXECUTE
    return PhysicalBreakpoint(kind, row.address, row.length)
