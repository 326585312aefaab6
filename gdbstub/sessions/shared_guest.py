"""One guest, several participants: who waits for a stop, and who lets the guest run when.

All of them see every stop. Who does not control the guest *follows*: its ``continue`` waits for the next stop. No stop
passes a follower by, because the guest goes again only when those who were told of the last stop have asked for the
next one, or have rested for `PATIENCE` seconds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio

from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.events import DebuggerEvent, Output
from gdbstub.debugger.record import StopSummary
from gdbstub.errors import GdbError, TransportError
from gdbstub.sessions.guest_lock import GuestLock
from gdbstub.sessions.participants import Callbacks, Participant, Participants, Run, Tell

Begin = Callable[[Tell], Run | None]
"""Such a run while no other task gets a turn: None where it is over, otherwise the rest of it."""

PATIENCE = 1.0
"""Seconds after a stop for which the next resume waits for a follower that has not asked for it yet."""


class SharedGuest:
    """The participants around one debugger. Run `watch` beside it; runs go on in ``nursery`` when who asked leaves."""

    def __init__(self, debugger: Debugger, nursery: trio.Nursery) -> None:
        self.debugger = debugger
        self.guest = GuestLock(debugger)
        self.participants = Participants()
        self.light = True
        """Is nobody here who reads every stop (a screen)? Then a step is explained when somebody asks."""
        self.on_end: Callable[[], None] = lambda: None
        """Called once when the guest or its stub is gone, after the participants were told."""
        self._nursery = nursery
        self._rearmed = trio.Event()
        self._stopped_at = trio.current_time()

    @property
    def lost(self) -> str | None:
        """Why there is no stub any more."""
        return self.guest.lost

    def hear(self, notice: DebuggerEvent) -> None:
        """A listener of the debugger's: what the guest writes to its debugger's console is everybody's."""
        if isinstance(notice, Output) and notice.origin == "guest":
            for one in self.participants:
                one.callbacks.wrote(notice.text)

    async def watch(self) -> None:
        """As `GuestLock.watch`."""
        await self.guest.watch(self.lose)

    @property
    def _newest_number(self) -> int | None:
        newest = self.debugger.newest
        return None if newest is None else newest.number

    # -- coming and going -----------------------------------------------------------------------------------

    def join(self, name: str, callbacks: Callbacks) -> Participant:
        """A new participant, which knows of the newest stop."""
        one = self.participants.add(name, callbacks)
        one.seen = self._newest_number
        return one

    async def leave(self, me: Participant) -> None:
        """Forget a participant, its breakpoints with it; a guest that it let run runs on. Raises `GdbError` naming what
        the stub does not give back."""
        if not self.participants.remove(me):
            return
        self.rest(me)
        self._hand_on()
        if self.lost is None and self.debugger.owned_by(me.number):
            await self.guest.reach(lambda: self._without(me))

    async def _without(self, me: Participant) -> None:
        refusals = []
        for row in self.debugger.owned_by(me.number):
            try:
                await self.debugger.delete_breakpoint(row.number)
            except TransportError:
                raise
            except GdbError as error:
                refusals.append(str(error))
        if refusals:
            raise GdbError(" ".join(refusals))

    def give(self, me: Participant) -> None:
        """``me`` gives control away: to who waits for a stop, or to who asks next."""
        self.participants.give(me)
        self._hand_on()

    def let_go(self) -> None:
        """The last participant has detached: the guest runs on, on nobody's account."""
        if not self.participants and self.lost is None and not self.guest.busy:
            self._nursery.start_soon(self._run, None, self._run_on)

    async def _run_on(self, tell: Tell) -> None:
        tell((await self.debugger.resume()).brief)

    # -- running --------------------------------------------------------------------------------------------

    def go(self, me: Participant, run: Run, at_once: Begin | None = None) -> None:
        """``me`` asked for ``run``: in control it lets the guest go, otherwise it follows. It hears of the next stop,
        at once where one passed that it was not told of. ``at_once`` is the same for where nobody else wants anything
        of the guest."""
        me.waits, me.due, me.interrupted = True, False, False
        me.requests += 1
        me.run = run
        self._rearmed.set()
        others = self.participants
        if others.controller is None:
            others.take(me)
        if self.lost is not None:
            me.waits = False
            me.callbacks.lost(self.lost)
        elif others.controller is me and not self._missed(me):
            if at_once is None or not self._run_at_once(me, at_once):
                self._begin(me)
        elif self._missed(me) and not self.debugger.running:
            self._tell(me)
        elif others.controller is not me:
            me.callbacks.said(f"{others.controller} drives; this follows. 'monitor drive' takes the guest over.")

    def _begin(self, me: Participant) -> None:
        if me.run is not None:
            self._nursery.start_soon(self._run, me, me.run, me.requests)

    def _hand_on(self) -> None:
        """Nobody controls the guest any more: the first that waits for a stop does, and what it asked for is done."""
        waiting = next((one for one in self.participants if one.waits), None)
        if self.participants.controller is None and waiting is not None and self.lost is None:
            self.participants.take(waiting)
            self._begin(waiting)

    def _missed(self, me: Participant) -> bool:
        return me.seen != self._newest_number

    def _run_at_once(self, me: Participant, begin: Begin) -> bool:
        """Take the guest and ``begin``, where that keeps nobody waiting. Was it done?"""
        alone = len(self.participants) == 1 or not any(one.due for one in self.participants if one is not me)
        if not alone or not self.light or not self.debugger.may_step_at_once or not self.guest.lock_at_once():
            return False
        rest: Run | None = None
        try:
            rest = begin(self.announce)
        except GdbError as error:
            self.fail(me, error)
        finally:
            if rest is None:
                self.guest.unlock()
        if rest is not None:
            self._nursery.start_soon(self._finish, me, rest)
        return True

    async def _finish(self, me: Participant, rest: Run) -> None:
        """What was begun at once, with the guest still locked."""
        try:
            async with self.guest.locked():
                await rest(self.announce)
        except GdbError as error:
            self.fail(me, error)

    def may_step_alone(self, me: Participant) -> bool:
        """Is ``me`` in control of a guest of which nobody else wants or awaits anything?"""
        if self.participants.controller is not me or self._missed(me) or not self.light or not self.guest.free:
            return False
        if len(self.participants) > 1 and any(one.due or one.waits for one in self.participants if one is not me):
            return False
        return not self.guest.wanted_stopped and self.lost is None and self.debugger.may_step_at_once

    def finish(self, me: Participant, rest: Run) -> None:
        """``me`` has begun a step, where it `may_step_alone`, and waits for the ``rest`` of it."""
        me.waits, me.due = True, False
        me.requests += 1
        self.guest.lock_at_once()
        self._nursery.start_soon(self._finish, me, rest)

    def fail(self, me: Participant | None, error: GdbError) -> None:
        """What ``me`` asked for did not happen."""
        if self.debugger.lost is not None:
            self.lose(self.debugger.lost)
        elif me is not None and me.waits:
            me.waits = False
            me.callbacks.failed(str(error))

    async def _run(self, me: Participant | None, run: Run, request: int = 0) -> None:
        await self._gather()
        try:
            async with self.guest.lock():
                if me is not None and (not me.waits or me.requests != request):
                    return  # it was told of a stop while another had the guest
                if me is None and self.participants:
                    return  # somebody came meanwhile
                if me is not None and self.guest.wanted_stopped:
                    me.interrupted = True
                await self._clear_for(me)
                await run(self.announce)
        except GdbError as error:
            self.fail(me, error)

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        """The lock, for a participant that lets the guest go by itself (a screen): the others hear of the stop in the
        end."""
        await self._gather()
        async with self.guest.lock():
            before = self._newest_number
            await self._clear_for(None)
            try:
                yield
            finally:
                newest = self.debugger.newest
                if newest is not None and newest.number != before and not self.debugger.running:
                    self.announce(newest)

    async def _clear_for(self, me: Participant | None) -> None:
        for other in self.participants:
            if other is not me:
                await other.callbacks.before_resume()

    async def _gather(self) -> None:
        """Wait for the followers that may be about to ask for the next stop."""
        present = self.participants
        if not any(one.due for one in present if one is not present.controller):
            return
        with trio.move_on_at(self._stopped_at + PATIENCE):
            while any(one.due for one in present) and not (present.controller and present.controller.interrupted):
                self._rearmed = trio.Event()
                await self._rearmed.wait()
        for one in present:
            one.due = False

    # -- stops ----------------------------------------------------------------------------------------------

    def announce(self, stop: StopSummary) -> None:
        """Tell all who wait of the stop in which a run ended."""
        self._stopped_at = trio.current_time()
        for one in self.participants:
            if one.waits:
                one.due = True
                self._tell(one, stop)
        if stop.ended:
            self.on_end()

    def _tell(self, me: Participant, stop: StopSummary | None = None) -> None:
        stop = stop or self.debugger.newest
        if stop is not None:
            me.waits, me.seen = False, stop.number
            me.callbacks.stopped(stop)

    async def interrupt(self, me: Participant) -> None:
        """Stop the guest for everybody; where it stands already, end the participant's waiting. Raises what the stub's
        way of being interrupted raises."""
        me.interrupted = True
        in_control = self.participants.controller is me
        if self.guest.busy:
            if not in_control and self.debugger.running:
                self.participants.tell_others(me, f"{me} stopped the guest")
            await self.debugger.interrupt()
        elif me.waits and not in_control:
            self._tell(me)
        self._rearmed.set()

    async def stand(self, me: Participant) -> StopSummary | None:
        """Have the guest stopped for a participant that comes, as QEMU does when a debugger connects; the newest
        stop."""
        with self.guest.stopping():
            if self.guest.busy:
                await self.interrupt(me)
            async with self.guest.lock():
                me.seen = self._newest_number
        return self.debugger.newest

    def rest(self, me: Participant) -> None:
        """``me`` waits for no stop any more, and nobody for it."""
        me.waits = me.due = False
        self._rearmed.set()

    def lose(self, why: str) -> None:
        """The stub is gone; once."""
        if self.lost is None:
            self.guest.lost = why
            for one in self.participants:
                one.waits = False
                one.callbacks.lost(why)
            self.on_end()
