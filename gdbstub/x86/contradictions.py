"""Where what was seen departs from the architecture, one sentence each, with the known quirk if it is one.

What did *not* happen can't be seen at a stop, so most of these need an instruction that is known to have run: one
that was stepped over, or the one that the last handler returned to with TF set.
"""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.x86.debug_registers import B_MASK, BLD, BS, BT, DR7_GD, cause_names
from gdbstub.x86.decode import predecessors, shape
from gdbstub.x86.event import Event, Executed
from gdbstub.x86.evidence import Action
from gdbstub.x86.quirks import QuirkName, explained
from gdbstub.x86.registers import DEBUGCTL_BTF, RF, TF, VM
from gdbstub.x86.scene import Found, Scene, known
from gdbstub.x86.shapes import Trait


def quirk(scene: Scene, name: QuirkName) -> str:
    return explained(name, scene.backend, known(scene.evidence.platform.version))


def _named(found: list[Found], *names: str) -> Found | None:
    return next((row for row in found if row.cause.cause in names and row.cause.confidence != "possible"), None)


def reserved_bits(event: Event, found: list[Found]) -> Iterator[str]:
    """DR6 with values that no CPU shows."""
    if event.dr6 is None or event.vector != 1:
        return
    if event.dr6.reinjected:
        yield (
            f"DR6 is {event.dr6.value:#x}: all bits that read 1 are 0, which no CPU does; its bits are read here as "
            f"causes of positive polarity, without BLD and RTM.{quirk(event.scene, 'kvm-reinjected-polarity')}"
        )
    else:
        for wrong in event.dr6.reserved_wrong:
            yield f"DR6 is {event.dr6.value:#x}: {wrong}."


def icebp_is_ud(event: Event, found: list[Found]) -> Iterator[str]:
    if event.vector == 6 and event.behind_code[:1] == b"\xf1":
        yield f"INT1 (F1) raised #UD; hardware raises #DB behind it.{quirk(event.scene, 'tcg-icebp-ud')}"


def icebp_again(event: Event, found: list[Found]) -> Iterator[str]:
    icebp = _named(found, "icebp")
    if icebp is not None and icebp.instruction is not None and icebp.instruction.address == event.at:
        yield (
            "The saved RIP is the INT1 itself; hardware saves the address behind it."
            f"{quirk(event.scene, 'kvm-icebp-reinjected')}"
        )


def disabled_hits(event: Event, found: list[Found]) -> Iterator[str]:
    """B bits of registers that DR7 does not enable, or whose instruction breakpoint stands elsewhere. INT 1 leaves DR6
    as it was, and INT1 on AMD leaves the old B bits (Xen x86_merge_dr6), so nothing is wrong there."""
    if event.causes is None or event.dr7 is None or event.vector != 1:
        return
    if _named(found, "software-interrupt") or (_named(found, "icebp") and event.scene.vendor != "intel"):
        return
    claimed = sum(1 << row.cause.slot for row in found if row.cause.slot is not None)
    for n in range(4):
        if not event.causes >> n & 1 or claimed >> n & 1:
            continue
        if event.dr7.enabled >> n & 1:
            yield (
                f"DR6.B{n} is set, but DR{n} is an instruction breakpoint and the saved RIP is elsewhere; it is no "
                f"cause of this event.{quirk(event.scene, 'tcg-stale-hits')}"
            )
        elif event.old is not None and event.old >> n & 1:
            yield (
                f"DR6.B{n} is left from before, and no cause; hardware replaces B0-B3 at each #DB."
                f"{quirk(event.scene, 'tcg-stale-hits')}"
            )
        else:
            yield f"DR6.B{n} is set although DR7 does not enable DR{n}.{quirk(event.scene, 'disabled-hits')}"


def nested(event: Event, found: list[Found]) -> Iterator[str]:
    """A #DB whose saved RIP is the handler's first instruction: it came while the first was delivered."""
    if event.vector != 1 or event.at is None or event.at != event.scene.pc:
        return
    yield (
        "The saved RIP is the first instruction of the #DB handler itself: this #DB came while another was being "
        f"delivered, which hardware does only for a data breakpoint on the handler's own stack or tables."
        f"{quirk(event.scene, 'tcg-nested-step-data')}"
    )


