"""One guest, several parties: who drives, who waits for a stop, and who may touch the guest now.

A party is a screen or a client of the server. All of them see every stop. One at a time drives: what lets the guest run
or changes it is the driver's; who asks for either while nobody drives becomes the driver. The others *follow*: their
``continue`` waits for the next stop. No stop passes a follower by, because the guest goes again only when those who
were told of the last stop have asked for the next one, or have rested for `PATIENCE` seconds.

The debugger is for one task at a time. `turn` is that one's; who needs the stopped guest while another has it (to read
memory at its own prompt while the guest runs) leaves an errand, which is done in a pause of the run.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

import trio

from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.record import StopSummary
from gdbstub.errors import GdbError, TransportError

T = TypeVar("T")
Tell = Callable[[StopSummary], None]
Run = Callable[[Tell], Awaitable[object]]
"""Lets the guest go, and calls its argument once with the stop at the end, as early as that is known."""

PATIENCE = 1.0
"""Seconds after a stop for which the driver's next resume waits for a follower that has not asked for it yet."""
IDLE_SECONDS = 0.2
"""How long nobody has asked anything of the stub before it is listened to."""


class Callbacks(Protocol):
    """How a party hears of things. All of it is synchronous; nothing may raise."""

    def stopped(self, stop: StopSummary) -> None:
        """The stop that the party waited for."""

    def failed(self, why: str) -> None:
        """What the party asked for did not happen: the guest stands where it stood."""

    def said(self, text: str) -> None:
        """A line about the other parties."""

    def lost(self, why: str) -> None:
        """There is no stub any more."""

    def changed(self) -> None:
        """The guest goes, or was written to: nothing that was read holds any more."""

    async def going(self) -> None:
        """Another party is about to let the guest go, and has the turn: what of this one's was only left in the guest
        until then has to come out. May raise `GdbError`."""


class Participant:
    """One that shares the guest. ``number`` is the owner of its breakpoints."""

    def __init__(self, number: int, name: str, ear: Callbacks) -> None:
        self.number = number
        self.name = name
        self.ear = ear
        self.waits = False
        """Does it wait for a stop?"""
        self.due = False
        """Was it told of the last stop, and may it be about to ask for the next?"""
        self.seen: int | None = None
        """The number of the last stop that it knows of."""
        self.broke_off = False
        """Did it ask for a stop before the guest went?"""
        self.wishes = 0
        """How often it asked for a run; only the last one counts."""
        self.wish: Run | None = None
        """That one."""

    def __str__(self) -> str:
        return f"{self.name} {self.number}"


