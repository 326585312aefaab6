"""What both ends of a link share: the queue of bytes, the acknowledgments, the frames that come in."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Final

from gdbstub.errors import LocalProtocolError
from gdbstub.protocol.events import BadFrame, Break, Event, Lost, Notified
from gdbstub.protocol.framing import (
    ACK,
    NACK,
    FrameReader,
    Malformed,
    Mark,
    Notification,
    Packet,
    WholePackets,
    frame,
    whole_packets,
)
from gdbstub.protocol.run_lengths import MAX_FRAME
from gdbstub.protocol.states import INITIAL, TRANSITIONS, Role, State, Step

RESENDS: Final = 3
"""How often one packet is sent again, or asked for again, before the link is given up."""

_RUNNING = frozenset({State.RUNNING, State.INTERRUPTING})


class Expect(Enum):
    """What is to come for a request."""

    REPLY = "one packet"
    MONITOR = "console output, then one packet"
    STOP = "a stop reply, when the guest has run"
    NOTHING = "nothing"

    __hash__ = object.__hash__  # Enum's own is a function in Python, and costs more than the look-up


class Pending:
    """A request without its answer."""

    __slots__ = ("damage", "expects", "output", "payload", "token")

    def __init__(self, token: int, payload: bytes, expects: Expect) -> None:
        self.token = token
        self.payload = payload
        self.expects = expects
        self.output: list[bytes] = []
        self.damage: str | None = None


class LinkEnd:
    """The common part of `link.Link`; not of use by itself.

    ``_take`` gets each packet's payload, ``_take_damaged`` each frame that stood where a packet was.
    """

    _take: Callable[[bytes, list[Event]], None]
    _take_damaged: Callable[[Malformed, list[Event]], None]

    def __init__(self, role: Role, *, pipelined: bool = False, max_size: int = MAX_FRAME) -> None:
        self.role = role
        """Which end this is."""
        self.pipelined = pipelined
        """May several requests be on their way? To be set when the stub is known."""
        self.packet_size: int | None = None
        """Bytes of the longest request that the stub takes; None: not known, so nothing is refused here."""
        self._table = TRANSITIONS[role]
        self._state = INITIAL[role]
        self._reader = FrameReader(max_size, run_lengths=role is Role.CLIENT)
        self._acking = True
        self._out: list[bytes] = []
        self._pending: deque[Pending] = deque()
        self._token = 0
        self._owed = 0  # acknowledgments that we owe the peer
        self._unacked = 0  # packets of ours that the peer has not acknowledged
        self._last = b""
        self._resent = 0  # how often the last packet went out again
        self._asked_again = 0  # how often the peer was asked for the same packet
        self._prefix = b""  # draining: how the answer begins that ends it

    @property
    def state(self) -> State:
        """Where the automaton is."""
        return self._state

    @property
    def at_rest(self) -> bool:
        """Is the guest stopped, and nothing queued, unanswered or only half there?"""
        return self._state is State.STOPPED and not self._pending and not self._out and self._reader.empty

    @property
    def running(self) -> bool:
        """Whether the guest runs, as far as the link can know."""
        return self._state in _RUNNING

    @property
    def acknowledging(self) -> bool:
        """Whether packets are acknowledged: until ``QStartNoAckMode`` is answered with OK."""
        return self._acking

    @property
    def outstanding(self) -> tuple[int, ...]:
        """The tokens of the requests without an answer (as a server: those that we owe one), oldest first."""
        return tuple(pending.token for pending in self._pending)

    def data_to_send(self) -> bytes:
        """All bytes that are to be written now; they are forgotten here."""
        out = self._out
        if len(out) < 2:
            return out.pop() if out else b""
        data = b"".join(out)
        out.clear()
        return data

    def receive(self, data: bytes) -> list[Event]:
        """What ``data`` brings; ``b""`` is the end of the stream. Call `data_to_send` afterwards."""
        events: list[Event] = []
        if self._state is State.CLOSED:
            return events
        if not data:
            self._lose("The stub closed the connection." if self.role is Role.CLIENT else "The client left.", events)
            return events
        reader, take = self._reader, self._take
        plain = reader.empty and not self._awaits_console and len(data) <= reader.max_size
        if plain and (whole := whole_packets(data)) is not None:
            self._take_whole(whole, events)
            return events
        reader.feed(data)
        while True:
            if self._pending and self._pending[0].expects is Expect.MONITOR:
                self._take_console_run(self._pending[0])
            if (got := reader.next_frame()) is None:
                return events
            if isinstance(got, Packet):
                if self._acking:
                    self._owed += 1
                    if not self.pipelined:
                        self._pay_acks()
                take(got.payload, events)
            else:
                self._take_other(got, events)

    @property
    def _awaits_console(self) -> bool:
        """Are a monitor's many packets to come, which have a way of their own (`_take_console_run`)?"""
        return bool(self._pending) and self._pending[-1].expects is Expect.MONITOR

    def _take_whole(self, whole: WholePackets, events: list[Event]) -> None:
        take = self._take
        if whole.acks:
            self._resent = 0
            self._unacked = max(0, self._unacked - whole.acks)
        for payload in whole.payloads:
            if self._acking:
                self._owed += 1
                if not self.pipelined:
                    self._pay_acks()
            take(payload, events)

    def _take_console_run(self, head: Pending) -> None:
        """The many packets of a monitor's answer, in one go."""
        if self._prefix or not (texts := self._reader.console_run()):
            return
        head.output += texts
        if self._acking:
            self._owed += len(texts)
            if not self.pipelined:
                self._pay_acks()

    def _take_other(self, got: Notification | Malformed | Mark, events: list[Event]) -> None:
        if isinstance(got, Mark):
            self._take_mark(got, events)
        elif isinstance(got, Notification):
            events.append(Notified(got.payload))
        elif got.packet:
            self._take_damaged(got, events)
        else:
            events.append(BadFrame(got.reason, None))

    def _take_mark(self, mark: Mark, events: list[Event]) -> None:
        if mark is ACK:
            self._resent = 0
            if self._unacked:
                self._unacked -= 1
        elif mark is NACK:
            self._take_nack(events)
        elif Step.RECEIVE_BREAK in self._table[self._state]:
            self._move(Step.RECEIVE_BREAK)
            events.append(Break())
        else:
            events.append(BadFrame("0x03 came from the stub", None))

    def _take_nack(self, events: list[Event]) -> None:
        if not self._acking or not self._unacked:
            events.append(BadFrame("a packet was asked for again that had arrived", None))
        elif self._unacked > 1 and self.role is Role.CLIENT:
            self._lose(
                "The stub did not understand one of several requests; their answers can't be told apart.",
                events,
            )
        elif self._resent >= RESENDS:
            self._lose(f"The peer asked {RESENDS + 1} times for the same packet.", events)
        else:
            self._resent += 1
            self._out.append(self._last)

    def _queue_packet(self, payload: bytes, framed: bytes | None = None) -> None:
        self._last = framed or frame(payload)
        self._out.append(self._last)
        if self._acking:
            self._unacked += 1

    def _pay_acks(self) -> None:
        self._out.append(ACK.value * self._owed)
        self._owed = 0

    def _stop_acknowledging(self) -> None:
        """No-ack mode begins: what is still on its way may be acknowledged, checksums are not looked at."""
        self._acking = False
        self._reader.verify = False
        self._unacked = 0

    def _lose(self, reason: str, events: list[Event]) -> None:
        self._move(Step.LOSE)
        events.append(Lost(reason, self.outstanding))
        self._pending.clear()
        self._out.clear()
        self._reader.clear()

    def _next(self, step: Step) -> State:
        try:
            return self._table[self._state][step]
        except KeyError:
            raise LocalProtocolError(
                f"The {self.role.value}'s link can't {step.value} while it is {self._state.value}."
            ) from None

    def _move(self, step: Step) -> None:
        self._state = self._next(step)
