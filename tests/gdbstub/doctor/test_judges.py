"""From what was seen to an outcome: a row each."""

from __future__ import annotations

import pytest

from gdbstub.doctor import judges
from gdbstub.doctor.judges import HUNG, LOST, SLOW, outcome
from gdbstub.doctor.probe import (
    Judge,
    Logged,
    PointArmed,
    Probe,
    ProbeAddress,
    ProbeLog,
    VcpuMoment,
    code,
    data,
    handler,
)
from gdbstub.x86.breakpoints import BreakpointKind

ENDS = (1, 3, 4, 6)
"""Four instructions; the jump to itself is at 6."""
SPIN = code(6)


def moment(place: ProbeAddress | None = None, ending: str = "stop", **more: object) -> VcpuMoment:
    signal = {"stop": 5, "silence": 2}.get(ending)
    registers = {"rax": 0, "rcx": 0}
    rip = 0x1000 + place.offset if place is not None and place.base == "code" else 0x9000
    return VcpuMoment(ending, signal, place, rip, registers)._replace(**more)  # type: ignore[arg-type]  # names are the fields'


def seen(*moments: VcpuMoment, **more: object) -> ProbeLog:
    return ProbeLog(moment(code(0), "start", dr6=0xFFFF0FF0), moments, ends=ENDS)._replace(**more)  # type: ignore[arg-type]


def lost() -> VcpuMoment:
    return moment(SPIN, "silence")


def logged(place: ProbeAddress | None, *, vector: int = 1, dr6: int = 0xFFFF4FF0) -> Logged:
    return Logged(vector, place, 0x1000 + (place.offset if place else 0x777), 2, dr6, 0x400)


def rcx(*values: int) -> list[VcpuMoment]:
    return [moment(code(0), registers={"rcx": value}) for value in values]


