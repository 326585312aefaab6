"""The words: one sentence for each cause, and the summary of a stop. The whole answer as text is in `render`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gdbstub.explain.evidence import Evidence
from gdbstub.explain.explanation import CauseName
from gdbstub.explain.stop_facts import Finding, known
from gdbstub.x86.error_codes import error_code_text
from gdbstub.x86.exceptions import Frame, bios_irq, vector
from gdbstub.x86.instructions import Instruction


def _over(found: Finding, word: str) -> str:
    if found.instruction is None:
        return ""
    if found.guess and found.in_front:
        return f", {word} the instruction in front, `{found.instruction.text}`, if no branch led here"
    return f"{', probably' if found.guess else ''} {word} `{found.instruction.text}`"


def _at(found: Finding) -> str:
    return "" if found.instruction is None else f" at {found.instruction.address:#x}"


def _behind(found: Finding) -> str:
    """The instruction that ran, and where RIP stands for a trap."""
    if found.instruction is None:
        return " (trap: RIP is already behind the instruction)"
    where = "RIP is already behind it"
    if found.instruction.text.startswith("rep"):
        where = "after an iteration; RIP stays on it until the last one"
    probably = ", probably" if found.guess else ""
    return f"{probably} by `{found.instruction.text}` at {found.instruction.address:#x} (trap: {where})"


def _not_run(found: Finding) -> str:
    what = "the instruction" if found.instruction is None else f"`{found.instruction.text}`"
    return f" (fault: {what} has not run)"


def _register(found: Finding) -> str:
    """ "DR1 " where the slot is known."""
    return "" if found.cause.slot is None else f"DR{found.cause.slot} "


def _single_step(found: Finding) -> str:
    over = _over(found, "over")
    return {
        "debugger": f"single-step by the debugger{over}",
        "guest": f"single-step by the guest{over}",
        "debugger-leak": f"single-step{over} from a TF that a step of the debugger left in the guest",
    }.get(found.cause.owner, f"single-step{over}")


def _branch_step(found: Finding) -> str:
    return f"branch step (TF with DEBUGCTL.BTF){_over(found, 'over')}"


def _instruction_breakpoint(found: Finding) -> str:
    place = "" if found.place is None else f" at {found.place:#x}"
    if found.cause.owner == "debugger":
        return f"hardware breakpoint of the debugger{place}{_not_run(found)}"
    return f"{_register(found)}instruction breakpoint{place}{_not_run(found)}"


def _watch(found: Finding) -> str:
    name = "write" if found.cause.cause == "data-write" else "access"
    if found.cause.owner == "debugger":
        place = "" if found.place is None else f" on {found.place:#x}"
        if found.misses and found.instruction is not None:
            return (
                f"{name} watch of the debugger{place} reported hit behind `{found.instruction.text}`, which misses it"
            )
        return f"{name} watch of the debugger{place} hit{_behind(found)}"
    return f"{_register(found)}{name} watch hit{_behind(found)}"


def _io(found: Finding) -> str:
    place = "" if found.place is None else f" on port {found.place:#x}"
    return f"{_register(found)}I/O breakpoint{place} hit{_behind(found)}"


def _general_detect(found: Finding) -> str:
    return f"general detect: access to a debug register while DR7.GD was set{_at(found)}{_not_run(found)}"


def _task_switch(found: Finding) -> str:
    return f"task switch to a TSS with its T flag set (trap: RIP is the new task's first instruction){_at(found)}"


def _icebp(found: Finding) -> str:
    return f"INT1 (ICEBP, F1){_at(found)}: a #DB that leaves no bit in DR6"


def _bus_lock(found: Finding) -> str:
    return f"bus lock taken{_behind(found)}"


def _rtm(found: Finding) -> str:
    return f"#DB inside a transaction, rolled back to its XBEGIN{_at(found)}"


def _injected(found: Finding) -> str:
    return "#DB put there by the hypervisor: DR6 has no bit and no INT1 is there"


def _software_breakpoint(found: Finding) -> str:
    place = "" if found.place is None else f" at {found.place:#x}"
    if found.cause.owner == "debugger":
        return f"software breakpoint of the debugger{place}"
    if found.cause.klass == "none":
        return f"`int 3` (CD 03) of the guest{place}: a software interrupt to vector 3 (RIP is behind it)"
    return f"INT3 of the guest{place} (trap: RIP is behind it)"


def _software_interrupt(found: Finding) -> str:
    return f"`int 1` (CD 01){_at(found)}: a software interrupt to vector 1, not a #DB (RIP is behind it)"


def _interrupt_request(found: Finding) -> str:
    if found.cause.owner == "debugger":
        return "stopped because the debugger asked for it"
    return "paused from outside the debugger"


def _shutdown(found: Finding) -> str:
    return f"shutdown: {found.cause.because[0]}"


def _internal_error(found: Finding) -> str:
    return "the hypervisor gave up on the guest with an internal error"


def _spurious(found: Finding) -> str:
    return "spurious stop: nothing accounts for it"


def _unknown(found: Finding) -> str:
    return "unknown: " + "; ".join(found.cause.because)


PHRASES: dict[CauseName, Callable[[Finding], str]] = {
    "instruction-breakpoint": _instruction_breakpoint,
    "data-write": _watch,
    "data-access": _watch,
    "io-breakpoint": _io,
    "general-detect": _general_detect,
    "single-step": _single_step,
    "branch-step": _branch_step,
    "task-switch": _task_switch,
    "icebp": _icebp,
    "bus-lock": _bus_lock,
    "rtm": _rtm,
    "injected": _injected,
    "software-breakpoint": _software_breakpoint,
    "software-interrupt": _software_interrupt,
    "interrupt-request": _interrupt_request,
    "shutdown": _shutdown,
    "internal-error": _internal_error,
    "spurious": _spurious,
    "unknown": _unknown,
}


def summarize(found: Sequence[Finding], evidence: Evidence) -> str:
    """One line: the causes that are more than possible, or else all; "possibly" where nothing is more."""
    sure = [row for row in found if row.cause.confidence != "possible"]
    shown = sure or found
    parts = []
    for row in shown:
        text = _phrase(row, evidence)
        if text not in parts:
            parts.append(text)
    line = "; and ".join(parts) if sure else " or ".join(parts)
    if (failed := known(evidence.failed)) is not None:
        line += f"; its delivery failed: {failed} came instead"
    return line if sure or found[0].cause.cause in ("unknown", "spurious") else f"possibly {line}"


def _phrase(row: Finding, evidence: Evidence) -> str:
    if row.cause.taken is not None:
        where = ": RIP is at its handler" if evidence.platform.abilities.step_stops_at_handler else ""
        return f"{_taken(row)}{where}"
    return _caught(row, evidence) if row.cause.cause == "exception" else PHRASES[row.cause.cause](row)


def _taken(found: Finding) -> str:
    """What the guest took in a step."""
    cause = found.cause
    if cause.cause == "single-step":
        return "the guest's TF then gave it a #DB"
    if cause.slot is not None:
        return f"the guest's own DR{cause.slot} gave it a #DB ({cause.klass})"
    name = "" if cause.klass == "none" else f"{vector(cause.taken or 0).name}, "
    return f"the guest took {name}vector {cause.taken} in this step"


def _caught(found: Finding, evidence: Evidence) -> str:
    """A vector that was caught, with its error code and what it is about."""
    number = known(evidence.vector) or 0
    row = vector(number)
    frame = known(evidence.frame) or known(evidence.unpushed)
    error = ""
    if frame is not None and frame.error_code is not None:
        error = f", error code {error_code_text(number, frame.error_code)}"
    address = "" if found.place is None else f", CR2 {found.place:#x}"
    where = ""
    if found.instruction is not None:
        where = f" at `{found.instruction.text}` ({found.instruction.address:#x})"
    elif frame is not None:
        where = f" at {frame.rip:#x}"
    kind = f" ({row.kind})" if row.kind in ("fault", "trap", "abort") else ""
    if _is_behind_int(found.instruction, frame):
        kind = " (a software interrupt: RIP is behind it)"
    irq = bios_irq(number, known(evidence.mode) or 64, frame)
    other = "" if irq is None else f", or IRQ {irq},"
    return f"{row.name} {row.title}{other}{where}{kind}{error}{address}"


def _is_behind_int(instruction: Instruction | None, frame: Frame | None) -> bool:
    """Did INT n get to the handler itself? A fault that refuses it saves its own address."""
    if instruction is None or frame is None or instruction.mnemonic != "int":
        return False
    return (frame.cs_base or 0) + frame.rip == instruction.address + len(instruction.bytes)