class SharedGuest:
    """The parties around one debugger. Run `watch` beside it; runs go on in ``nursery`` when their party leaves."""

    def __init__(self, debugger: Debugger, nursery: trio.Nursery) -> None:
        self.debugger = debugger
        self._nursery = nursery
        self._lock = trio.StrictFIFOLock()
        self._held = False
        self._listening: trio.CancelScope | None = None
        self._touched = trio.current_time()
        self._next = 1
        self._rearmed = trio.Event()
        self._stopped_at = trio.current_time()
        self._coming = 0
        """Parties that come, and want the guest stopped before another run begins."""
        self.parties: dict[int, Participant] = {}
        self.driver: Participant | None = None
        self.lost: str | None = None
        """Why there is no stub any more."""
        self.light = True
        """Is nobody here who reads every stop (a screen)? Then a step is explained when somebody asks."""
        self.on_end: Callable[[], None] = lambda: None
        """Called once when the guest or its stub is gone, after the parties were told."""

    # -- the guest, for one task at a time --------------------------------------------------------------------

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Debugger]:
        """Have the debugger alone; at the end what the others want meanwhile is done."""
        if self._listening is not None:
            self._listening.cancel()
        async with self._lock:
            self._held = True
            try:
                yield self.debugger
            finally:
                self._touched = trio.current_time()
                if self.debugger.running:  # a run that was given up half-way; who closes the session stops the guest
                    self.debugger.deferred.refuse()
                elif self.debugger.deferred.waiting:
                    with trio.CancelScope(shield=True):
                        await self.debugger.deferred.serve()
                self._held = False

    @property
    def busy(self) -> bool:
        """Has somebody the debugger?"""
        return self._held

    @asynccontextmanager
    async def seat(self) -> AsyncIterator[None]:
        """The turn of a party that lets the guest go by itself (a screen): the others hear of the stop in the end."""
        await self._gather()
        async with self.turn():
            before = self._newest_number
            self.changed()
            await self._clear_for(None)
            try:
                yield
            finally:
                newest = self.debugger.newest
                if newest is not None and newest.number != before and not self.debugger.running:
                    self.announce(newest)

    @asynccontextmanager
    async def aside(self) -> AsyncIterator[None]:
        """Within a `seat`: let the others have their turns for as long as a user thinks about a question. Who lets the
        guest run meanwhile is stopped in the end."""
        self._held = False
        self._lock.release()
        try:
            yield
        finally:
            self._coming += 1
            with trio.CancelScope(shield=True):
                if self._held:
                    await self.debugger.interrupt()
                await self._lock.acquire()
            self._coming -= 1
            self._held = True

    async def reach(self, job: Callable[[], Awaitable[T]]) -> T:
        """Do ``job`` with the guest stopped: now, or in a pause of the run that is under way. Raises what it raises."""
        if self.lost is not None:
            raise TransportError(self.lost)
        if self._held:
            return await self.debugger.deferred.ask(job)
        async with self.turn():
            return await job()

    async def watch(self) -> None:
        """Listen to a stub that nobody asks anything, so that its end shows when it comes."""
        while self.lost is None and not self.debugger.ended:
            await trio.sleep(IDLE_SECONDS)
            if self._lock.locked() or trio.current_time() - self._touched < IDLE_SECONDS:
                continue
            async with self._lock:
                with trio.CancelScope() as self._listening:
                    if not self._lock.statistics().tasks_waiting:  # who came while it was taken can't have cancelled
                        await self.debugger.watch_idle()
                self._listening = None
            if self.debugger.lost is not None:
                self.lose(self.debugger.lost)

    # -- coming and going -----------------------------------------------------------------------------------

    def join(self, name: str, ear: Callbacks) -> Participant:
        """A new party, which knows of the newest stop."""
        party = Participant(self._next, name, ear)
        self._next += 1
        self.parties[party.number] = party
        party.seen = self._newest_number
        self.tell_others(party, f"{party} is here")
        return party

    async def leave(self, party: Participant) -> None:
        """Forget a party, its breakpoints with it; a guest that it let run runs on. Where it drove, one that waits for
        a stop does from now on. Raises `GdbError` naming what the stub does not give back."""
        if self.parties.pop(party.number, None) is None:
            return
        self.tell_others(party, f"{party} is gone")
        self.rest(party)
        if self.driver is party:
            self.driver = None
        try:
            if self.lost is None and self.debugger.owned_by(party.number):
                await self.reach(lambda: self._without(party))
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        """Where nobody drives, the first that waits for a stop gets the run that it asked for: no other would end its
        waiting. It is told of the stop instead where a run is under way that ends in one."""
        waiting = next((party for party in self.parties.values() if party.waits and party.wish is not None), None)
        if self.driver is None and self.lost is None and waiting is not None and waiting.wish is not None:
            self.take(waiting)
            waiting.ear.said("nobody drove any more; this drives now")
            self._nursery.start_soon(self._run, waiting, waiting.wish, waiting.wishes)

    async def _without(self, party: Participant) -> None:
        refusals = []
        for row in self.debugger.owned_by(party.number):
            try:
                await self.debugger.delete_breakpoint(row.number)
            except TransportError:
                raise
            except GdbError as error:
                refusals.append(str(error))
        if refusals:
            raise GdbError(" ".join(refusals))

    @property
    def _newest_number(self) -> int | None:
        newest = self.debugger.newest
        return None if newest is None else newest.number

    def describe(self, me: Participant) -> list[str]:
        """One line for each party."""
        lines = []
        for party in self.parties.values():
            marks = ["drives"] * (party is self.driver) + ["waits"] * party.waits + ["this one"] * (party is me)
            lines.append(f"{party}" + (f" ({', '.join(marks)})" if marks else ""))
        return lines

    def changed(self) -> None:
        """The guest goes, or was written to."""
        for party in self.parties.values():
            party.ear.changed()

    def tell_others(self, party: Participant | None, text: str) -> None:
        """A line to everybody else."""
        for other in tuple(self.parties.values()):
            if other is not party:
                other.ear.said(text)

    # -- who drives -----------------------------------------------------------------------------------------

    def take(self, party: Participant) -> None:
        """``party`` drives from now on."""
        if self.driver is not party:
            self.driver = party
            self.tell_others(party, f"{party} drives now")

    def give(self, party: Participant) -> None:
        """``party`` drives no more; whoever asks next does."""
        if self.driver is party:
            self.driver = None
            self.tell_others(party, f"{party} gave the guest away; the next one to let it run drives")

    def may_change(self, party: Participant) -> None:
        """Take the guest if nobody has it. Raises `GdbError` where somebody else drives."""
        if self.driver is None:
            self.take(party)
        if self.driver is not party:
            raise GdbError(f"{self.driver} drives the guest; 'drive' takes it over.")

    # -- running --------------------------------------------------------------------------------------------

    def go(self, party: Participant, run: Run) -> None:
        """``party`` asked for ``run``: as the driver it lets the guest go, otherwise it follows. It hears of the next
        stop, at once where one passed that it was not told of."""
        party.waits, party.due, party.broke_off = True, False, False
        party.wishes += 1
        party.wish = run
        self._rearmed.set()
        if self.driver is None:
            self.take(party)
        if self.lost is not None:
            party.waits = False
            party.ear.lost(self.lost)
        elif self.driver is party and not self._missed(party):
            self._nursery.start_soon(self._run, party, run, party.wishes)
        elif self._missed(party) and not self.debugger.running:
            self._tell(party)
        elif self.driver is not party:
            party.ear.said(f"{self.driver} drives; this follows. 'monitor drive' takes the guest over.")

    def _missed(self, party: Participant) -> bool:
        return party.seen != self._newest_number

    def let_go(self) -> None:
        """The last party has detached: the guest runs on, on nobody's account."""
        if not self.parties and self.lost is None and not self.busy:
            self._nursery.start_soon(self._run, None, self._run_on)

    async def _run_on(self, tell: Tell) -> None:
        tell((await self.debugger.resume()).brief)

    async def _run(self, party: Participant | None, run: Run, wish: int = 0) -> None:
        await self._gather()
        try:
            async with self.turn():
                if party is not None and (not party.waits or party.wishes != wish):
                    return  # it was told of a stop while another had the guest
                if party is None and self.parties:
                    return  # somebody came meanwhile
                if party is not None and (party.broke_off or self._coming):
                    self._tell(party)
                    return
                self.changed()
                await self._clear_for(party)
                await run(self.announce)
        except GdbError as error:
            if self.debugger.lost is not None:
                self.lose(self.debugger.lost)
            elif party is not None and party.waits:
                party.waits = False
                party.ear.failed(str(error))

    async def _clear_for(self, party: Participant | None) -> None:
        for other in tuple(self.parties.values()):
            if other is not party:
                await other.ear.going()

    async def _gather(self) -> None:
        """Wait for the followers that may be about to ask for the next stop."""
        if not any(one.due for one in self.parties.values() if one is not self.driver):
            return
        with trio.move_on_at(self._stopped_at + PATIENCE):
            while any(one.due for one in self.parties.values()) and not (self.driver and self.driver.broke_off):
                self._rearmed = trio.Event()
                await self._rearmed.wait()
        for one in self.parties.values():
            one.due = False

    def announce(self, stop: StopSummary) -> None:
        """Tell all who wait of the stop in which a run ended."""
        self._stopped_at = trio.current_time()
        for party in tuple(self.parties.values()):
            if party.waits:
                party.due = True
                self._tell(party, stop)
        if stop.ended:
            self.on_end()

    def _tell(self, party: Participant, stop: StopSummary | None = None) -> None:
        stop = stop or self.debugger.newest
        if stop is not None:
            party.waits, party.seen = False, stop.number
            party.ear.stopped(stop)

    async def interrupt(self, party: Participant) -> None:
        """Stop the guest for everybody; where it stands already, end the party's waiting. Raises what the stub's way
        of being interrupted raises."""
        party.broke_off = True
        if self.busy:
            if self.driver is not party and self.debugger.running:
                self.tell_others(party, f"{party} stopped the guest")
            await self.debugger.interrupt()
        elif party.waits and self.driver is not party:
            self._tell(party)
        self._rearmed.set()

    async def stand(self, party: Participant) -> StopSummary | None:
        """Have the guest stopped for a party that comes, as QEMU does when a debugger connects; the newest stop."""
        self._coming += 1
        try:
            if self.busy:
                await self.interrupt(party)
            async with self.turn():
                party.seen = self._newest_number
        finally:
            self._coming -= 1
        return self.debugger.newest

    def rest(self, party: Participant) -> None:
        """``party`` waits for no stop any more, and nobody for it."""
        party.waits = party.due = False
        self._rearmed.set()

    def lose(self, why: str) -> None:
        """The stub is gone; once."""
        if self.lost is None:
            self.lost = why
            for party in tuple(self.parties.values()):
                party.waits = False
                party.ear.lost(why)
            self.on_end()