WATCH = ("write", 0)
STEPS = [
    (judges.count_of_steps, seen(moment(code(1))), "1 instruction"),
    (judges.count_of_steps, seen(moment(code(3))), "2 instructions"),
    (judges.count_of_steps, seen(moment(code(1)), moment(code(4))), "2 instructions"),
    (judges.count_of_steps, seen(moment(code(0))), "no progress"),
    (judges.count_of_steps, seen(moment(code(2))), "stops at +2"),
    (judges.count_of_steps, seen(moment(handler(1))), "stops at the #DB handler"),
    (judges.count_of_steps, seen(moment(handler(0x30))), "stops at the vector 0x30 handler"),
    (judges.count_of_steps, seen(moment(None)), "stops at 0x9000"),
    (judges.count_of_steps, seen(lost()), LOST),
    (judges.count_of_steps, seen(moment(code(1), "silence")), SLOW),
    (judges.each_step, seen(lost()), LOST),
    (judges.each_step, seen(moment(code(1), "silence")), SLOW),
    (judges.count_of_steps, seen(moment(code(3)), start=moment(code(1), "start")), "1 instruction"),
    (judges.each_step, seen(moment(code(1)), moment(code(3))), "1 instruction each"),
    (judges.each_step, seen(moment(code(1)), moment(code(4))), "2 instructions"),
    (judges.each_step, seen(moment(code(1)), lost()), LOST),
    (judges.arrives(4), seen(moment(code(4))), "at its target"),
    (judges.arrives(4), seen(moment(code(1))), "stops at +1"),
    (judges.arrives(4), seen(lost()), LOST),
    (judges.iterations, seen(*rcx(2, 1), moment(code(1)), moment(code(3))), "one step each"),
    (
        judges.iterations,
        seen(*rcx(2, 1, 0), moment(code(1)), moment(code(3))),
        "one step each, and one without progress",
    ),
    (judges.iterations, seen(moment(code(1)), moment(code(3))), "one step for all"),
    (judges.iterations, seen(*rcx(2, 2, 3), moment(code(1))), "RCX is odd"),
    (judges.iterations, seen(*rcx(2, 1), lost()), LOST),
    (judges.saved_tf, seen(moment(code(1)), stack=bytes(8) + b"\x46\x01" + bytes(6)), "TF is in the saved flags"),
    (judges.saved_tf, seen(moment(code(1)), stack=bytes(8) + b"\x46\x00" + bytes(6)), "TF is hidden"),
    (
        judges.saved_tf,
        seen(moment(code(1)), stack=b"\xff" * 12 + b"\x46\x00\0\0", word=4),
        "TF is hidden",
    ),
    (judges.saved_tf, seen(moment(code(3))), "2 instructions"),
    (judges.saved_tf, seen(lost()), LOST),
    (judges.reaches_handler(3), seen(moment(handler(3))), "stops at the handler"),
    (
        judges.reaches_handler(3),
        seen(moment(None), log=(logged(code(1), vector=3),)),
        "stops inside the handler",
    ),
    (
        judges.reaches_handler(3),
        seen(moment(code(3)), log=(logged(code(1), vector=3),)),
        "stops behind it, the handler has run",
    ),
    (judges.reaches_handler(3), seen(moment(code(1))), "stops behind it, the handler has not run"),
    (judges.reaches_handler(3), seen(lost(), log=(logged(code(1), vector=3),)), "runs on behind the handler"),
    (judges.reaches_handler(3), seen(lost()), LOST),
    (judges.reaches_handler(3), seen(moment(None)), "stops at 0x9000"),
    (judges.waits, seen(moment(code(1), "silence")), "waits"),
    (judges.waits, seen(moment(code(1))), "ends at once"),
]
POINTS = [
    (judges.stops_at(3), seen(moment(code(3))), "stops at it"),
    (judges.stops_at(3), seen(moment(code(4))), "stops at +4"),
    (judges.stops_at(3), seen(lost()), "never fires"),
    (judges.visible_int3, seen(placed=b"\x90\x90", code=b"\x90\xcc"), "memory shows it"),
    (judges.visible_int3, seen(placed=b"\x90\x90", code=b"\x90\x90"), "memory does not show it"),
    (judges.visible_int3, seen(refusal="22"), "refused"),
    (judges.visible_int3, seen(refusal=""), "not supported"),
    (judges.steps_off, seen(moment(code(0))), "reports it again"),
    (judges.steps_off, seen(moment(code(1))), "runs the instruction"),
    (judges.steps_off, seen(moment(code(3))), "2 instructions"),
    (judges.steps_off, seen(lost()), LOST),
    (judges.continues_off, seen(moment(code(0))), "reports it again"),
    (judges.continues_off, seen(moment(code(0), registers={"rax": 1})), "goes on"),
    (judges.continues_off, seen(lost()), "runs on, and never stops again"),
    (judges.slots, seen(armed=4, refusal="22"), "4"),
    (judges.slots, seen(armed=16), "16 and more"),
    (judges.exact_watch, seen(moment(code(4), watch=WATCH), moment(SPIN, watch=WATCH), lost()), "exact"),
    (judges.exact_watch, seen(moment(code(4)), moment(SPIN), lost()), "exact, but not named"),
    (judges.exact_watch, seen(moment(code(1), watch=WATCH), moment(code(4), watch=WATCH)), "fires outside of it"),
    (judges.exact_watch, seen(moment(code(4), watch=WATCH), lost()), "misses a part of it"),
    (judges.exact_watch, seen(moment(None), moment(None)), "stops elsewhere"),
    (judges.exact_watch, seen(lost()), "never fires"),
    (judges.accesses, seen(moment(code(3), watch=WATCH), lost()), "stops at stores"),
    (judges.accesses, seen(moment(code(3)), lost()), "stops at stores, but not named"),
    (judges.accesses, seen(moment(code(1), watch=WATCH), moment(code(3), watch=WATCH)), "stops at loads and stores"),
    (judges.accesses, seen(moment(code(4), watch=WATCH), lost()), "stops at elsewhere"),
    (judges.accesses, seen(lost()), "never fires"),
    (judges.after_watch, seen(moment(code(1)), moment(code(1))), "stops once more, without progress"),
    (judges.after_watch, seen(moment(code(1)), moment(code(3))), "1 instruction"),
    (judges.step_names_watch, seen(moment(code(1), watch=WATCH)), "named"),
    (judges.step_names_watch, seen(moment(code(1))), "not named"),
    (judges.step_names_watch, seen(lost()), LOST),
]
OTHERS = [
    (judges.interrupted, seen(lost()), "stops it"),
    (judges.interrupted, seen(moment(SPIN, "silence", signal=5)), "stops it with signal 5"),
    (judges.interrupted, seen(moment(SPIN)), "the guest stopped by itself"),
    (judges.own_dr6, seen(moment(code(1), dr6=0xFFFF0FF0)), "untouched"),
    (judges.own_dr6, seen(moment(code(1), dr6=0xFFFF0FF1)), "changed"),
    (judges.own_dr6, seen(moment(code(1))), "not shown"),
    (
        judges.shown_dr6,
        seen(moment(handler(1), dr6=0xFFFF0FF1), log=(logged(code(3), dr6=0xFFFF0FF1),)),
        "shown as the handler reads it",
    ),
    (
        judges.shown_dr6,
        seen(moment(handler(1), dr6=0xFFFF0FF0), log=(logged(code(3), dr6=0xFFFF0FF1),)),
        "shown otherwise",
    ),
    (judges.shown_dr6, seen(moment(handler(1), dr6=0xFFFF0FF0)), "the handler does not run on"),
    (judges.shown_dr6, seen(lost(), log=(logged(code(3)),)), "not caught"),
    (judges.shown_dr6, seen(moment(handler(1)), log=(logged(code(3)),)), "caught, DR6 not shown"),
]
OWN = judges.delivered(0xFFFF4FF0, 3)
DELIVERED = [
    (OWN, seen(log=(logged(code(3)),)), "delivered"),
    (OWN, seen(), "not delivered"),
    (OWN, seen(log=(logged(code(4)),)), "delivered 1 instruction late"),
    (OWN, seen(log=(logged(code(6)),)), "delivered 2 instructions late"),
    (OWN, seen(log=(logged(code(1)),)), "delivered 1 instruction early"),
    (OWN, seen(log=(logged(None),)), "delivered at 0x1777"),
    (OWN, seen(log=(logged(code(3), dr6=0x4000),)), "delivered with DR6 00004000"),
    (OWN, seen(log=(logged(code(3), vector=6),)), "#UD instead"),
    (OWN, seen(log=(logged(code(3)),) * 2), "delivered 2 times"),
    (OWN, seen(log=(logged(code(3)),) * judges.LOG_CAPACITY), "again and again"),
    (judges.delivered(None, 1, vector=3), seen(log=(logged(code(1), vector=3, dr6=1),)), "delivered"),
]


@pytest.mark.parametrize(("judge", "what", "says"), [*STEPS, *POINTS, *OTHERS, *DELIVERED])
def test_what_was_seen_is_called_what_it_is(judge: Judge, what: ProbeLog, says: str) -> None:
    assert judge(what) == says


def probe(moves: str) -> Probe:
    points = (PointArmed(BreakpointKind.WRITE, data(0), 3), PointArmed(BreakpointKind.EXECUTE, code(0)))
    return Probe("n", "steps", "l", "90", "nop", moves, lambda seen: "judged", "judged", "", points=points)


@pytest.mark.parametrize(
    ("moves", "what", "says"),
    [
        ("s", seen(moment(code(1)), armed=2), "judged"),
        ("s", seen(armed=1, refusal="22"), "refused"),
        ("s", seen(armed=0, refusal=""), "not supported"),
        ("", seen(armed=1, refusal="22"), "judged"),
        ("s", seen(moment(None, "end"), armed=2), HUNG),
    ],
)
def test_a_refusal_and_a_guest_that_is_gone_are_not_left_to_the_judge(moves: str, what: ProbeLog, says: str) -> None:
    assert outcome(probe(moves), what) == says
