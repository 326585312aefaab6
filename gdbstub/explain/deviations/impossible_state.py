"""Values that no CPU shows so: DR6, RF and error codes of guest events, each with the known quirk if it is one."""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.explain.exception_facts import ExceptionFacts
from gdbstub.explain.quirks.lookup import known_quirk
from gdbstub.explain.rules import no_dr6_bits
from gdbstub.explain.rules.guest_rare_bits import no_transaction
from gdbstub.explain.rules.taken_in_step import UNDEFINED
from gdbstub.explain.stop_facts import Finding, StopFacts
from gdbstub.x86.debug_registers import B_MASK, BD, BLD, BS, BT, RTM, cause_names
from gdbstub.x86.registers import DEBUGCTL_BLD


def named(found: list[Finding], *names: str) -> Finding | None:
    return next((row for row in found if row.cause.cause in names and row.cause.confidence != "possible"), None)


def _own_slot(scene: StopFacts, n: int) -> bool:
    return any(armed.owner == "debugger" and armed.slot == n for armed in scene.breakpoints or ())


def reserved_bits(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """DR6 with values that no CPU shows."""
    if event.dr6 is None or event.vector != 1:
        return
    if event.dr6.reinjected:
        yield (
            f"DR6 is {event.dr6.value:#x}: all bits that read 1 are 0, which no CPU does; its bits are read here as "
            f"causes of positive polarity, without BLD and RTM.{known_quirk(event.scene, 'kvm-reinjected-polarity')}"
        )
    else:
        for wrong in event.dr6.reserved_wrong:
            yield f"DR6 is {event.dr6.value:#x}: {wrong}."


def icebp_is_ud(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    if event.vector == UNDEFINED and event.behind_code[:1] == b"\xf1":
        yield f"INT1 (F1) raised #UD; hardware raises #DB behind it.{known_quirk(event.scene, 'tcg-icebp-ud')}"


def icebp_is_ud_in_step(scene: StopFacts, found: list[Finding]) -> Iterator[str]:
    """The same of a step of the debugger's, in which nobody caught it."""
    stepped = scene.stepped_shape
    taken = next((row.cause for row in found if row.cause.taken == UNDEFINED), None)
    if stepped is not None and "icebp" in stepped.traits and taken is not None:
        raised = "raised" if taken.confidence == "certain" else f"{taken.confidence} raised"
        yield f"INT1 (F1) {raised} #UD; hardware raises #DB behind it.{known_quirk(scene, 'tcg-icebp-ud')}"


def icebp_again(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    icebp = named(found, "icebp")
    if icebp is not None and icebp.instruction is not None and icebp.instruction.address == event.at:
        yield (
            "The saved RIP is the INT1 itself; hardware saves the address behind it."
            f"{known_quirk(event.scene, 'kvm-icebp-reinjected')}"
        )


def disabled_hits(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """B bits of registers that DR7 does not enable, or whose instruction breakpoint stands elsewhere. INT 1 leaves DR6
    as it was, and INT1 on AMD leaves the old B bits (Xen x86_merge_dr6), so nothing is wrong there."""
    if event.causes is None or event.dr7 is None or event.vector != 1:
        return
    if named(found, "software-interrupt") or (named(found, "icebp") and event.scene.vendor != "intel"):
        return
    claimed = sum(1 << row.cause.slot for row in found if row.cause.slot is not None)
    for n in range(4):
        if not event.causes >> n & 1 or claimed >> n & 1:
            continue
        if event.dr7.enabled >> n & 1:
            yield (
                f"DR6.B{n} is set, but DR{n} is an instruction breakpoint and the saved RIP is elsewhere; it is no "
                f"cause of this event.{known_quirk(event.scene, 'tcg-stale-hits')}"
            )
        elif event.old is not None and event.old >> n & 1:
            yield (
                f"DR6.B{n} is left from before, and no cause; hardware replaces B0-B3 at each #DB."
                f"{known_quirk(event.scene, 'tcg-stale-hits', 'xen-hits-accumulate')}"
            )
        elif event.dr6 is not None and event.dr6.reinjected and _own_slot(event.scene, n):
            yield (
                f"DR6.B{n} is set for a breakpoint of the debugger, which the guest knows nothing of."
                f"{known_quirk(event.scene, 'kvm-reinjected-own-hits')}"
            )
        else:
            yield f"DR6.B{n} is set although DR7 does not enable DR{n}.{known_quirk(event.scene, 'disabled-hits')}"


def nested(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """A #DB whose saved RIP is the handler's first instruction: it came while the first was delivered."""
    if event.vector != 1 or event.at is None or event.at != event.scene.pc or no_dr6_bits.resumed(event):
        return
    yield (
        "The saved RIP is the first instruction of the #DB handler itself: this #DB came while another was being "
        f"delivered, which hardware does only for a data breakpoint on the handler's own stack or tables."
        f"{known_quirk(event.scene, 'tcg-nested-step-data')}"
    )


PAGE = 0x1000


def second_delivery(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """A data breakpoint that hits again behind the handler's first instruction, which does not access its place."""
    rsp = event.registers.get("rsp")
    first = event.handler_began()
    if first is None or rsp is None or event.vector != 1:
        return
    stack = rsp + (0 if event.mode == 64 else event.registers.get("ss_base", 0))
    for row in found:
        watched = row.cause.cause in ("data-write", "data-access") and row.cause.confidence != "certain"
        if watched and row.place is not None and row.place // PAGE == stack // PAGE:
            yield (
                f"The handler was entered for B{row.cause.slot} already, and its first instruction does not access "
                f"what DR{row.cause.slot} covers; hardware delivers this #DB once."
                f"{known_quirk(event.scene, 'tcg-stack-in-page')}"
            )


def unaligned(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """A data breakpoint whose address is no multiple of its length, and no access to the bytes that hardware takes."""
    for row in found:
        slot = None if event.dr7 is None or row.cause.slot is None else event.dr7.slots[row.cause.slot]
        if slot is None or row.place is None or row.cause.confidence == "certain" or slot.type.is_execution:
            continue
        if row.place % slot.length:
            start = row.place // slot.length * slot.length
            yield (
                f"DR{slot.number} is {row.place:#x}, which is no multiple of its length {slot.length}; hardware covers "
                f"the bytes from {start:#x} on, which no access is seen to."
                f"{known_quirk(event.scene, 'tcg-unaligned-data')}"
            )


def io_without_de(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    row = next((row for row in found if row.cause.cause == "io-breakpoint"), None)
    if row is not None and event.de is False:
        yield (
            f"DR{row.cause.slot} has the I/O type while CR4.DE is 0, where it is undefined."
            f"{known_quirk(event.scene, 'tcg-io-without-de')}"
        )


def bus_lock_not_asked_for(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    debugctl = event.debugctl
    row = next((row for row in found if row.cause.cause == "bus-lock"), None)
    off = debugctl is not None and not debugctl & DEBUGCTL_BLD
    if row is not None and event.causes and event.causes & BLD and off:
        yield (
            "DR6.BLD is 0 although bit 2 of the guest's DEBUGCTL is 0; hardware raises no #DB for a bus lock then."
            f"{known_quirk(event.scene, 'kvm-leaks-bus-lock-detect')}"
        )


def transaction_off(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    why = no_transaction(event)
    if event.vector in (1, None) and event.causes and event.causes & RTM and why is not None:
        yield f"DR6.RTM is 0 although {why}; no #DB comes from inside a transaction then."


def task_switch_in_64_bit_code(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    if any(row.cause.cause == "task-switch" for row in found) and event.in_64_bit_code:
        yield "DR6.BT is set in 64-bit code, where hardware has no task switches (SDM vol. 3A 8.7)."


def detect_in_user_code(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    if event.vector == 1 and event.new(BD) and event.cpl not in (0, None):
        yield f"DR6.BD is set for code at CPL {event.cpl}, where an access to a debug register raises #GP."


def bus_lock_in_kernel(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    if event.vector == 1 and event.new(BLD) and event.cpl == 0:
        yield "DR6.BLD is 0 although the interrupted code ran at CPL 0; bus locks trap at CPL above 0 only."


def unlikely_together(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """BT arrives alone: it ranks above every other debug trap (SDM 3A table 6-2). A trap is delivered before the next
    instruction is looked at, and delivery clears GD."""
    if event.causes is None or event.vector != 1:
        return
    if event.new(BD) and event.new(BS):
        yield "BD is new together with BS; hardware delivers the step first, which clears DR7.GD."
    if not event.new(BT):
        return
    others = event.causes & (B_MASK | BS) & ~(event.old or 0)
    if others:
        yield f"BT is new together with {', '.join(cause_names(others))}; hardware delivers the task-switch trap alone."


def other_vector_named(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """The error code of an INT n that was refused names the gate: its index is n."""
    code = None if event.frame is None else event.frame.error_code
    what = event.next_shape()
    if code is None or event.vector not in (11, 13) or not code & 2 or code & 1 or what is None:
        return
    if what.interrupt is not None and code >> 3 != what.interrupt:
        yield (
            f"The error code {code:#x} names vector {code >> 3}, but the instruction is `{what.text}`; hardware gives "
            f"{what.interrupt * 8 + 2:#x}.{known_quirk(event.scene, 'tcg-idt-error-code')}"
        )


def step_beside_icebp(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """INT1 sets no bit, TF or not (kvm-unit-tests debug.c)."""
    if named(found, "icebp") and event.tf and event.new(BS):
        yield f"DR6.BS is new at an INT1, which sets no bit.{known_quirk(event.scene, 'xen-false-step')}"


def detect_left_on(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """The CPU clears DR7.GD when it delivers a #DB, so that the handler may touch the debug registers."""
    if event.vector == 1 and event.dr7 is not None and event.dr7.general_detect and named(found, "general-detect"):
        yield "DR7.GD is still 1 in the handler; hardware clears it, or the handler's own MOV DR would fault."


def task_bit_missing(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    if named(found, "task-switch") and event.causes is not None and not event.causes & BT:
        quirk = known_quirk(event.scene, "xen-no-task-bit")
        yield f"The trap of the TSS's T flag came with BT clear; hardware sets it.{quirk}"


def hits_lost(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """A breakpoint or a bus lock that is a cause although its bit of DR6 says no."""
    if event.causes is None or no_dr6_bits.resumed(event):
        return
    for row in found:
        slot = row.cause.slot
        if slot is not None and not event.causes >> slot & 1:
            quirk = known_quirk(event.scene, "xen-hits-wiped")
            yield f"The condition of DR{slot} is met, so hardware sets B{slot}; it is clear.{quirk}"
        elif row.cause.cause == "bus-lock" and event.causes == 0:
            quirk = known_quirk(event.scene, "xen-loses-bus-lock")
            yield f"If a bus lock was taken, hardware sets BLD to 0; it is 1.{quirk}"


def leaked(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    if any(row.cause.owner == "debugger-leak" for row in found):
        yield (
            "The guest did not set the TF that this #DB comes from; without a debugger it would not be."
            f"{known_quirk(event.scene, 'kvm-leaks-tf')}"
        )
