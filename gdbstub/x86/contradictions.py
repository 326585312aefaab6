"""Where what was seen departs from the architecture, one sentence each, with the known quirk if it is one.

Tables only: values that no CPU shows (`odd_registers.py`), guest events against the architecture model
(`departures.py`), steps in which the guest missed a #DB (`undelivered.py`), stops that say something else than what
happened (`misreported.py`), frames of other vectors (`contradictions_vectors.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gdbstub.x86 import contradictions_vectors, misreported, odd_registers
from gdbstub.x86.departures import departures
from gdbstub.x86.event import Event
from gdbstub.x86.scene import Found, Scene
from gdbstub.x86.undelivered import beside_ours, undelivered

EventCheck = Callable[[Event, list[Found]], Iterator[str]]
StopCheck = Callable[[Scene, list[Found]], Iterator[str]]

EVENT_RULES: tuple[EventCheck, ...] = (
    odd_registers.reserved_bits,
    odd_registers.icebp_is_ud,
    odd_registers.icebp_again,
    odd_registers.disabled_hits,
    odd_registers.nested,
    odd_registers.second_delivery,
    odd_registers.unaligned,
    departures,
    odd_registers.resume_flag,
    odd_registers.io_without_de,
    odd_registers.bus_lock_in_kernel,
    odd_registers.unlikely_together,
    odd_registers.other_vector_named,
    odd_registers.fault_flag,
    odd_registers.step_beside_icebp,
    odd_registers.fires_again,
    odd_registers.detect_left_on,
    odd_registers.task_bit_missing,
    odd_registers.hits_lost,
    odd_registers.leaked,
    *contradictions_vectors.EVENT_RULES,
)
STOP_RULES: tuple[StopCheck, ...] = (
    undelivered,
    beside_ours,
    misreported.stray_address,
    misreported.hidden_hit,
    misreported.past_the_gate,
    misreported.shadow_stepped,
    misreported.stays_on_icebp,
    misreported.taken_by_xen,
    misreported.guest_breakpoint_stops,
    misreported.idle_step,
)
