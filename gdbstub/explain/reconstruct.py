"""Evidence → `VcpuState`: the vCPU in front of the instruction that a stop is about, for the architecture model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from gdbstub.explain.evidence import Action, CpuFacts
from gdbstub.explain.exception_facts import ExceptionFacts, Executed
from gdbstub.explain.model.predict import predict
from gdbstub.explain.model.vcpu_state import Prediction, VcpuState
from gdbstub.explain.stop_facts import StopFacts, known
from gdbstub.x86.decode import LINEAR_MASKS
from gdbstub.x86.instructions import Shape, Trait
from gdbstub.x86.registers import CR4_DE, RF

CHANGES_FLAGS: frozenset[Trait] = frozenset(("popf", "iret", "sysret", "syscall", "gate"))
"""Behind them TF and RF are not what they were in front."""


def debugctl(scene: StopFacts) -> int | None:
    """DEBUGCTL before the stop; where the platform drops what a guest writes to BTF, that bit counts as 0."""
    said = known(scene.evidence.before.debugctl)
    return 0 if said is None and scene.vendor in scene.abilities.drops_btf else said


def _de(moment: CpuFacts) -> bool | None:
    cr4 = known(moment.cr4)
    return None if cr4 is None else bool(cr4 & CR4_DE)


def in_front_of_the_step(scene: StopFacts) -> VcpuState | None:
    """The state from which a step of the debugger went; None where RIP or the bytes there were not known."""
    before = scene.evidence.before
    code = known(before.bytes)
    if scene.start is None or scene.came_from is None or not code:
        return None
    return VcpuState(
        mode=scene.mode,
        address=scene.start,
        code=code,
        base=scene.start - scene.came_from & LINEAR_MASKS[scene.mode],
        rflags=known(before.rflags),
        cpl=_cpl_before(scene),
        registers=known(before.registers) or {},
        dr=(known(before.dr0), known(before.dr1), known(before.dr2), known(before.dr3)),
        dr6=known(before.dr6),
        dr7=known(before.dr7),
        de=_de(before),
        debugctl=debugctl(scene),
        vendor=scene.vendor,
        target=scene.pc,
    )


def _cpl_before(scene: StopFacts) -> int | None:
    cs = known(scene.evidence.before.cs)
    if cs is not None:
        return cs & 3
    stepped = scene.stepped_shape
    return None if stepped is None or "indirect" in stepped.traits else known(scene.evidence.cpl)


class Ran(NamedTuple):
    """An instruction that ran in front of an event, and what the architecture says of it. ``sure`` says that it is
    known to have been the last one."""

    shape: Shape
    address: int
    sure: bool
    setting: VcpuState
    prediction: Prediction


def judged(event: ExceptionFacts, ran: Executed) -> Ran:
    """What the architecture says of ``ran``, seen from the event that it led to."""
    setting = _in_front_of(event, ran, held=_held(event, ran))
    return Ran(ran.shape, ran.address, ran.exact, setting, predict(setting))


def _held(event: ExceptionFacts, ran: Executed) -> int | None:
    """What a MOV SS or POP SS directly in front of ``ran`` put off; None where there is none."""
    shadow = None if ran.exact and event.scene.action is not Action.STEP else event.shadow(ran)
    return None if shadow is None else predict(_in_front_of(event, shadow, held=None)).held


def _in_front_of(event: ExceptionFacts, ran: Executed, *, held: int | None) -> VcpuState:
    """It has run, so no debug fault of its own came: RF is taken as set, and DR7.GD as clear."""
    scene, frame = event.scene, event.frame
    changed = bool(ran.shape.traits & CHANGES_FLAGS)
    stepped = _stepped_registers(event, ran)
    rflags = known(scene.evidence.before.rflags) if stepped is not None else None
    if stepped is None and frame is not None and not changed:
        rflags = frame.rflags
    base = 0 if event.at is None or event.rip is None else event.at - event.rip & LINEAR_MASKS[event.mode]
    dr0, dr1, dr2, dr3 = event.addresses
    return VcpuState(
        mode=event.mode,
        address=ran.address,
        code=scene.code_at(ran.address) or ran.shape.bytes,
        base=base,
        rflags=None if rflags is None else rflags | RF,
        cpl=None if frame is None or changed else frame.cs & 3,
        registers=event.registers if stepped is None else stepped,
        executed=stepped is None,
        dr=(dr0, dr1, dr2, dr3),
        dr6=known(scene.evidence.before.dr6),
        dr7=None if event.dr7 is None else event.dr7.value,
        de=event.de,
        debugctl=debugctl(scene),
        vendor=scene.vendor,
        target=event.at,
        shadow=held is not None,
        held=held or 0,
    )


def _stepped_registers(event: ExceptionFacts, ran: Executed) -> Mapping[str, int] | None:
    """The registers in front of ``ran`` where it is the instruction that the debugger stepped from."""
    scene = event.scene
    if scene.action is not Action.STEP or not ran.exact or ran.address != scene.start:
        return None
    return known(scene.evidence.before.registers)
