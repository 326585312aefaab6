"""What emulators and hypervisors were seen to do instead of what the architecture says.

`MEASURED` is (backend profile, emulator or lab; release) → event name → `Deviation`. It has rows only for what was
run, with no debugger attached; an event without a row did what the architecture says. `make labs` compares them with
what the guest does. ``kvm-amd-on-tcg`` is kvm_amd of Linux 6.1 on the CPU that QEMU 10.0.2 emulates, under the QEMU of
that release: the CPU below KVM adds departures of its own. ``kvm-intel-on-bochs`` is kvm_intel of Linux 6.1, likewise,
on the CPU that Bochs 2.7 emulates.
"""

from __future__ import annotations

from collections.abc import Mapping

from frontend.demo_guest.model import DemoEvent, Deviation, GuestLogEntry

_NO_ICEBP = "F1 raises #UD: the decoder leaves INT1 out"
_NO_RF_FAULT = "RF is not set in the frame of a fault"
_NO_RF_REP = "RF is not set in the frame of a trap between two iterations"
_MOVSS = "MOV SS does not hold back a data breakpoint"
_NO_BTF = Deviation((), "DEBUGCTL.BTF does not exist")
_NO_BUS_LOCK = Deviation((), "bus lock detection does not exist")
_REP = GuestLogEntry(1, "ev_step_rep", 0xFFFF4FF0)
_REP_LAST = GuestLogEntry(1, "ev_step_rep_next", 0xFFFF4FF0)
_REP_AT_REP = Deviation((_REP._replace(rf=True),) * 3, "RIP is still at the REP instruction after the last iteration")
_INTERCEPTED_PORT = Deviation(
    (), "I/O breakpoints do not fire at a port that the hypervisor intercepts", ("kvm-no-io-hits",)
)

# Alike in all releases of QEMU's TCG that were measured.
_TCG: Mapping[str, Deviation] = {
    "task_switch": Deviation((), "the T flag of the TSS is ignored", ("tcg-no-task-trap", "kvm-no-task-trap")),
    "movss_data": Deviation((GuestLogEntry(1, "ev_movss_data_next", 0xFFFF0FF2),), _MOVSS),
    "movss_int3": Deviation(
        (GuestLogEntry(1, "ev_movss_int3_next", 0xFFFF0FF2), GuestLogEntry(3, "ev_movss_int3_after", 0xFFFF0FF0)),
        _MOVSS,
    ),
    "two_data": Deviation(
        (GuestLogEntry(1, "ev_two_data_next", 0xFFFF0FF1),), "only the first of two data breakpoints is reported"
    ),
    "step_write": Deviation(
        (GuestLogEntry(1, "db_handler", 0xFFFF4FF2), GuestLogEntry(1, "ev_step_write_next", 0xFFFF0FF0)),
        "a second #DB arrives at the first instruction of the handler, runs first and resets DR6",
    ),
    "step_port": Deviation((GuestLogEntry(1, "ev_step_port_next", 0xFFFF0FF8),), "BS is missing"),
    "false_b": Deviation(
        (GuestLogEntry(1, "ev_false_b_next", 0xFFFF4FF4),), "B2 is set for a breakpoint that is not enabled"
    ),
    "branch_step": _NO_BTF,
    "bus_lock": _NO_BUS_LOCK,
}

# Of releases before 9.1.
_TCG_BEFORE_9_1: Mapping[str, Deviation] = {
    **_TCG,
    "general_detect": Deviation((), "DR7.GD is ignored", ("tcg-no-general-detect",)),
    "int1": Deviation((GuestLogEntry(6, "ev_int1", 0xFFFF0FF0),), _NO_ICEBP),
    "step_rep": Deviation((_REP, _REP, _REP_LAST), _NO_RF_REP),
    "dr4": Deviation((GuestLogEntry(6, "ev_dr4", 0xFFFF0FF0),), _NO_RF_FAULT),
    "user_int1": Deviation((GuestLogEntry(6, "ev_user_int1", 0xFFFF0FF0),), _NO_ICEBP),
}

