"""Phase X: gdbsx answers a ``c`` with signal 2 for every #DB of the guest, and for a pause of the domain.

Only #BP has an event of its own (`gdbsx_vcpu_event`), so the cause has to be read from the vCPU that stands there:
as its handler would, with the interrupted state in place of a frame. The guest has not seen this #DB.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gdbstub.x86 import rules_guest
from gdbstub.x86.decode import shape
from gdbstub.x86.event import Event
from gdbstub.x86.evidence import Action, Frame, Known, Unknown
from gdbstub.x86.explanation import Cause
from gdbstub.x86.rules_stop import SIGINT
from gdbstub.x86.scene import Found, Scene

SOURCES = ("Xen domain_pause_for_debugger", "gdbsx process_c_request")
TAKEN = "Xen paused the domain instead of delivering the #DB: the guest has not seen it"


def stopped(scene: Scene) -> bool:
    """Whether gdbsx gave the answer that stands for a #DB of the guest, or for a pause."""
    return scene.xen and scene.action is Action.CONTINUE and scene.reply.signal == SIGINT


def taken(scene: Scene) -> Iterator[Found]:
    """The causes that the stopped vCPU's DR6, DR7 and code bear out, else what such a stop may be."""
    if not stopped(scene):
        return
    some = False
    for found in _causes(scene):
        some = True
        cause = found.cause
        because = (*cause.because, TAKEN)
        level = "likely" if cause.confidence == "certain" else cause.confidence
        yield found._replace(
            cause=cause._replace(confidence=level, because=because, sources=(*cause.sources, *SOURCES))
        )
    if not some:
        because = ("gdbsx answers so for every #DB of the guest and for a pause of the domain",)
        yield Found(Cause("unknown", "unknown", "none", "possible", because, SOURCES))


def _causes(scene: Scene) -> Iterator[Found]:
    here = shape(scene.code_at(scene.pc), scene.mode)
    if here is not None and "icebp" in here.traits:
        because = ("the instruction at RIP is INT1 (F1)", "Xen on AMD leaves RIP on it")
        yield Found(Cause("icebp", "guest", "trap", "likely", because, ("Xen VMEXIT_ICEBP",)), scene.decoded(scene.pc))
        return
    after = scene.evidence.after
    if isinstance(after.rip, Unknown) or isinstance(after.rflags, Unknown) or isinstance(after.dr6, Unknown):
        return
    selector = 0 if isinstance(after.cs, Unknown) else after.cs.value
    frame = Frame(after.rip.value, selector, after.rflags.value)
    evidence = replace(scene.evidence, vector=Known(1, "derived"), frame=Known(frame, "registers"))
    event = Event(Scene(evidence))
    for rule in rules_guest.RULES:
        if rule is not rules_guest.injected:
            yield from rule(event)


RULES = (taken,)
