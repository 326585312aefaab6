"""The link's automaton: role × state × step → state. All that changes a link's state stands in this table.

Two laws. A step that the table does not have is an error (of ours when we take it, of the peer when it does).
And a client sends nothing but 0x03 from the moment a resume is queued until its stop reply is read: any
byte that QEMU receives while the guest runs pauses it, and QEMU 10 then never says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final


class Role(Enum):
    """Which end of the link we are."""

    CLIENT = "client"
    SERVER = "server"


class State(Enum):
    """What the link is at."""

    DRAINING = "draining"
    """Client: stops and answers owed to somebody else may still come; nothing was answered to us yet."""
    STOPPED = "stopped"
    """The guest is stopped; requests go to and fro."""
    RUNNING = "running"
    """A resume is on its way or under way."""
    INTERRUPTING = "interrupting"
    """The guest runs and was asked to stop."""
    SERVING = "serving"
    """The guest waits for the client to carry out a file operation."""
    ENDED = "ended"
    """The guest is gone; the stub is still there."""
    CLOSED = "closed"
    """The peer is gone, or can't be understood any more."""

    __hash__ = object.__hash__  # Enum's own is a function in Python, and costs more than the look-up


class Step(Enum):
    """What moves a link from state to state. "Send" is ours, "receive" the peer's, in either role."""

    SEND_REQUEST = "send request"
    SEND_RESUME = "send resume"
    SEND_LAST = "send a request without a reply"
    SEND_BREAK = "send 0x03"
    SEND_FILE_REPLY = "send file reply"
    SEND_REPLY = "send reply"
    SEND_REFUSAL = "send refusal of a resume"
    SEND_OUTPUT = "send console output"
    SEND_STOP = "send stop reply"
    SEND_END = "send exit"
    RECEIVE_REQUEST = "receive request"
    RECEIVE_RESUME = "receive resume"
    RECEIVE_LAST = "receive a request without a reply"
    RECEIVE_BREAK = "receive 0x03"
    RECEIVE_REPLY = "receive reply"
    RECEIVE_REFUSAL = "receive refusal of a resume"
    RECEIVE_OUTPUT = "receive console output"
    RECEIVE_STOP = "receive stop reply"
    RECEIVE_FILE_REQUEST = "receive file request"
    RECEIVE_END = "receive exit"
    RESYNCHRONISE = "resynchronise"
    LOSE = "lose the peer"

    __hash__ = object.__hash__


INITIAL: Final[Mapping[Role, State]] = MappingProxyType({Role.CLIENT: State.DRAINING, Role.SERVER: State.STOPPED})

_CLIENT_WHILE_RUNNING: Final = {
    Step.SEND_BREAK: State.INTERRUPTING,
    Step.RECEIVE_REFUSAL: State.STOPPED,
    Step.RECEIVE_STOP: State.STOPPED,
    Step.RECEIVE_FILE_REQUEST: State.SERVING,
    Step.RECEIVE_END: State.ENDED,
    Step.RESYNCHRONISE: State.DRAINING,
    Step.LOSE: State.CLOSED,
}