_BOCHS: Mapping[str, Deviation] = {
    "movss_int3": Deviation(
        (GuestLogEntry(3, "ev_movss_int3_after", 0xFFFF0FF0),), "INT3 drops the #DB that MOV SS held back"
    ),
    "step_rep": Deviation((_REP, _REP, _REP_LAST), _NO_RF_REP),
    "step_sysret": Deviation(
        (GuestLogEntry(1, "ev_step_sysret_next", 0xFFFF4FF0),), "the trap after SYSRET comes one instruction late"
    ),
}

MEASURED: Mapping[tuple[str, str], Mapping[str, Deviation]] = {
    ("qemu-tcg", "7.2"): {
        **_TCG_BEFORE_9_1,
        "step_sti": Deviation(
            (GuestLogEntry(1, "ev_step_sti_after", 0xFFFF4FF0),), "the trap after STI comes one instruction late"
        ),
        "user_int_1": Deviation(
            (GuestLogEntry(13, "ev_user_int_1", 0xFFFF0FF0, error_code=0x12),),
            f"the error code has the vector times 16 instead of 8, and {_NO_RF_FAULT}",
        ),
    },
    ("qemu-tcg", "8.2"): {
        **_TCG_BEFORE_9_1,
        "step_movss": Deviation(
            (GuestLogEntry(1, "ev_step_movss_next", 0xFFFF4FF0),), "the trap comes directly behind MOV SS"
        ),
        "user_int_1": Deviation((GuestLogEntry(13, "ev_user_int_1", 0xFFFF0FF0, error_code=0xA),), _NO_RF_FAULT),
    },
    ("qemu-tcg", "10.0"): {
        **_TCG,
        "step_rep": _REP_AT_REP,
    },
    ("kvm-amd-on-tcg", "7.2"): {
        "task_switch": _TCG["task_switch"],
        "port_out": _INTERCEPTED_PORT,
        "port_in": _INTERCEPTED_PORT,
        "movss_data": _TCG["movss_data"],
        "movss_int3": _TCG["movss_int3"],
        "step_rep": _REP_AT_REP,
        "two_data": _TCG["two_data"],
        "step_port": Deviation(
            (GuestLogEntry(1, "ev_step_port_next", 0xFFFF4FF0),), "KVM emulates the OUT, and B3 is missing"
        ),
        "false_b": _TCG["false_b"],
        "branch_step": _NO_BTF,
        "bus_lock": _NO_BUS_LOCK,
    },
    ("kvm-intel-on-bochs", "7.2"): {
        **_BOCHS,
        "task_switch": Deviation((), "KVM emulates the task switch, and the T flag of the TSS is ignored"),
        "port_out": _INTERCEPTED_PORT,
        "port_in": _INTERCEPTED_PORT,
        "step_port": Deviation(
            (GuestLogEntry(1, "ev_step_port_next", 0xFFFF4FF0),), "KVM emulates the OUT, and B3 is missing"
        ),
        "user_step": Deviation(
            (GuestLogEntry(1, "ev_user_step", 0xFFFF4FF0),),
            "Bochs keeps the step pending over the EPT violation of the fetch, and it traps before the instruction",
        ),
        "branch_step": Deviation((), "KVM drops DEBUGCTL.BTF, and Bochs has none"),
        "bus_lock": _NO_BUS_LOCK,
    },
    ("bochs", "2.7"): {
        **_BOCHS,
        "branch_step": _NO_BTF,
        "bus_lock": _NO_BUS_LOCK,
    },
}


def deviations(backend: str, version: str) -> Mapping[str, Deviation]:
    """The rows of a release; those of the newest measured one before it where it was not measured itself."""
    measured = {_numbers(release): rows for (name, release), rows in MEASURED.items() if name == backend}
    before = [release for release in measured if release <= _numbers(version)]
    return measured[max(before) if before else min(measured)] if measured else {}


def _numbers(version: str) -> tuple[int, ...]:
    """Of "10.0.2" or "10.0": (10, 0)."""
    return tuple(int(part) for part in version.split(".")[:2])


def expected(event: DemoEvent, backend: str, version: str) -> tuple[GuestLogEntry, ...]:
    """What ``event`` is known to raise there: the measured deviation, else what the architecture says."""
    deviation = deviations(backend, version).get(event.name)
    if deviation is not None:
        return deviation.seen
    return tuple(GuestLogEntry(r.vector, r.rip, r.dr6, r.rf, r.error_code) for r in event.raised)
