"""The oracle sees what is wrong: it is right on recordings, so each fault is planted here."""

from __future__ import annotations

from dataclasses import replace

from gdbstub.debugger.record import StopRecord
from gdbstub.explain.evidence import Action, Evidence, Known
from gdbstub.explain.explain import explain
from gdbstub.protocol.stops import Stopped
from gdbstub.x86.cpu_state import CpuState, DebugState
from tests.gdbstub.explain.build import KVM_AMD, stop
from tests.labs.kvm_oracle import held

BS, BOTH = 0xFFFF4FF0, 0xFFFF4FF1


def record(evidence: Evidence, dr6: int | None, dr7: int = 0x400) -> StopRecord:
    if dr6 is not None:
        evidence = replace(evidence, exit_dr6=Known(dr6, "kvm_run"), exit_dr7=Known(dr7, "kvm_run"))
    state = CpuState(0, {"rip": 0x1001}, DebugState(), 64, 0)
    return StopRecord(1, 0, Action.STEP, Stopped(5), state, evidence, explain(evidence))


def test_a_stop_whose_exit_is_what_dr6_says_is_the_same_and_one_without_does_not_count() -> None:
    verdict = held([record(stop(on=KVM_AMD), BS), record(stop(on=KVM_AMD), None)])
    assert (verdict.stops, verdict.same, verdict.faults) == (1, 1, [])
    assert str(verdict).startswith("1 stops whose exit KVM tells: inferred 1 same, 0 unknown, 0 wrong")


def test_another_dr6_than_was_inferred_is_a_fault_but_for_registers_that_are_off() -> None:
    verdict = held([record(stop(on=KVM_AMD), BOTH, 0x401)])
    assert len(verdict.wrong) == 1
    assert len(verdict.told_wrong) == 1, "B0 is enabled, and no cause stands for it"
    assert held([record(stop(on=KVM_AMD), BOTH, 0x400)]).faults == []


def test_a_stop_of_which_nothing_is_inferred_is_none_but_nothing_may_be_unknown_with_the_exit() -> None:
    assert len(held([record(stop("c3", 0, on=KVM_AMD), BS)]).unknown) == 1
    nothing = held([record(stop("c3", 0, on=KVM_AMD), 0xFFFF0FF0)])
    assert len(nothing.told_unknown) == 1
    assert nothing.faults == nothing.told_unknown


def test_what_is_said_against_the_exit_is_a_fault() -> None:
    right = record(stop(on=KVM_AMD), BS)
    other = replace(right, explanation=record(stop("0f21f0", 0, dr7=0x2400, on=KVM_AMD), 0xFFFF2FF0).explanation)
    assert len(held([other]).told_wrong) == 1
