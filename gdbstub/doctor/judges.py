"""From what a probe saw to its outcome in a few words. Pure; each word here is one that a row of the tables expects,
or that `gdbstub.doctor.known` knows."""

from __future__ import annotations

from gdbstub.doctor.probe import SIGINT, Judge, Logged, Probe, ProbeAddress, ProbeLog, VcpuMoment

HUNG = "the hypervisor gives up"
LOST = "the step is lost, the guest runs on"
REP_AGAIN = "one step each, and one without progress"
SLOW = "the step does not end"
TF = 1 << 8
LOG_CAPACITY = 8
"""Of guests/probe/probe.s: what raises more is abandoned there."""
VECTORS = {1: "#DB", 3: "#BP", 6: "#UD", 8: "#DF", 13: "#GP", 14: "#PF"}


def outcome(probe: Probe, seen: ProbeLog) -> str:
    """What ``probe`` came to. A guest that is gone, and a point that was not armed, are nothing for its judge."""
    if seen.moments and seen.moments[-1].ending == "end":
        return HUNG
    if seen.refusal is not None and seen.armed < len(probe.points) and probe.moves:
        return "refused" if seen.refusal else "not supported"
    return probe.judge(seen)


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def vector_name(vector: int) -> str:
    return VECTORS.get(vector, f"vector {vector:#x}")


def where(moment: VcpuMoment) -> str:
    """Where a vCPU stands, in words."""
    place = moment.place
    if place is None or place.base == "data":
        return f"at {moment.rip:#x}"
    return f"at the {vector_name(place.offset)} handler" if place.base == "handler" else f"at +{place.offset}"


def unended(seen: ProbeLog, moment: VcpuMoment) -> str:
    """A step that had to be interrupted: lost where the guest got to the end of the code."""
    return LOST if seen.spins(moment) else SLOW


# -- steps ------------------------------------------------------------------------------------------------------------


def count_of_steps(seen: ProbeLog) -> str:
    """How many instructions the last of the steps ran."""
    return _steps(seen, len(seen.moments) - 1)


def each_step(seen: ProbeLog) -> str:
    """The same for all of them; the first that is odd is the outcome."""
    found = [_steps(seen, number) for number in range(len(seen.moments))]
    odd = next((text for text in found if text != found[0]), None)
    return odd or (found[0] if found[0] in (LOST, SLOW) else f"{found[0]} each")


def _steps(seen: ProbeLog, number: int) -> str:
    moment = seen.moments[number]
    if moment.ending == "silence":
        return unended(seen, moment)
    behind = seen.instructions(moment)
    before = seen.instructions(seen.moments[number - 1]) if number else seen.instructions(seen.start)
    if behind is None or before is None:
        return f"stops {where(moment)}"
    return "no progress" if behind == before else plural(behind - before, "instruction")


def arrives(offset: int) -> Judge:
    """A step over a jump to ``offset``."""

    def judged(seen: ProbeLog) -> str:
        moment = seen.moments[-1]
        if moment.ending == "silence":
            return unended(seen, moment)
        return "at its target" if moment.place == ProbeAddress("code", offset) else f"stops {where(moment)}"

    return judged


def iterations(seen: ProbeLog) -> str:
    """REP STOSB: how RCX goes down from step to step."""
    if seen.moments[-1].ending == "silence":
        return unended(seen, seen.moments[-1])
    left = [moment.registers["rcx"] for moment in seen.moments]
    used = next((n for n, moment in enumerate(seen.moments, 1) if (seen.instructions(moment) or 0) > 0), None)
    if used == 1:
        return "one step for all"
    if used is None or left != sorted(left, reverse=True) or 0 not in left:
        return "RCX is odd"
    return "one step each" if left.index(0) == used - 1 else REP_AGAIN


def saved_tf(seen: ProbeLog) -> str:
    """PUSHF under a step: what the guest finds on its stack."""
    moment = seen.moments[-1]
    if moment.ending != "stop" or seen.instructions(moment) != 1:
        return count_of_steps(seen)
    flags = int.from_bytes(seen.stack[-seen.word :], "little")
    return "TF is in the saved flags" if flags & TF else "TF is hidden"


def reaches_handler(vector: int) -> Judge:
    """A step over an instruction that goes through the IDT."""

    def judged(seen: ProbeLog) -> str:
        moment = seen.moments[-1]
        ran = any(entry.vector == vector for entry in seen.log)
        if moment.ending == "silence":
            return "runs on behind the handler" if ran else unended(seen, moment)
        if moment.place == ProbeAddress("handler", vector):
            return "stops at the handler"
        if seen.instructions(moment) is not None:
            return f"stops behind it, the handler has {'run' if ran else 'not run'}"
        return "stops inside the handler" if ran else f"stops {where(moment)}"

    return judged


def waits(seen: ProbeLog) -> str:
    return "waits" if seen.moments[-1].ending == "silence" else "ends at once"


# -- breakpoints ------------------------------------------------------------------------------------------------------


def stops_at(offset: int) -> Judge:
    """A breakpoint on the way."""

    def judged(seen: ProbeLog) -> str:
        moment = seen.moments[-1]
        if moment.ending == "silence":
            return "never fires"
        return "stops at it" if moment.place == ProbeAddress("code", offset) else f"stops {where(moment)}"

    return judged


