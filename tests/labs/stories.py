"""The sessions that the labs record: dr6's command lines. Each begins with the demo guest at reset."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tests.labs.platforms import GUEST

CAUGHT = "db,bp,ud,gp,pf,df"
COMMON = ("--symbols", GUEST)


class Story(NamedTuple):
    """``words`` are the command line behind TARGET, without ``--record``."""

    name: str
    title: str
    command: str
    words: tuple[str, ...]


def _commands(*lines: str) -> Iterable[str]:
    return (word for line in lines for word in ("-ex", line))


DEMO = Story(
    "demo",
    "every exception that the guest raises, caught at its handler, to the guest's end",
    "trace",
    (*COMMON, "--events", "--catch", CAUGHT),
)
STEPS = Story(
    "steps",
    "steps and a watchpoint of dr6 where the guest has TF and debug registers of its own",
    "attach",
    (
        *COMMON,
        "--batch",
        *_commands(
            *("thbreak ev_write0", "continue", "stepi", "stepi"),  # the guest's DR0 is hit by a step
            *("watch watched/8", "continue", "continue", "delete"),  # where the guest's DR1 and DR2 are
            *("thbreak ev_int_1", "continue", "stepi", "stepi"),
            *("thbreak ev_movss_data", "continue", "stepi", "stepi"),
            *("thbreak event_step_movss", "continue", "stepi 4", "stepi", "stepi"),  # PUSHF, OR, POPF first
            *("thbreak event_step_sti", "continue", "stepi 3", "stepi", "stepi"),
            *("thbreak ev_step_rep", "continue", "stepi", "stepi", "stepi"),
            *("thbreak event_step_popf", "continue", "stepi 4", "stepi", "stepi"),
            *("catch db", "continue", "events all"),
        ),
    ),
)
SHARED = Story(
    "shared",
    "a breakpoint of dr6 at the instruction that the guest's own DR0 breaks on",
    "attach",
    (
        *COMMON,
        "--batch",
        *_commands(
            *("thbreak event_execute0", "continue", "hbreak ev_execute0", "catch db", "continue", "continue"),
            *("delete 2", "continue", "continue", "events all"),
        ),
    ),
)
STORIES = (DEMO, STEPS, SHARED)

INTEL_STEPS = Story(
    "steps",
    "steps and a watchpoint of dr6, where kvm_intel and Bochs have ways of their own",
    "attach",
    (
        *COMMON,
        "--batch",
        *_commands(
            *("tbreak require_long_mode", "continue", "stepi 2", "stepi", "stepi"),  # CPUID leaves for KVM
            *("thbreak ev_write0", "continue", "stepi", "stepi"),  # the guest's DR0 is hit by a step
            *("watch watched/8", "continue", "continue", "delete"),  # where the guest's DR1 and DR2 are
            *("tbreak ev_port_out", "continue", "stepi", "stepi"),  # an I/O breakpoint of the guest; OUT leaves for KVM
            *("thbreak ev_int_1", "continue", "stepi", "stepi"),  # the step gets lost in the gate
            *("thbreak ev_movss_int3", "continue", "stepi", "stepi"),
            *("thbreak event_step_movss", "continue", "stepi 2", "x/1gx $rsp"),  # PUSHF
            *("stepi 2", "stepi", "stepi"),
            *("thbreak event_step_sti", "continue", "stepi 3", "stepi", "stepi"),
            *("thbreak ev_step_rep", "continue", "stepi", "stepi", "stepi"),
            *("thbreak event_step_popf", "continue", "stepi 4", "stepi", "stepi"),
            *("catch db", "continue", "events all"),
        ),
    ),
)
INTEL_INT1 = Story(
    "int1",
    "general detect and INT1 of the guest, while a hardware breakpoint of dr6 is armed and after it",
    "attach",
    (
        *COMMON,
        "--batch",
        *_commands(
            *("tbreak event_general_detect", "continue"),
            *("hbreak ev_int_1", "catch db", "continue", "continue", "delete"),  # INT1 again and again
            *("catch db", "continue", "continue", "events all"),
        ),
    ),
)
INTEL_STORIES = (DEMO, INTEL_STEPS, SHARED, INTEL_INT1)
