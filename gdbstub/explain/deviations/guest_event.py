"""Guest events held against the architecture model: what differs from the #DB that was due, one sentence each.

The instruction that is judged is one that is known to have run last, or one whose own cause is certain.
`missed_db.py` does the same for stops of the debugger, where a #DB of the guest's was due and did not come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gdbstub.explain.deviations.late_trap import late_trap, single_step
from gdbstub.explain.exception_facts import ExceptionFacts, Executed
from gdbstub.explain.explanation import Cause
from gdbstub.explain.model.traps import SYSTEM
from gdbstub.explain.quirks.lookup import QuirkName, known_quirk
from gdbstub.explain.reconstruct import CHANGES_FLAGS, Ran, judged, put_off
from gdbstub.explain.rules.no_dr6_bits import resumed
from gdbstub.explain.stop_facts import Finding, known
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.debug_registers import B_MASK, BS
from gdbstub.x86.decode import instruction, shape
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
        yield from probably_not_kept(event, found)
        yield from probably_unasked(event, found)
        yield from shadowed_hit_missing(event, found)
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


def _if_it_ran(event: ExceptionFacts, last: Executed) -> str:
    """What the sentence hangs on: where nothing but its place speaks for ``last``, a branch may have led past it."""
    return ", if no branch led here" if event.only_stands_in_front(last) else ", which ran last"


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
    if due is None or causes is None or not ((due.bits | due.maybe) & causes or "icebp" in ran.shape.traits):
        return
    for n in range(4):
        if not due.bits & ~causes & B_MASK & 1 << n or event.dr7 is None:
            continue
        kind = event.dr7.slots[n].type
        shadow = event.shadow(Executed(*ran[:3]))
        if shadow is not None and ran.setting.held >> n & 1:
            yield _put_off_and_lost(event, shadow, n)
        elif kind is BreakpointKind.IO:
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


def _put_off_and_lost(event: ExceptionFacts, shadow: Executed, n: int) -> str:
    return (
        f"`{shadow.shape.text}` accesses what DR{n} covers, and its trap was put off until here, so hardware sets B{n} "
        f"too; it is clear.{known_quirk(event.scene, 'kvm-drops-shadowed-hits')}"
    )


def shadowed_hit_missing(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """The same by the likeliest reading of the code, in front of a certain step."""
    last = event.last_instruction() if event.came_straight() and single_step(found) is not None else None
    shadow = None if last is None else event.shadow(last)
    if shadow is None or event.causes is None:
        return
    lost = put_off(event, shadow) & B_MASK & ~event.causes
    for n in range(4):
        if lost >> n & 1:
            yield _put_off_and_lost(event, shadow, n)


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
            f"instruction.{known_quirk(event.scene, 'tcg-mov-ss-step', 'kvm-emulated-shadow')}"
        )


def probably_not_kept(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """The same by the likeliest reading of the code, where its operand can't be told: no trap at all comes there."""
    last = event.last_instruction() if event.came_straight() else None
    if last is None or "mov-ss" not in last.shape.traits or event.shadow(last) is not None:
        return
    for row in found:
        if row.cause.cause in ("data-write", "data-access") and row.cause.confidence != "possible":
            yield (
                f"The data breakpoint of DR{row.cause.slot} was delivered directly behind `{last.shape.text}`"
                f"{_if_it_ran(event, last)}; hardware puts it off until after the next instruction."
                f"{known_quirk(event.scene, 'tcg-mov-ss-data', 'emulated-cpu-mov-ss-data')}"
            )
        elif row.cause.cause == "single-step" and event.tf and event.new(BS):
            yield (
                f"The step trapped directly behind `{last.shape.text}`{_if_it_ran(event, last)}; hardware puts it off "
                f"until after the next instruction.{known_quirk(event.scene, 'tcg-mov-ss-step', 'kvm-emulated-shadow')}"
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
    """A data breakpoint that is said to have hit, after an instruction that touches no memory, or other places."""
    what = ran.shape
    if not ran.sure or (not what.memory and what.traits & UNNAMED) or ran.setting.shadow:
        return
    for row in found:
        if row.cause.cause in ("data-write", "data-access") and row.cause.confidence != "certain":
            does = _spares(event, Executed(what, ran.address, True), row)
            if does:
                yield (
                    f"DR6.B{row.cause.slot} is set, but {_text(event, ran)}, which ran last, {does}."
                    f"{known_quirk(event.scene, 'tcg-stale-hits')}"
                )


def _spares(event: ExceptionFacts, ran: Executed, row: Finding) -> str:
    """What ``ran`` does instead of accessing what a data breakpoint covers; empty where it may access that."""
    if not ran.shape.memory:
        return "touches no memory"
    n = row.cause.slot
    if n is None or event.dr7 is None or row.place is None or row.place % event.dr7.slots[n].length:
        return ""
    slot = event.dr7.slots[n]
    if event.hits(ran, slot, row.place) is not False:
        return ""
    reads = slot.type is BreakpointKind.WRITE and not any(operand.writes for operand in ran.shape.memory)
    return "writes no memory" if reads else f"does not access what DR{n} covers"


def probably_untouched(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """The same beside a certain step, by the likeliest reading of the code in front of the saved RIP."""
    last = event.last_instruction() if event.came_straight() and single_step(found) is not None else None
    if last is None or last.shape.memory or last.shape.traits & UNNAMED or event.shadow(last) is not None:
        return
    for row in found:
        if row.cause.cause in ("data-write", "data-access") and row.cause.confidence != "certain":
            yield (
                f"DR6.B{row.cause.slot} is set, but `{last.shape.text}`{_if_it_ran(event, last)}, touches no memory."
                f"{known_quirk(event.scene, 'tcg-stale-hits')}"
            )


def no_branch(event: ExceptionFacts, found: list[Finding], ran: Ran) -> Iterator[str]:
    """BTF was set, yet the trap came after an instruction that is no branch."""
    debugctl = known(event.scene.evidence.before.debugctl)
    if debugctl is None or not debugctl & DEBUGCTL_BTF or single_step(found) is None or "branch" in ran.shape.traits:
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


def probably_unasked(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """The same by the likeliest reading of the code: an instruction that leaves TF as it was."""
    last = event.last_instruction() if event.came_straight() else None
    stepped = any(row.cause.cause == "single-step" for row in found)
    if last is None or not stepped or event.new(BS) is False or event.tf is not False:
        return
    if last.shape.traits & CHANGES_FLAGS or event.shadow(last) is not None:
        return
    if event.new(BS) is None:
        yield (
            f"TF is clear behind `{last.shape.text}`{_if_it_ran(event, last)}, and that leaves TF as it was; hardware "
            "sets no BS then, and one that stays from before is no cause."
        )
    else:
        yield (
            f"BS is new, but TF is clear behind `{last.shape.text}`{_if_it_ran(event, last)}, and that leaves TF as it "
            f"was; hardware sets no BS.{known_quirk(event.scene, 'kvm-nmi-window-step')}"
        )


DEPARTURES: tuple[Departure, ...] = (
    shadow_not_kept,
    step_missing,
    hits_missing,
    last_iteration,
    untouched,
    no_branch,
    step_unasked,
)