def visible_int3(seen: ProbeLog) -> str:
    if seen.refusal is not None:
        return "refused" if seen.refusal else "not supported"
    return "memory shows it" if seen.code != seen.placed else "memory does not show it"


def steps_off(seen: ProbeLog) -> str:
    """A step that begins at a breakpoint."""
    text = count_of_steps(seen)
    return {"no progress": "reports it again", "1 instruction": "runs the instruction"}.get(text, text)


def continues_off(seen: ProbeLog) -> str:
    """A continue that begins at a breakpoint in a loop which counts in RAX."""
    moment = seen.moments[-1]
    if moment.ending == "silence":
        return "runs on, and never stops again"
    return "reports it again" if moment.registers["rax"] == 0 else "goes on"


def slots(seen: ProbeLog) -> str:
    return str(seen.armed) if seen.refusal is not None else f"{seen.armed} and more"


# -- watchpoints ------------------------------------------------------------------------------------------------------


def _named(seen: ProbeLog, outcome_: str) -> str:
    stops = [moment for moment in seen.moments if moment.ending == "stop"]
    return outcome_ if all(moment.watch is not None for moment in stops) else f"{outcome_}, but not named"


def exact_watch(seen: ProbeLog) -> str:
    """Stores in front of what is watched, behind it, at its first and at its last byte: the last two hit."""
    hits = [seen.instructions(moment) for moment in seen.moments if moment.ending == "stop"]
    if not hits:
        return "never fires"
    if hits == [3, 4]:
        return _named(seen, "exact")
    if 1 in hits or 2 in hits:
        return "fires outside of it"
    return "misses a part of it" if len(hits) < 2 else "stops elsewhere"


def accesses(seen: ProbeLog) -> str:
    """A load, then a store: behind which of the two the guest stops."""
    names = {1: "loads", 2: "stores"}
    hits = [seen.instructions(moment) for moment in seen.moments if moment.ending == "stop"]
    met = " and ".join("elsewhere" if hit is None else names.get(hit, "elsewhere") for hit in hits)
    return _named(seen, f"stops at {met}") if met else "never fires"


def step_names_watch(seen: ProbeLog) -> str:
    moment = seen.moments[0]
    if moment.ending == "silence":
        return unended(seen, moment)
    return "named" if moment.watch is not None else "not named"


def after_watch(seen: ProbeLog) -> str:
    """The step behind one that hit a watchpoint."""
    text = count_of_steps(seen)
    return "stops once more, without progress" if text == "no progress" else text


# -- interrupts, DR6 --------------------------------------------------------------------------------------------------


def interrupted(seen: ProbeLog) -> str:
    moment = seen.moments[-1]
    if moment.ending == "stop":
        return "the guest stopped by itself"
    return "stops it" if moment.signal == SIGINT else f"stops it with signal {moment.signal}"


def own_dr6(seen: ProbeLog) -> str:
    """The guest's DR6 over stops of the debugger."""
    shown = [moment.dr6 for moment in seen.moments]
    if seen.start.dr6 is None or None in shown:
        return "not shown"
    return "untouched" if all(value == seen.start.dr6 for value in shown) else "changed"


def shown_dr6(seen: ProbeLog) -> str:
    """The monitor's DR6 at the first instruction of the #DB handler, and what the handler then reads."""
    at_handler = [moment for moment in seen.moments if moment.place == ProbeAddress("handler", 1)]
    if not at_handler:
        return "not caught"
    if at_handler[0].dr6 is None:
        return "caught, DR6 not shown"
    if not seen.log:
        return "the handler does not run on"
    return "shown as the handler reads it" if at_handler[0].dr6 == seen.log[0].dr6 else "shown otherwise"


def delivered(dr6: int | None, at: int, vector: int = 1) -> Judge:
    """The guest's own exception: once, with this DR6 (None: any), the saved RIP at this offset of the code."""

    def judged(seen: ProbeLog) -> str:
        if not seen.log:
            return "not delivered"
        if len(seen.log) >= LOG_CAPACITY:
            return "again and again"
        if len(seen.log) > 1:
            return f"delivered {len(seen.log)} times"
        return _as_delivered(seen, dr6, at, vector)

    return judged


def _as_delivered(seen: ProbeLog, dr6: int | None, at: int, vector: int) -> str:
    first = seen.log[0]
    if first.vector != vector:
        return f"{vector_name(first.vector)} instead"
    if first.place != ProbeAddress("code", at):
        return f"delivered {_lateness(seen, first, at)}"
    if dr6 is not None and first.dr6 != dr6:
        return f"delivered with DR6 {first.dr6:08x}"
    return "delivered"


def _lateness(seen: ProbeLog, first: Logged, at: int) -> str:
    """How far from where it should have been, in instructions."""
    boundaries = (0, *seen.ends)
    place = first.place
    if place is None or place.base != "code" or place.offset not in boundaries:
        return f"at {first.rip:#x}"
    late = boundaries.index(place.offset) - boundaries.index(at)
    return f"{plural(abs(late), 'instruction')} {'late' if late > 0 else 'early'}"
