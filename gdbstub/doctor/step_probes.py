"""The probes of single steps: one row each."""

from __future__ import annotations

from gdbstub.backends import Backend
from gdbstub.doctor.judges import (
    arrives,
    count_of_steps,
    each_step,
    interrupted,
    iterations,
    own_dr6,
    reaches_handler,
    saved_tf,
    waits,
)
from gdbstub.doctor.probe import Need, PointArmed, Probe, ProbeLog, code, data
from gdbstub.x86.breakpoints import BreakpointKind

ONE = "1 instruction"
KERNEL: frozenset[Need] = frozenset({"kernel"})
OURS: frozenset[Need] = frozenset({"handlers"})
STACK: frozenset[Need] = frozenset({"stack"})
BS = "SDM vol. 3B 18.3.1.4"
SOFT_SKIP = "SDM vol. 3A 6.12.1.3: the way to the handler clears TF"
NO_PROMISE = "docs/backends.md"
HIDDEN = (("2 instructions", "A step can hide the instruction behind it."),)
PAST_THE_GATE = (
    ("stops inside the handler", "The handler's first instructions are not seen."),
    ("stops behind it, the handler has run", "The handler is not seen."),
    ("runs on behind the handler", "The step is lost in the handler."),
)


def _tf(backend: Backend) -> str:
    return "TF is in the saved flags" if backend.steps_by_tf else "TF is hidden"


def _own_dr6(backend: Backend) -> str:
    return "untouched" if backend.capabilities.debug_registers else "not shown"


def _milliseconds(seen: ProbeLog) -> str:
    seconds = seen.moments[-1].seconds if seen.moments else None
    return "" if seconds is None else f"{1000 * seconds:.1f} ms"


STEPS: tuple[Probe, ...] = (
    Probe("step", "steps", "step over NOP", "90 90 90", "nop; nop; nop", "sss", each_step, f"{ONE} each", BS),
    Probe("step-jump", "steps", "step over JMP", "eb01 90 90", "jmp 1f; nop; 1: nop", "s", arrives(3),
          "at its target", BS),
    Probe(
        "step-rip-changed", "steps", "step after RIP was set", "90 90 90", "nop; nop; nop", "s", count_of_steps,
        ONE, "gdb manual, \"Packets\": s", registers=(("rip", code(1)),),
        follows=(("the step is lost, the guest runs on", "The step behind a change of RIP runs away."),),
    ),
    Probe(
        "step-cpuid", "steps", "step over CPUID", "0fa2 90", "cpuid; nop", "s", count_of_steps, ONE, BS,
        follows=HIDDEN,
    ),
    Probe(
        "step-sti", "steps", "step over STI", "fb fa 90", "sti; cli; nop", "s", count_of_steps, ONE,
        f"{BS}; SDM vol. 2B STI: only interrupts wait", needs=KERNEL, follows=HIDDEN,
    ),
    Probe(
        "step-mov-ss", "steps", "step over MOV SS", "8cd0 8ed0 90 90", "mov eax, ss; mov ss, eax; nop; nop", "ss",
        count_of_steps, "2 instructions", "SDM vol. 3A 6.8.3: a trap waits for the next instruction",
        needs=frozenset({"ss"}),
        follows=((ONE, "The stub stops where a CPU goes on to the next one."),),
    ),
    Probe(
        "step-popf", "steps", "step over POPF, TF clear", "51 9d 90 90", "push rcx; popf; nop; nop", "sss",
        each_step, f"{ONE} each", BS, registers=(("rcx", 0x2),), needs=STACK,
    ),
    Probe(
        "step-pushf", "steps", "TF in what PUSHF saves", "9c 90", "pushf; nop", "s", saved_tf, _tf,
        "profile: steps_by_tf", needs=STACK, ideal="TF is hidden",
        follows=(("TF is in the saved flags", "The guest can see, and keep, the TF of a step."),),
    ),
    Probe(
        "step-rep", "steps", "step over REP STOSB", "f3aa 90", "rep stosb; nop", "sssss", iterations,
        "one step each", f"{BS}; SDM vol. 2B REP: a trap behind each iteration",
        registers=(("rcx", 3), ("rdi", data(0))), needs=STACK,
        follows=(("one step for all", "Iterations can't be told apart."),),
    ),
    Probe("step-out", "steps", "step over OUT", "e680 90", "out 0x80, al; nop", "s", count_of_steps, ONE, BS,
          needs=OURS, follows=HIDDEN),
    Probe(
        "step-int3", "steps", "step over INT3", "cc 90", "int3; nop", "s", reaches_handler(3), "stops at the handler",
        SOFT_SKIP, needs=OURS,
        follows=PAST_THE_GATE,
    ),
    Probe(
        "step-int-n", "steps", "step over INT n", "cd30 90", "int 0x30; nop", "s", reaches_handler(0x30),
        "stops at the handler", SOFT_SKIP, needs=OURS,
        follows=PAST_THE_GATE,
    ),
)  # fmt: skip

INTERRUPTS: tuple[Probe, ...] = (
    Probe("interrupt", "interrupts", "Ctrl-C", "", "jmp .", "c", interrupted, "stops it", "gdb manual, \"Interrupts\"",
          measure=_milliseconds),
    Probe(
        "own-dr6", "interrupts", "the guest's DR6 at our stops", "90 90 90", "nop; nop; nop", "cxs", own_dr6,
        _own_dr6, NO_PROMISE, points=(PointArmed(BreakpointKind.EXECUTE, code(1)),),
        follows=(("changed", "What a stop of ours leaves there is no event of the guest."),),
    ),
)  # fmt: skip

LAST: tuple[Probe, ...] = (
    Probe("step-hlt", "steps", "step over HLT, IF clear", "f4 90", "hlt; nop", "s", waits, "waits",
          "SDM vol. 2A HLT", needs=OURS, follows=(("ends at once", "HLT is stepped over."),)),
)  # fmt: skip
"""A vCPU in HLT stays there: nothing can be tested on it afterwards."""