def step_bit_missing(event: Event, found: list[Found]) -> Iterator[str]:
    """TF was set and an instruction completed, yet BS is clear."""
    io = _named(found, "io-breakpoint")
    if io is None or not event.tf or event.causes is None or event.causes & BS:
        return
    if io.instruction is None or io.cause.confidence != "certain":
        return
    yield (
        f"TF was set when `{io.instruction.text}` completed, so hardware sets BS beside B{io.cause.slot}; it is clear."
        f"{quirk(event.scene, 'tcg-io-without-step')}"
    )


def shadow_not_kept(event: Event, found: list[Found]) -> Iterator[str]:
    """A data breakpoint of MOV SS or POP SS that was delivered directly behind it."""
    data = _named(found, "data-write", "data-access")
    if data is None or data.instruction is None or data.instruction.address + len(data.instruction.bytes) != event.at:
        return
    what = shape(data.instruction.bytes, event.mode)
    if what is not None and "mov-ss" in what.traits:
        yield (
            f"The data breakpoint of `{data.instruction.text}` was delivered directly behind it; hardware puts it off "
            f"until after the next instruction.{quirk(event.scene, 'tcg-mov-ss-data')}"
        )


def step_covered_two(event: Event, found: list[Found]) -> Iterator[str]:
    """The last handler returned with TF to an STI, and this trap came one instruction too late."""
    step = _named(found, "single-step")
    last = known(event.scene.evidence.last_frame)
    start: int | None
    if event.scene.action is Action.STEP and event.scene.start is not None:
        start, flags = event.scene.start, known(event.scene.evidence.before.rflags) or 0
    elif last is not None and last.rflags & TF and _is(event, event.linear(last.rip), "sti"):
        start, flags = event.linear(last.rip), last.rflags
    else:
        start, flags = _sti_behind_popf(event), TF
    if step is None or start is None or not flags & TF:
        return
    first = shape(event.scene.code_at(start), event.mode)
    if first is None or "sti" not in first.traits:
        return
    second = shape(event.scene.code_at(start + len(first.bytes)), event.mode)
    if second is not None and event.follows(second, start + len(first.bytes)):
        yield (
            f"One trap covers `{first.text}` and `{second.text}`; hardware traps after STI too, whose shadow holds off "
            f"interrupts only.{quirk(event.scene, 'tcg-sti-hides-step')}"
        )


def _is(event: Event, address: int | None, trait: Trait) -> bool:
    what = shape(event.scene.code_at(address), event.mode)
    return what is not None and trait in what.traits


def _sti_behind_popf(event: Event) -> int | None:
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


def resume_flag(event: Event, found: list[Found]) -> Iterator[str]:
    """RF in the frame: 1 between the iterations of REP, 0 for every other #DB."""
    if event.vector != 1 or event.frame is None or event.causes is None:
        return
    rf = bool(event.frame.rflags & RF)
    here = event.next_shape()
    repeats = here is not None and "rep" in here.traits
    exact = event.exact
    step = _named(found, "single-step")
    over = step is not None and step.instruction is not None and step.instruction.address == event.at
    iterating = repeats and (over or (exact is not None and exact.address == event.at))
    if iterating and not rf:
        yield (
            "RF is 0 in the frame although iterations of the REP instruction remain; hardware saves 1."
            f"{quirk(event.scene, 'tcg-rep-rf')}"
        )
    elif rf and not repeats and _named(found, "single-step", "data-write", "data-access", "io-breakpoint", "icebp"):
        yield "RF is 1 in the frame; hardware saves 0 for a trap outside REP, so somebody has set it since."


def io_without_de(event: Event, found: list[Found]) -> Iterator[str]:
    row = next((row for row in found if row.cause.cause == "io-breakpoint"), None)
    if row is not None and event.de is False:
        yield (
            f"DR{row.cause.slot} has the I/O type while CR4.DE is 0, where it is undefined."
            f"{quirk(event.scene, 'tcg-io-without-de')}"
        )


def bus_lock_in_kernel(event: Event, found: list[Found]) -> Iterator[str]:
    frame = event.frame
    if frame is not None and event.vector == 1 and event.new(BLD) and not frame.cs & 3 and not frame.rflags & VM:
        yield "DR6.BLD is 0 although the interrupted code ran at CPL 0; bus locks trap at CPL above 0 only."


def no_branch(event: Event, found: list[Found]) -> Iterator[str]:
    """BTF was set, yet the trap came after an instruction that is no branch."""
    debugctl = known(event.scene.evidence.before.debugctl)
    if debugctl is None or not debugctl & DEBUGCTL_BTF or _named(found, "single-step") is None:
        return
    yield (
        "DEBUGCTL.BTF was set, so only taken branches should trap, and no branch ran."
        f"{quirk(event.scene, 'kvm-no-btf')}"
    )


