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
