"""Phase X: gdbsx answers a ``c`` with signal 2 for every #DB of the guest, and for a pause of the domain.

Only #BP has an event of its own (`gdbsx_vcpu_event`), so the cause has to be read from the vCPU that stands there:
as its handler would, with the interrupted state in place of a frame. The guest has not seen this #DB.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gdbstub.explain.abilities import holds
from gdbstub.explain.evidence import Action, Known, Unknown
from gdbstub.explain.exception_facts import ExceptionFacts
from gdbstub.explain.explanation import Cause, Confidence
from gdbstub.explain.quirks.lookup import applies, version_of
from gdbstub.explain.rules import guest_breakpoints, guest_db, no_dr6_bits
from gdbstub.explain.rules.stop_reply import SIGINT
from gdbstub.explain.rules.xen_shared_registers import guest_bits, own_hits, shared
from gdbstub.explain.stop_facts import Finding, StopFacts, known
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.cpu_state import ExitEvent
from gdbstub.x86.debug_registers import B_MASK, DR6_INIT, decode_dr7
from gdbstub.x86.decode import shape
from gdbstub.x86.exceptions import Frame
from gdbstub.x86.registers import TF

BY_EXIT = "the vCPU left the guest for a #DB, whose DR6 this is"
CLEAR = "it was clear before"


def stopped(scene: StopFacts) -> bool:
    """Whether the answer is the one that stands for a #DB of the guest, or for a pause."""
    return scene.abilities.sigint_for_db is not None and scene.action is Action.CONTINUE and scene.signal == SIGINT


def taken(scene: StopFacts) -> Iterator[Finding]:
    """The causes that the stopped vCPU's DR6, DR7 and code bear out, else what such a stop may be."""
    says, takes = scene.abilities.sigint_for_db, scene.abilities.takes_every_db
    if not stopped(scene) or says is None or takes is None:
        return
    some = False
    left_for = known(scene.evidence.exit_event)
    if left_for == "none":
        because: tuple[str, ...] = ("this vCPU left the guest for no exception, so the domain was paused",)
        yield Finding(Cause("interrupt-request", "unknown", "none", "likely", because, takes.sources))
        return
    for found in _causes(scene, left_for):
        some = True
        cause = found.cause
        known_by_exit = (BY_EXIT,) if left_for == "db" else ()
        because = (
            *(why for why in cause.because if not (known_by_exit and why == CLEAR)),
            *known_by_exit,
            takes.clause,
        )
        level = _level(cause, left_for)
        yield found._replace(
            cause=cause._replace(confidence=level, because=because, sources=(*cause.sources, *takes.sources))
        )
    if not some and not any(True for _ in own_hits(scene)):
        yield Finding(Cause("unknown", "unknown", "none", "possible", (says.clause,), takes.sources))


def _level(cause: Cause, left_for: ExitEvent | None) -> Confidence:
    """Where the exit is known to be a #DB, what DR6 names is no guess; a step by branches may still be one."""
    if left_for is None:
        return "likely" if cause.confidence == "certain" else cause.confidence
    sure = cause.cause in ("single-step", "icebp") and guest_db.MAYBE_BRANCH not in cause.because
    return "certain" if sure and cause.owner == "guest" else cause.confidence