def unlikely_together(event: Event, found: list[Found]) -> Iterator[str]:
    """BT arrives alone: it ranks above every other debug trap (SDM 3A table 6-2)."""
    if event.causes is None or event.vector != 1 or not event.new(BT):
        return
    others = event.causes & (B_MASK | BS) & ~(event.old or 0)
    if others:
        yield f"BT is new together with {', '.join(cause_names(others))}; hardware delivers the task-switch trap alone."


def untouched(event: Event, found: list[Found]) -> Iterator[str]:
    """A data breakpoint that is said to have hit, after an instruction that touches no memory."""
    exact = event.exact
    row = _named(found, "data-write", "data-access")
    if exact is None or row is None or row.cause.confidence == "certain" or row.cause.slot is None or row.place is None:
        return
    what = exact.shape
    if what.memory or "gate" in what.traits or "indirect" in what.traits or "mov-ss" in what.traits:
        return
    if event.shadow(exact) is None:
        yield (
            f"DR6.B{row.cause.slot} is set, but `{what.text}`, which ran last, touches no memory."
            f"{quirk(event.scene, 'tcg-stale-hits')}"
        )


def missing_hits(event: Event, found: list[Found]) -> Iterator[str]:
    """A second data breakpoint that the same access hit, and whose bit is clear."""
    row = _named(found, "data-write", "data-access")
    if row is None or row.instruction is None or row.cause.confidence != "certain" or event.causes is None:
        return
    what = shape(row.instruction.bytes, event.mode)
    for slot in event.dr7.slots if event.dr7 is not None and what is not None else ():
        address = event.addresses[slot.number]
        data = slot.enabled and slot.type in ("write", "access")
        if what is None or address is None or not data or event.causes >> slot.number & 1:
            continue
        if event.hits(Executed(what, row.instruction.address, False), slot, address):
            yield (
                f"`{row.instruction.text}` also accesses what DR{slot.number} covers, so hardware sets "
                f"B{slot.number} too; it is clear.{quirk(event.scene, 'tcg-one-data-hit')}"
            )


def other_vector_named(event: Event, found: list[Found]) -> Iterator[str]:
    """The error code of an INT n that was refused names the gate: its index is n."""
    code = None if event.frame is None else event.frame.error_code
    what = event.next_shape()
    if code is None or event.vector not in (11, 13) or not code & 2 or code & 1 or what is None:
        return
    if what.interrupt is not None and code >> 3 != what.interrupt:
        yield (
            f"The error code {code:#x} names vector {code >> 3}, but the instruction is `{what.text}`; hardware gives "
            f"{what.interrupt * 8 + 2:#x}.{quirk(event.scene, 'tcg-idt-error-code')}"
        )


EVENT_RULES = (
    reserved_bits,
    icebp_is_ud,
    icebp_again,
    disabled_hits,
    nested,
    step_bit_missing,
    shadow_not_kept,
    step_covered_two,
    resume_flag,
    io_without_de,
    bus_lock_in_kernel,
    no_branch,
    unlikely_together,
    untouched,
    missing_hits,
    other_vector_named,
)


def detect_ignored(scene: Scene, found: list[Found]) -> Iterator[str]:
    """A MOV DR that was stepped over although DR7.GD was set."""
    if scene.action is not Action.STEP or scene.stepped_shape is None or scene.rip == scene.came_from:
        return
    dr7 = known(scene.evidence.before.dr7)
    if "mov-dr" in scene.stepped_shape.traits and dr7 is not None and dr7 & DR7_GD and known(scene.evidence.cpl) == 0:
        yield (
            f"`{scene.stepped_shape.text}` ran although DR7.GD was set; hardware raises #DB before it."
            f"{quirk(scene, 'tcg-no-general-detect')}"
        )


def stray_address(scene: Scene, found: list[Found]) -> Iterator[str]:
    """A watch packet for an address that nobody of ours watches."""
    if scene.reply.address is None or scene.breakpoints is None or not found:
        return
    row = found[0]
    if row.cause.cause in ("data-write", "data-access") and row.cause.owner != "debugger":
        yield (
            f"The stub reports a watchpoint at {scene.reply.address:#x}, where the debugger has none: QEMU looks the "
            "address up by the slot's number alone (QEMU kvm_handle_debug)."
        )


STOP_RULES = (detect_ignored, stray_address)
