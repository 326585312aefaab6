"""Does gdbsx do on this Xen what dr6 counts on? Each function gives sentences about what is not so; none is good."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import NamedTuple

from tests.guests.image import read_image
from tests.labs.progress import Progress
from tests.labs.xen.dom0 import Dom0
from tests.labs.xen.domains import Domain
from tests.labs.xen.own_events import DEBUG_STOP, INT3_STOP, MOVES_ON, OWN_EVENTS, OwnEvent
from tests.labs.xen.session import Session, session

STEPS = 25
CODE_BYTES = 16
PATH = ("plain_top", "leaf")
PATH_STEPS = 4
"""Instructions from the one to the other."""
EXECUTE_0, WRITE_1 = 0x402, 0x00900408
"""DR7: the instruction at DR0; writes of eight bytes at DR1."""


class Checked(NamedTuple):
    """``faults`` are sentences, ``steps`` how many a second."""

    faults: list[str]
    steps: float


async def check(dom0: Dom0, domain: Domain, progress: Progress) -> Checked:
    """``domain`` is paused at its first instruction; it runs afterwards."""
    faults = []
    async with session(dom0, domain) as guest:
        for title, part in (("attach", _attach), ("steps", _steps), ("debug registers", _debug_registers)):
            progress.step(f"{domain.kind}, {domain.vcpus} vCPU: {title}")
            faults += [fault async for fault in part(guest)]
        for event in OWN_EVENTS:
            progress.step(f"{domain.kind}, {domain.vcpus} vCPU: the guest's own {event.name}")
            faults += [fault async for fault in _own_event(guest, event)]
        if domain.vcpus > 1 and not await guest.read_integer("other_count"):
            faults.append("vCPU 1 did not count")
        rate = await _rate(guest)
        await guest.rsp.detach()
    if "p" in (state := await _state(dom0, domain)):
        faults.append(f"after detach the domain is still paused: {state}")
    return Checked([f"{domain.kind}, {domain.vcpus} vCPU: {fault}" for fault in faults], rate)


async def _attach(guest: Session) -> AsyncIterator[str]:
    if (said := await guest.rsp.ask("?"))[:3] != INT3_STOP:
        yield f"the answer to ? is {said}"
    if (place := await guest.place()) != "start":
        yield f"it is not at its first instruction, but at {place}"
    code = _code(guest, "start")
    if (memory := await guest.rsp.read(guest.symbols["start"], len(code))) != code:
        yield f"memory at its first instruction is {memory.hex()}, and the image has {code.hex()}"
    if (stop := await guest.resume("s")) != (INT3_STOP, "start"):
        yield f"the first step of a domain that xl paused too goes nowhere, but this one ended at {stop[1]} ({stop[0]})"


def _code(guest: Session, name: str) -> bytes:
    """What the image has there."""
    address = guest.symbols[name]
    segments = read_image(guest.domain.image).segments
    segment = next(s for s in segments if s.address <= address < s.address + len(s.data))
    return segment.data[address - segment.address :][:CODE_BYTES]


async def _steps(guest: Session) -> AsyncIterator[str]:
    if (said := await guest.run_to(PATH[0])) != INT3_STOP:
        yield f"an INT3 of ours stopped it with {said}"
    for _ in range(PATH_STEPS):
        stop = await guest.resume("s")
    if stop != (INT3_STOP, PATH[1]):
        yield f"{PATH_STEPS} steps from {PATH[0]} ended at {stop[1]} ({stop[0]}), and not at {PATH[1]}"


async def _debug_registers(guest: Session) -> AsyncIterator[str]:
    """Set from dom0 while gdbsx holds the domain; a hit stops it there."""
    await guest.debug_registers(dr0=guest.symbols["leaf"], dr7=EXECUTE_0)
    for _ in range(2):
        await guest.pass_breakpoint()
        if (stop := await guest.resume()) != (DEBUG_STOP, "leaf"):
            yield f"a breakpoint of dom0 at leaf stopped it at {stop[1]} ({stop[0]})"
    if not (dr6 := (await guest.debug_registers())["dr6"]) & 1:
        yield f"DR6 does not name DR0: {dr6:#x}"
    await guest.debug_registers(dr0=0, dr1=guest.symbols["plain_count"], dr6=0xFFFF0FF0, dr7=WRITE_1)
    if (stop := await guest.resume()) != (DEBUG_STOP, "plain_counted"):
        yield f"a watchpoint of dom0 on plain_count stopped it at {stop[1]} ({stop[0]})"
    if not (dr6 := (await guest.debug_registers())["dr6"]) & 2:
        yield f"DR6 does not name DR1: {dr6:#x}"
    await guest.disarm()


async def _own_event(guest: Session, event: OwnEvent) -> AsyncIterator[str]:
    places = event.places(guest.domain.kind)
    before = await _handled(guest)
    await guest.write_integer("events", 1 << event.bit)
    for place in places:
        if (stop := await guest.resume()) != (event.signal, place):
            yield f"the guest's own {event.name} stopped it at {stop[1]} ({stop[0]}), expected {place} ({event.signal})"
        if place in MOVES_ON:
            await guest.move_to(MOVES_ON[place])
        elif place.endswith("_at"):
            await guest.pass_breakpoint()
    if not places:
        await guest.run_to("plain_loop")  # the round that it is in has read the mask already
        await guest.run_to("round_done")
    await guest.write_integer("events", 0)
    if (after := await _handled(guest)) != before + (not places):
        yield f"the guest's own {event.name}: its handlers ran {after - before} times"


async def _handled(guest: Session) -> int:
    """How many #BP and #DB the guest's handlers saw."""
    return await guest.read_integer("seen", 1) + await guest.read_integer("seen", 3)


async def _rate(guest: Session) -> float:
    await guest.run_to("plain_loop")
    began = time.monotonic()
    for _ in range(STEPS):
        await guest.rsp.ask("s")
    return STEPS / (time.monotonic() - began)


async def _state(dom0: Dom0, domain: Domain) -> str:
    return (await dom0.run("xl", "list", str(domain.id))).splitlines()[-1].split()[4]
