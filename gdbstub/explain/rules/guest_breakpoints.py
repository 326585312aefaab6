"""Phase D: the breakpoints of DR0-DR3 behind the guest's own #DB, each by what DR7 says its register is for."""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.explain.exception_facts import ExceptionFacts, Executed
from gdbstub.explain.explanation import Cause, CauseName, Class, Confidence
from gdbstub.explain.rules.no_dr6_bits import owner
from gdbstub.explain.stop_facts import Finding
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.debug_registers import B_MASK, BS, Slot, covered

INSTRUCTION = ("SDM 3B 18.3.1.1",)
DATA = ("SDM 3B 18.3.1.2",)
DR6 = ("SDM 3B 18.2.3",)

SLOT_CAUSES: dict[BreakpointKind, tuple[CauseName, Class]] = {
    BreakpointKind.EXECUTE: ("instruction-breakpoint", "fault"),
    BreakpointKind.WRITE: ("data-write", "trap"),
    BreakpointKind.ACCESS: ("data-access", "trap"),
    BreakpointKind.IO: ("io-breakpoint", "trap"),
}


def breakpoints(event: ExceptionFacts) -> Iterator[Finding]:
    """B0-B3: each by what DR7 says its register is for."""
    if event.causes is None or event.causes & B_MASK == 0:
        return
    for n in range(4):
        if not event.causes >> n & 1:
            continue
        if event.dr7 is None:
            yield from _any_kind(event, n)
        elif event.dr7.enabled >> n & 1:
            slot = event.dr7.slots[n]
            if slot.type is BreakpointKind.EXECUTE:
                yield from _execute(event, slot)
            else:
                yield from _data(event, slot)


def _any_kind(event: ExceptionFacts, n: int) -> Iterator[Finding]:
    """DR7 is not known: what the register is for is open."""
    address = event.addresses[n]
    because = (f"DR6.B{n} is set", "DR7 is not known, so what kind of breakpoint it is stays open")
    for kind, (name, klass) in SLOT_CAUSES.items():
        elsewhere = address is not None and event.at is not None and address != event.at
        if kind is BreakpointKind.IO or (kind is BreakpointKind.EXECUTE and elsewhere):
            continue
        yield Finding(Cause(name, owner(event), klass, "possible", because, DR6, n), None, address)


def _execute(event: ExceptionFacts, slot: Slot) -> Iterator[Finding]:
    n = slot.number
    address = event.addresses[n]
    because: tuple[str, ...] = (f"DR6.B{n} is set", f"DR7 enables DR{n} for instructions")
    level: Confidence = "possible"
    if address is not None and event.at is not None:
        if address != event.at:
            return
        because = (*because, "the saved RIP is DRn: the instruction there has not run")
        level = "certain" if event.exact_address and not event.rf else "likely"
    sources: tuple[str, ...] = INSTRUCTION
    if slot.length != 1:
        level, sources = "likely" if level == "certain" else level, (*INSTRUCTION, "SDM 3B 18.2.4")
        because = (*because, f"LEN{n} is not 00, which leaves an instruction breakpoint undefined")
    yield Finding(
        Cause("instruction-breakpoint", owner(event), "fault", level, because, sources, n),
        event.next_instruction(),
        event.at if address is None else address,
    )


def _data(event: ExceptionFacts, slot: Slot) -> Iterator[Finding]:
    """Data and I/O. The access is over; which instruction made it is read from what ran before the saved RIP."""
    n = slot.number
    address = event.addresses[n]
    name, klass = SLOT_CAUSES[slot.type]
    because = [f"DR6.B{n} is set", f"DR7 enables DR{n} for {'I/O' if slot.type is BreakpointKind.IO else 'data'}"]
    culprit = None if address is None else accessor(event, slot, address)
    if culprit is not None:
        because.append(f"{event.standing(culprit)} accesses what it covers")
        if address is not None and address % slot.length:
            start = covered(address, slot.length).start
            because.append(f"LEN{n} masks the low bits of DR{n}: it covers {slot.length} bytes from {start:#x} on")
    level: Confidence = "certain" if culprit is not None else "likely"
    if slot.type is BreakpointKind.IO and not event.de:
        because.append("CR4.DE is not known" if event.de is None else "CR4.DE is 0, which leaves this type undefined")
        level = "likely" if culprit is not None else "possible"
    sources: tuple[str, ...] = DATA
    old = event.scene.abilities.keeps_old_hits
    if old is not None and culprit is None and event.causes and event.causes & BS and event.scene.reply is None:
        level, sources = "possible", (*DATA, *old.sources)
        because.append(old.clause)
    shown = culprit
    if shown is None and event.came_straight():
        could = event.likeliest_that(lambda candidate: _could(event, candidate, slot, address))
        shown = could if could is not None and event.came_by(could) else None
    if shown is None:
        shown = next((one for one in event.departures() if event.hits(one, slot, address or 0)), None)
    guess = shown is not None and shown is not culprit and not shown.exact
    cause = Cause(name, owner(event), klass, level, tuple(because), sources, n)
    yield Finding(cause, event.instruction(shown), address, guess)


def accessor(event: ExceptionFacts, slot: Slot, address: int) -> Executed | None:
    """The instruction whose operand or port is known to lie in what the breakpoint covers."""
    agrees = event.uses_port if slot.type is BreakpointKind.IO else event.hits
    found = event.culprit(lambda candidate: agrees(candidate, slot, address) is True)
    return found if found is not None and event.came_by(found) else None


def _could(event: ExceptionFacts, candidate: Executed, slot: Slot, address: int | None) -> bool:
    """Whether the instruction is of the kind that the breakpoint watches, and is not known to access other places."""
    if slot.type is BreakpointKind.IO:
        return candidate.shape.port_size > 0
    if address is not None and event.hits(candidate, slot, address) is False:
        return False
    return any(operand.writes or slot.type is BreakpointKind.ACCESS for operand in candidate.shape.memory)
