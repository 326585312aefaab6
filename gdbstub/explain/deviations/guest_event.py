"""Guest events held against the architecture model: what differs from the #DB that was due, one sentence each.

The instruction that is judged is one that is known to have run last, or one whose own cause is certain.
`undelivered.py` does the same for stops of the debugger, where a #DB of the guest's was due and did not come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gdbstub.explain.evidence import Action
from gdbstub.explain.exception_facts import ExceptionFacts, Executed
from gdbstub.explain.explanation import Cause
from gdbstub.explain.model.traps import SYSTEM
from gdbstub.explain.quirks.lookup import QuirkName, known_quirk
from gdbstub.explain.reconstruct import Ran, judged
from gdbstub.explain.rules.no_dr6_bits import resumed
from gdbstub.explain.stop_facts import Finding, known
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.debug_registers import B_MASK, BS
from gdbstub.x86.decode import instruction, predecessors, shape
from gdbstub.x86.instructions import Shape
from gdbstub.x86.registers import DEBUGCTL_BTF, TF

Departure = Callable[[ExceptionFacts, list[Finding], Ran], Iterator[str]]


def departures(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """What differs, for #DB; nothing where no instruction can be judged."""
    if event.vector != 1:
        return
    yield from late_trap(event, found)
    ran = judged_instruction(event, found)
    if ran is None:
        yield from merge_missing(event, found)
        yield from probably_untouched(event, found)
    elif not resumed(event):
        for check in DEPARTURES:
            yield from check(event, found, ran)


def judged_instruction(event: ExceptionFacts, found: list[Finding]) -> Ran | None:
    """The instruction that ran last if that is known, else one in front of the saved RIP whose trap is certain."""
    if event.exact is not None:
        return judged(event, event.exact)
    sure = (row for row in found if row.cause.klass == "trap" and row.cause.confidence == "certain" and not row.guess)
    ran = next((row.instruction for row in sure if row.instruction is not None), None)
    what = None if ran is None else shape(ran.bytes, event.mode)
    return None if ran is None or what is None else judged(event, Executed(what, ran.address, False))


def _text(event: ExceptionFacts, ran: Ran) -> str:
    return f"`{instruction(ran.shape, ran.address, event.mode).text}`"


def step_missing(event: ExceptionFacts, found: list[Finding], ran: Ran) -> Iterator[str]:
    """TF was set, the instruction completed, and BS is clear."""
    due, causes = ran.prediction.due, event.causes
    if due is None or causes is None or not due.bits & BS or causes & BS:
        return
    others = ", ".join(f"B{n}" for n in range(4) if causes >> n & 1)
    beside = f" beside {others}" if others else ""
    name: QuirkName = "tcg-io-without-step" if ran.shape.port_size else "tcg-sti-hides-step"
    quirk = known_quirk(event.scene, name) if ran.shape.port_size or "sti" in ran.shape.traits else ""
    yield f"TF was set when {_text(event, ran)} completed, so hardware sets BS{beside}; it is clear.{quirk}"


def hits_missing(event: ExceptionFacts, found: list[Finding], ran: Ran) -> Iterator[str]:
    """A breakpoint whose condition the instruction met, or that stands on the next one, and whose bit is clear."""
    due, causes = ran.prediction.due, event.causes
    if due is None or causes is None or not (due.bits | due.maybe) & causes:
        return
    for n in range(4):
        if not due.bits & ~causes & B_MASK & 1 << n or event.dr7 is None:
            continue
        kind = event.dr7.slots[n].type
        if kind is BreakpointKind.IO:
            yield (
                f"{_text(event, ran)} uses a port that DR{n} covers, so hardware sets B{n} too; it is clear."
                f"{known_quirk(event.scene, 'kvm-no-io-hits')}"
            )
        elif kind is BreakpointKind.EXECUTE:
            yield _not_merged(event, n)
        else:
            yield (
                f"{_text(event, ran)} also accesses what DR{n} covers, so hardware sets B{n} too; it is clear."
                f"{known_quirk(event.scene, 'tcg-one-data-hit', 'emulated-cpu-one-data-hit')}"
            )