def _causes(scene: StopFacts, left_for: ExitEvent | None) -> Iterator[Finding]:
    here = shape(scene.code_at(scene.pc), scene.mode)
    ours = any(armed.kind is BreakpointKind.EXECUTE and armed.address == scene.pc for armed in shared(scene))
    leaves = scene.abilities.leaves_rip_on_icebp
    if leaves is not None and not ours and here is not None and "icebp" in here.traits and left_for != "db":
        because = ("the instruction at RIP is INT1 (F1)", leaves.clause)
        level: Confidence = "possible" if scene.breakpoints is None else "likely"
        yield Finding(Cause("icebp", "guest", "trap", level, because, leaves.sources), scene.decoded(scene.pc))
        return
    after, exit_dr6 = scene.evidence.after, guest_bits(scene)
    if exit_dr6 is not None:
        after = replace(after, dr6=Known(exit_dr6, "the DR6 of the exit, without the debugger's bits"))
    if isinstance(after.rip, Unknown) or isinstance(after.rflags, Unknown) or isinstance(after.dr6, Unknown):
        return
    selector = 0 if isinstance(after.cs, Unknown) else after.cs.value
    frame = Frame(after.rip.value, selector, after.rflags.value)
    evidence = replace(scene.evidence, after=after, vector=Known(1, "derived"), frame=Known(frame, "registers"))
    only_its = holds(scene.abilities.overwrites_dr6, scene.vendor) or left_for == "db"
    if only_its and scene.guest == "hvm":
        before = replace(evidence.before, dr6=Known(DR6_INIT, "only this event's bits are in DR6"))
        evidence = replace(evidence, before=before)
    event = ExceptionFacts(StopFacts(evidence))
    some = False
    for rule in guest_db.RULES:
        for found in rule(event):
            some = True
            yield found
    if not some and exit_dr6 is None:
        yield from _late_step(scene)


def _late_step(scene: StopFacts) -> Iterator[Finding]:
    """The guest's own single-step where DR6 is saved late: TF is left to tell."""
    old = scene.abilities.shows_old_dr6
    rflags, dr7 = known(scene.evidence.after.rflags), known(scene.evidence.after.dr7)
    if old is None or scene.guest == "pv" or scene.vendor == "intel" or rflags is None or not rflags & TF:
        return
    if dr7 is None or decode_dr7(dr7).enabled:
        return
    because = ("the guest's RFLAGS have TF set", old.clause)
    yield Finding(Cause("single-step", "guest", "trap", "likely", because, ("SDM 3B 18.3.1.4", *old.sources)))


RULES = (taken,)


def wiped_hits(event: ExceptionFacts) -> Iterator[Finding]:
    """A PV guest of the versions that lose the B bits of its own breakpoints: DR0-3 and the code are left to tell."""
    loses = event.scene.abilities.loses_hits
    if loses is None or event.causes is None or event.causes & B_MASK or no_dr6_bits.resumed(event):
        return
    if not applies("xen-hits-wiped", event.scene.evidence.platform) or event.scene.guest != "pv":
        return
    for slot in event.dr7.slots if event.dr7 is not None else ():
        address = event.addresses[slot.number]
        if not slot.enabled or address is None:
            continue
        name, klass = guest_breakpoints.SLOT_CAUSES[slot.type]
        because = (f"DR7 enables DR{slot.number}, whose condition is met here", loses.clause)
        level: Confidence = "likely" if version_of(known(event.scene.evidence.platform.version)) else "possible"
        cause = Cause(name, "guest", klass, level, because, loses.sources, slot.number)
        if slot.type is BreakpointKind.EXECUTE:
            if address == event.at:
                yield Finding(cause, event.next_instruction(), address)
        elif (culprit := guest_breakpoints.accessor(event, slot, address)) is not None:
            yield Finding(cause, event.instruction(culprit), address)


def lost_bus_lock(event: ExceptionFacts) -> Iterator[Finding]:
    """A bus lock where the platform takes the exit qualification for DR6 without turning BLD over: the bit is lost."""
    loses, scene = event.scene.abilities.loses_bus_lock, event.scene
    last = event.last_instruction()
    if (
        loses is None
        or not holds(loses, scene.vendor)
        or scene.guest != "hvm"
        or event.causes != 0
        or event.cpl in (0, None)
        or last is None
        or "lock" not in last.shape.traits
    ):
        return
    because = ("DR6 has no bit for a cause", "the instruction before the saved RIP locks the bus at CPL above 0")
    sources = (*loses.sources, "Linux buslock.rst")
    yield Finding(Cause("bus-lock", "guest", "trap", "possible", because, sources), event.instruction(last))


EVENT_RULES = (wiped_hits, lost_bus_lock)
