"""Who shares a guest, how each hears of things, and which of them controls it.

A participant is a screen or a client of the server. One at a time controls the guest: what lets it run or changes it is
that one's; who asks for either while nobody does takes control.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol

from gdbstub.debugger.record import StopSummary
from gdbstub.errors import GdbError

Tell = Callable[[StopSummary], None]
Run = Callable[[Tell], Awaitable[object]]
"""Lets the guest go, and calls its argument once with the stop at the end, as early as that is known."""


class Callbacks(Protocol):
    """How a participant hears of things. All but `before_resume` is synchronous; nothing else may raise."""

    def stopped(self, stop: StopSummary) -> None:
        """The stop that the participant waited for."""

    def failed(self, why: str) -> None:
        """What the participant asked for did not happen: the guest stands where it stood."""

    def said(self, text: str) -> None:
        """A line about the others."""

    def wrote(self, text: str) -> None:
        """What the guest wrote to its debugger's console."""

    def lost(self, why: str) -> None:
        """There is no stub any more."""

    async def before_resume(self) -> None:
        """Another is about to let the guest go, and has the lock: what of this one's was only left in the guest until
        then has to come out. May raise `GdbError`."""


class Participant:
    """One that shares the guest. ``number`` is the owner of its breakpoints."""

    def __init__(self, number: int, name: str, callbacks: Callbacks) -> None:
        self.number = number
        self.name = name
        self.callbacks = callbacks
        self.waits = False
        """Does it wait for a stop?"""
        self.due = False
        """Was it told of the last stop, and may it be about to ask for the next?"""
        self.seen: int | None = None
        """The number of the last stop that it knows of."""
        self.interrupted = False
        """Is a stop wanted since it asked for its last run? One that has not begun ends as soon as the guest goes."""
        self.run: Run | None = None
        """What it asked for last."""
        self.requests = 0
        """How often it asked for a run; only the last one counts."""

    def __str__(self) -> str:
        return f"{self.name} {self.number}"


class Participants:
    """Those who are there, by number, and the one in control."""

    def __init__(self) -> None:
        self.present: dict[int, Participant] = {}
        self.controller: Participant | None = None
        self._next = 1

    def __iter__(self) -> Iterator[Participant]:
        """Those who are there now; they may come and go meanwhile."""
        return iter(tuple(self.present.values()))

    def __contains__(self, one: Participant) -> bool:
        return one.number in self.present

    def __len__(self) -> int:
        return len(self.present)

    def add(self, name: str, callbacks: Callbacks) -> Participant:
        one = Participant(self._next, name, callbacks)
        self._next += 1
        self.present[one.number] = one
        self.tell_others(one, f"{one} is here")
        return one

    def remove(self, one: Participant) -> bool:
        """Was it there?"""
        if self.present.pop(one.number, None) is None:
            return False
        self.tell_others(one, f"{one} is gone")
        if self.controller is one:
            self.controller = None
        return True

    def describe(self, me: Participant) -> list[str]:
        """One line for each."""
        lines = []
        for one in self:
            marks = ["drives"] * (one is self.controller) + ["waits"] * one.waits + ["this one"] * (one is me)
            lines.append(f"{one}" + (f" ({', '.join(marks)})" if marks else ""))
        return lines

    def tell_others(self, me: Participant | None, text: str) -> None:
        """A line to everybody else."""
        for other in self:
            if other is not me:
                other.callbacks.said(text)

    # -- control --------------------------------------------------------------------------------------------

    def take(self, me: Participant) -> None:
        """``me`` controls the guest from now on."""
        if self.controller is not me:
            self.controller = me
            self.tell_others(me, f"{me} drives now")

    def give(self, me: Participant) -> None:
        """``me`` controls it no more; whoever asks next does."""
        if self.controller is me:
            self.controller = None
            self.tell_others(me, f"{me} gave the guest away; the next one to let it run drives")

    def may_change(self, me: Participant) -> None:
        """Take the guest if nobody has it. Raises `GdbError` where another controls it."""
        if self.controller is None:
            self.take(me)
        if self.controller is not me:
            raise GdbError(f"{self.controller} drives the guest; 'drive' takes it over.")