def merge_missing(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """A trap that was delivered in front of an instruction breakpoint whose bit is clear, whatever ran last. Iterations
    of REP have RF set, and an IRET may have set it."""
    here, last = event.next_shape(), event.last_instruction()
    if event.dr7 is None or event.causes is None or not event.exact_address or here is None or "rep" in here.traits:
        return
    if last is None or "iret" in last.shape.traits or not any(_merges(row.cause) for row in found):
        return
    for slot in event.dr7.slots:
        stands = slot.enabled and slot.type is BreakpointKind.EXECUTE and event.addresses[slot.number] == event.at
        if stands and not event.causes >> slot.number & 1:
            yield _not_merged(event, slot.number)


def _merges(cause: Cause) -> bool:
    return cause.confidence == "certain" and cause.klass == "trap" and cause.cause != "icebp"


def _not_merged(event: ExceptionFacts, n: int) -> str:
    names: tuple[QuirkName, ...] = ("kvm-breakpoint-after-step",)
    if event.at != event.rip:
        names = ("tcg-breakpoint-by-eip", *names)
    return (
        f"DR{n} breaks on the next instruction, so hardware sets B{n} in the same #DB; it is clear."
        f"{known_quirk(event.scene, *names)}"
    )


def shadow_not_kept(event: ExceptionFacts, found: list[Finding], ran: Ran) -> Iterator[str]:
    """Traps of MOV SS or POP SS that were delivered directly behind it."""
    if "mov-ss" not in ran.shape.traits or ran.setting.shadow or event.at != ran.address + len(ran.shape.bytes):
        return
    causes = event.causes or 0
    if ran.prediction.held & causes & B_MASK:
        yield (
            f"The data breakpoint of {_text(event, ran)} was delivered directly behind it; hardware puts it off until "
            f"after the next instruction.{known_quirk(event.scene, 'tcg-mov-ss-data', 'emulated-cpu-mov-ss-data')}"
        )
    elif ran.prediction.held & causes & BS:
        yield (
            f"The step over {_text(event, ran)} trapped directly behind it; hardware puts it off until after the next "
            f"instruction.{known_quirk(event.scene, 'kvm-emulated-shadow')}"
        )


def last_iteration(event: ExceptionFacts, found: list[Finding], ran: Ran) -> Iterator[str]:
    """A REP whose count is used up, and a saved RIP that is still on it."""
    due = ran.prediction.due
    if "rep" in ran.shape.traits and due is not None and event.at == ran.address and due.places and due.rf is False:
        yield (
            "The last iteration of the REP instruction is done, and the saved RIP is still on it; hardware saves the "
            f"address behind it.{known_quirk(event.scene, 'tcg-rep-last', 'emulated-cpu-rep-last')}"
        )


UNNAMED = frozenset((*SYSTEM, "indirect"))
"""Instructions that touch memory which no operand names."""


def untouched(event: ExceptionFacts, found: list[Finding], ran: Ran) -> Iterator[str]:
    """A data breakpoint that is said to have hit, after an instruction that touches no memory."""
    what = ran.shape
    if not ran.sure or what.memory or what.traits & UNNAMED or ran.setting.shadow:
        return
    for row in found:
        if row.cause.cause in ("data-write", "data-access") and row.cause.confidence == "likely":
            yield (
                f"DR6.B{row.cause.slot} is set, but {_text(event, ran)}, which ran last, touches no memory."
                f"{known_quirk(event.scene, 'tcg-stale-hits')}"
            )


def probably_untouched(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """The same beside a certain step, by the likeliest reading of the code in front of the saved RIP."""
    last = event.last_instruction() if event.came_straight() and _step(found) is not None else None
    if last is None or last.shape.memory or last.shape.traits & UNNAMED or event.shadow(last) is not None:
        return
    for row in found:
        if row.cause.cause in ("data-write", "data-access") and row.cause.confidence != "certain":
            yield (
                f"DR6.B{row.cause.slot} is set, but `{last.shape.text}`, which probably ran last, touches no memory."
                f"{known_quirk(event.scene, 'tcg-stale-hits')}"
            )


def no_branch(event: ExceptionFacts, found: list[Finding], ran: Ran) -> Iterator[str]:
    """BTF was set, yet the trap came after an instruction that is no branch."""
    debugctl = known(event.scene.evidence.before.debugctl)
    if debugctl is None or not debugctl & DEBUGCTL_BTF or _step(found) is None or "branch" in ran.shape.traits:
        return
    quirk = known_quirk(event.scene, "kvm-no-btf")
    yield f"DEBUGCTL.BTF was set, so only taken branches should trap, and no branch ran.{quirk}"


def step_unasked(event: ExceptionFacts, found: list[Finding], ran: Ran) -> Iterator[str]:
    """BS is new, and TF was set neither in front of the instruction nor behind it."""
    flags = ran.setting.rflags
    clear = flags is not None and not flags & TF and event.tf is False
    stepped = any(row.cause.cause == "single-step" for row in found)
    if ran.sure and clear and event.new(BS) and not ran.setting.held & BS and stepped:
        yield (
            f"BS is new, but TF was clear in front of {_text(event, ran)} and is clear behind it; hardware sets no BS."
            f"{known_quirk(event.scene, 'kvm-nmi-window-step')}"
        )


def _step(found: list[Finding]) -> Cause | None:
    causes = (row.cause for row in found if row.cause.confidence != "possible")
    return next((cause for cause in causes if cause.cause == "single-step"), None)


DEPARTURES: tuple[Departure, ...] = (
    shadow_not_kept,
    step_missing,
    hits_missing,
    last_iteration,
    untouched,
    no_branch,
    step_unasked,
)


def late_trap(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """The trap of an instruction that began with TF set did not come, and the next one's did."""
    for start in _stepped_from(event) if _step(found) is not None else ():
        first = shape(event.scene.code_at(start), event.mode)
        if first is None or "mov-ss" in first.traits or event.follows(first, start):
            continue
        second = shape(event.scene.code_at(start + len(first.bytes)), event.mode)
        if second is not None and event.follows(second, start + len(first.bytes)):
            yield _late(event, first, second)
            return


def _late(event: ExceptionFacts, first: Shape, second: Shape) -> str:
    why = ", whose shadow holds off interrupts only" if "sti" in first.traits else ""
    quirk = known_quirk(event.scene, "tcg-sti-hides-step") if "sti" in first.traits else ""
    due = f"hardware traps after {first.mnemonic.upper()} too{why}"
    return f"One trap covers `{first.text}` and `{second.text}`; {due}.{quirk}"


def _stepped_from(event: ExceptionFacts) -> Iterator[int]:
    """Where an instruction began with TF set that is not the one in front of the saved RIP: as stepped, as the last
    handler returned to it, or an STI behind the POPF that set TF."""
    scene = event.scene
    if scene.action is Action.STEP and scene.start is not None:
        if (known(scene.evidence.before.rflags) or 0) & TF:
            yield scene.start
        return
    last = known(scene.evidence.last_frame)
    if last is not None and last.rflags & TF and event.tf and event.frame is not None and last.cs == event.frame.cs:
        start = event.linear(last.rip)
        first = shape(scene.code_at(start), event.mode)
        if start is not None and first is not None and "sti" in first.traits:
            yield start  # any other may have raised an exception, whose handler went on behind it
    behind = _sti_behind_popf(event)
    if behind is not None:
        yield behind


def _sti_behind_popf(event: ExceptionFacts) -> int | None:
    """Where an STI stands behind the POPF that set TF and in front of the instruction that ran last, which the last
    handler did not return to: then STI ran with TF set, and its trap was not seen."""
    ran, last = event.last_instruction(), known(event.scene.evidence.last_frame)
    if ran is None or ran.exact or last is None or not event.tf:
        return None
    chain = []
    address = ran.address
    for _ in range(2):
        before = predecessors(event.scene.code_before(address), event.mode)[:1]
        if not before:
            return None
        address -= len(before[0].bytes)
        chain.append(before[0].traits)
    return address + 1 if "sti" in chain[0] and "popf" in chain[1] else None
