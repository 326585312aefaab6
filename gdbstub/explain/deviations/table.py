"""Where what was seen departs from the architecture, one sentence each, with the known quirk if it is one.

Tables only: values that no CPU shows (`impossible_state.py`), guest events against the architecture model
(`guest_event.py`), steps in which the guest missed a #DB (`missed_db.py`), stops that say something else than what
happened (`stop_reply.py`), RF in frames (`resume_flag.py`), frames of other vectors (`vectors.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gdbstub.explain.deviations import impossible_state, resume_flag, stop_reply, stray_store, vectors
from gdbstub.explain.deviations.guest_event import departures
from gdbstub.explain.deviations.missed_db import beside_ours, undelivered
from gdbstub.explain.exception_facts import ExceptionFacts
from gdbstub.explain.stop_facts import Finding, StopFacts

EventCheck = Callable[[ExceptionFacts, list[Finding]], Iterator[str]]
StopCheck = Callable[[StopFacts, list[Finding]], Iterator[str]]

EVENT_RULES: tuple[EventCheck, ...] = (
    impossible_state.reserved_bits,
    impossible_state.icebp_is_ud,
    impossible_state.icebp_again,
    impossible_state.disabled_hits,
    impossible_state.nested,
    impossible_state.second_delivery,
    impossible_state.unaligned,
    stray_store.guests,
    departures,
    resume_flag.resume_flag,
    impossible_state.io_without_de,
    impossible_state.detect_in_user_code,
    impossible_state.bus_lock_in_kernel,
    impossible_state.bus_lock_not_asked_for,
    impossible_state.transaction_off,
    impossible_state.task_switch_in_64_bit_code,
    impossible_state.unlikely_together,
    impossible_state.other_vector_named,
    resume_flag.fault_flag,
    impossible_state.step_beside_icebp,
    resume_flag.fires_again,
    impossible_state.detect_left_on,
    impossible_state.task_bit_missing,
    impossible_state.hits_lost,
    impossible_state.leaked,
    *vectors.EVENT_RULES,
)
STOP_RULES: tuple[StopCheck, ...] = (
    undelivered,
    beside_ours,
    resume_flag.ignored_in_step,
    impossible_state.icebp_is_ud_in_step,
    stop_reply.stray_address,
    stray_store.ours,
    stop_reply.hidden_hit,
    stop_reply.past_the_gate,
    stop_reply.shadow_stepped,
    stop_reply.stays_on_icebp,
    stop_reply.taken,
    stop_reply.guest_breakpoint_stops,
    stop_reply.idle_step,
)