TRANSITIONS: Final[Mapping[Role, Mapping[State, Mapping[Step, State]]]] = {
    Role.CLIENT: {
        State.DRAINING: {
            Step.SEND_REQUEST: State.DRAINING,
            Step.RECEIVE_REPLY: State.STOPPED,
            Step.RECEIVE_OUTPUT: State.DRAINING,
            Step.RECEIVE_STOP: State.DRAINING,
            Step.RECEIVE_END: State.ENDED,
            Step.RESYNCHRONISE: State.DRAINING,
            Step.LOSE: State.CLOSED,
        },
        State.STOPPED: {
            Step.SEND_REQUEST: State.STOPPED,
            Step.SEND_RESUME: State.RUNNING,
            Step.SEND_LAST: State.STOPPED,
            Step.RECEIVE_REPLY: State.STOPPED,
            Step.RECEIVE_OUTPUT: State.STOPPED,
            Step.RECEIVE_STOP: State.STOPPED,
            Step.RECEIVE_END: State.ENDED,
            Step.RESYNCHRONISE: State.DRAINING,
            Step.LOSE: State.CLOSED,
        },
        State.RUNNING: {
            **_CLIENT_WHILE_RUNNING,
            Step.RECEIVE_REPLY: State.RUNNING,
            Step.RECEIVE_OUTPUT: State.RUNNING,
        },
        State.INTERRUPTING: {
            **_CLIENT_WHILE_RUNNING,
            Step.RECEIVE_REPLY: State.INTERRUPTING,
            Step.RECEIVE_OUTPUT: State.INTERRUPTING,
        },
        State.SERVING: {
            Step.SEND_FILE_REPLY: State.RUNNING,
            Step.RECEIVE_OUTPUT: State.SERVING,
            Step.RECEIVE_FILE_REQUEST: State.SERVING,
            Step.RECEIVE_REFUSAL: State.STOPPED,
            Step.RECEIVE_STOP: State.STOPPED,
            Step.RECEIVE_END: State.ENDED,
            Step.RESYNCHRONISE: State.DRAINING,
            Step.LOSE: State.CLOSED,
        },
        State.ENDED: {
            Step.SEND_REQUEST: State.ENDED,
            Step.SEND_LAST: State.ENDED,
            Step.RECEIVE_REPLY: State.ENDED,
            Step.RECEIVE_OUTPUT: State.ENDED,
            Step.RECEIVE_STOP: State.STOPPED,
            Step.RECEIVE_END: State.ENDED,
            Step.LOSE: State.CLOSED,
        },
        State.CLOSED: {},
    },
    Role.SERVER: {
        State.STOPPED: {
            Step.RECEIVE_REQUEST: State.STOPPED,
            Step.RECEIVE_RESUME: State.RUNNING,
            Step.RECEIVE_LAST: State.STOPPED,
            Step.RECEIVE_BREAK: State.STOPPED,
            Step.SEND_REPLY: State.STOPPED,
            Step.SEND_OUTPUT: State.STOPPED,
            Step.LOSE: State.CLOSED,
        },
        State.RUNNING: {
            Step.RECEIVE_BREAK: State.INTERRUPTING,
            Step.SEND_REPLY: State.RUNNING,
            Step.SEND_REFUSAL: State.STOPPED,
            Step.SEND_OUTPUT: State.RUNNING,
            Step.SEND_STOP: State.STOPPED,
            Step.SEND_END: State.ENDED,
            Step.LOSE: State.CLOSED,
        },
        State.INTERRUPTING: {
            Step.RECEIVE_BREAK: State.INTERRUPTING,
            Step.SEND_REPLY: State.INTERRUPTING,
            Step.SEND_REFUSAL: State.STOPPED,
            Step.SEND_OUTPUT: State.INTERRUPTING,
            Step.SEND_STOP: State.STOPPED,
            Step.SEND_END: State.ENDED,
            Step.LOSE: State.CLOSED,
        },
        State.ENDED: {
            Step.RECEIVE_REQUEST: State.ENDED,
            Step.RECEIVE_LAST: State.ENDED,
            Step.RECEIVE_BREAK: State.ENDED,
            Step.SEND_REPLY: State.ENDED,
            Step.LOSE: State.CLOSED,
        },
        State.CLOSED: {},
    },
}


def state_diagram() -> str:
    """Both automata as one mermaid state diagram, drawn from the table; a step that stays is left out."""
    lines = ["stateDiagram-v2"]
    for role, table in TRANSITIONS.items():
        lines.append(f"    state {role.value} {{")
        lines.append(f"        [*] --> {role.value}_{INITIAL[role].value}")
        lines += [f'        state "{state.value}" as {role.value}_{state.value}' for state in table]
        for state, steps in table.items():
            for target in dict.fromkeys(steps.values()):
                names = ", ".join(step.value for step, to in steps.items() if to is target)
                if target is not state:
                    lines.append(f"        {role.value}_{state.value} --> {role.value}_{target.value}: {names}")
        lines.append("    }")
    return "\n".join(lines) + "\n"
