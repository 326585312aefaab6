"""The automaton's table: what it holds, what it forbids, and the picture drawn from it."""

from __future__ import annotations

import pytest

from gdbstub.protocol.states import INITIAL, TRANSITIONS, Role, State, Step, state_diagram

SENDS_WHILE_RUNNING = {Step.SEND_BREAK, Step.SEND_FILE_REPLY}


@pytest.mark.parametrize("role", Role)
def test_every_state_can_be_reached(role: Role) -> None:
    table = TRANSITIONS[role]
    reached = {INITIAL[role]}
    while (more := {to for state in reached for to in table[state].values()}) - reached:
        reached |= more
    assert reached == set(table)


@pytest.mark.parametrize("role", Role)
def test_the_peer_can_be_lost_in_every_state_but_the_last(role: Role) -> None:
    for state, steps in TRANSITIONS[role].items():
        assert (Step.LOSE in steps) == (state is not State.CLOSED)


@pytest.mark.parametrize("state", [State.RUNNING, State.INTERRUPTING])
def test_while_the_guest_runs_a_client_can_only_break_in(state: State) -> None:
    sends = {step for step in TRANSITIONS[Role.CLIENT][state] if step.name.startswith("SEND")}
    assert sends == {Step.SEND_BREAK}


def test_nothing_resumes_before_the_handshake_is_answered() -> None:
    assert Step.SEND_RESUME not in TRANSITIONS[Role.CLIENT][State.DRAINING]


def test_the_diagram_has_every_state_and_every_change_of_state() -> None:
    drawing = state_diagram()
    assert drawing.startswith("stateDiagram-v2\n")
    for role, table in TRANSITIONS.items():
        assert f"[*] --> {role.value}_{INITIAL[role].value}\n" in drawing
        for state, steps in table.items():
            assert f" as {role.value}_{state.value}\n" in drawing
            for step, to in steps.items():
                arrow = f"{role.value}_{state.value} --> {role.value}_{to.value}: "
                lines = [line for line in drawing.splitlines() if arrow in line]
                assert len(lines) == (0 if to is state else 1)
                assert all(step.value in line for line in lines)
