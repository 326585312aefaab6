"""Running one probe on borrowed ground: from a row of the tables to what was seen."""

from __future__ import annotations

import struct
from contextlib import suppress

import trio

from gdbstub.doctor.ground import PUSHED, Ground
from gdbstub.doctor.judges import LOG_CAPACITY
from gdbstub.doctor.probe import Logged, Probe, ProbeAddress, ProbeLog, VcpuMoment
from gdbstub.doctor.vcpu import Hung, Moved
from gdbstub.errors import Refused
from gdbstub.protocol.stops import Stopped, Watch
from gdbstub.x86.breakpoints import BreakpointKind

STEP_SECONDS = (0.5, 2.0)
"""A step takes microseconds; one that takes longer was lost, or waits in HLT. Where the guest then stands in neither,
the machine was busy, and everything is done again with more patience."""
FIRST_RUN, ALL_RUNS = 0.05, 2.0
"""Seconds that a guest may run before it is looked at, doubled from look to look; and all of them together."""
SIGABRT = 6
"""QEMU's signal for a hypervisor that gave up (run state ``internal-error``)."""
_RECORD = struct.Struct("<8Q")


class TooSlow(Exception):
    """A step was interrupted in the middle of the code: nothing can be concluded from it."""


async def exercise(ground: Ground, probe: Probe) -> ProbeLog:
    """Run ``probe`` once, or with more patience again. See `Exercise.run`."""
    for patience in STEP_SECONDS[:-1]:
        with suppress(TooSlow):
            return await Exercise(ground, probe, patience).run()
    return await Exercise(ground, probe, STEP_SECONDS[-1]).run()


class Exercise:
    """One run of a probe."""

    def __init__(self, ground: Ground, probe: Probe, patience: float) -> None:
        self._ground = ground
        self._vcpu = ground.vcpu
        self._probe = probe
        self._patience = patience
        self._armed: list[tuple[BreakpointKind, int, int]] = []
        self._moments: list[VcpuMoment] = []

    async def run(self) -> ProbeLog:
        """All of it. A guest that can't be stopped, or whose hypervisor gave up, is a `VcpuMoment` that says ``end``.

        Points are taken out in any case; what is in memory and registers is not put back here.
        """
        ground, probe = self._ground, self._probe
        await ground.settle()
        await ground.lay_out(probe)
        seen = ProbeLog(await self._moment(None), placed=probe.placed, ends=probe.ends, word=ground.word)
        try:
            refusal = await self._arm()
            code = await self._vcpu.remote.read_memory(ground.code, len(probe.placed)) if probe.placed else b""
            seen = seen._replace(refusal=refusal, armed=len(self._armed), code=code)
            if refusal is None:
                await self._go()
        except Hung:
            self._moments.append(_END)
        finally:
            await self._disarm()
        seen = seen._replace(moments=tuple(self._moments))
        if self._moments and self._moments[-1].ending == "end":
            return seen
        return seen._replace(stack=await self._stack(), log=await self._log())

    async def _arm(self) -> str | None:
        for point in self._probe.points:
            triple = (point.kind, self._ground.address(point.at), point.length)
            refusal = await self._vcpu.arm(*triple)
            if refusal is not None:
                return refusal
            self._armed.append(triple)
        return None

    async def _disarm(self) -> None:
        """Latest first. A stub that does not answer any more has nothing to take out."""
        with trio.CancelScope(shield=True):
            while self._armed and await self._vcpu.halt():
                point = self._armed.pop()
                with suppress(Refused):
                    await self._vcpu.disarm(*point)

    async def _go(self) -> None:
        for move in self._probe.moves:
            if move == "x":
                await self._disarm()
                continue
            moment = await (self._step() if move == "s" else self._continue())
            self._moments.append(moment)
            if moment.ending == "end" or (moment.ending == "silence" and self._rests(moment)):
                return

    async def _step(self) -> VcpuMoment:
        """One that was interrupted is lost where the guest spins, and waits where it is in HLT."""
        moment = await self._moment(await self._vcpu.move("s", self._patience))
        if moment.ending != "silence" or self._rests(moment) or self._patience == STEP_SECONDS[-1]:
            return moment
        if not (await self._vcpu.look()).halted:
            raise TooSlow
        return moment

    async def _continue(self) -> VcpuMoment:
        """To a stop, or to where the guest stays if nothing stops it."""
        patience, deadline = FIRST_RUN, trio.current_time() + ALL_RUNS
        while True:
            moment = await self._moment(await self._vcpu.move("c", patience))
            if moment.ending != "silence" or self._rests(moment) or trio.current_time() > deadline:
                return moment
            patience *= 2

    def _rests(self, moment: VcpuMoment) -> bool:
        """Does the guest stand where it stays: in the jump behind the code, or where its handlers leave it?"""
        own = self._ground.own
        ends = self._probe.ends
        return moment.place == ProbeAddress("code", ends[-1] if ends else 0) or (
            own is not None and moment.rip == own.stuck
        )

    async def _moment(self, moved: Moved | None) -> VcpuMoment:
        if moved is not None and (not isinstance(moved.stop, Stopped) or moved.stop.signal == SIGABRT):
            return _END
        state = await self._vcpu.look()
        place, dr6 = self._ground.place(state.pc), state.debug.dr6
        if moved is None:
            return VcpuMoment("start", None, place, state.rip, state.registers, dr6=dr6)
        assert isinstance(moved.stop, Stopped)
        return VcpuMoment(
            "stop" if moved.seconds is None else "silence",
            moved.stop.signal,
            place,
            state.rip,
            state.registers,
            self._watch(moved.stop),
            dr6,
            moved.seconds,
        )

    def _watch(self, stop: Stopped) -> tuple[str, int] | None:
        found = next((reason for reason in stop.reasons if isinstance(reason, Watch)), None)
        return None if found is None else (found.kind, found.address - self._ground.data)

    async def _stack(self) -> bytes:
        ground = self._ground
        if not ground.stack:
            return b""
        return await self._vcpu.remote.read_memory(ground.rsp - PUSHED, PUSHED)

    async def _log(self) -> tuple[Logged, ...]:
        own = self._ground.own
        if own is None:
            return ()
        read = self._vcpu.remote.read_memory
        count = min(int.from_bytes(await read(own.log_count, 4), "little"), LOG_CAPACITY)
        records = _RECORD.iter_unpack(await read(own.log, count * _RECORD.size)) if count else ()
        return tuple(
            Logged(vector, self._ground.place(rip), rip, rflags, dr6, dr7)
            for vector, _, rip, _, rflags, dr6, dr7, _ in records
        )


_END = VcpuMoment("end", None, None, 0, {})
