"""The trio side of the screen: executes command lines one at a time, reads what panes need, and says
good-bye."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress

import trio

from frontend.commands import Quit, execute
from frontend.commands.again import count_words, lines_again
from frontend.commands.session import Session
from frontend.tui.aside import Aside, runs_the_guest
from frontend.tui.beside import interrupt, tick
from frontend.tui.controls import ATTACH, Here, Job, Leave, Run, Screen
from frontend.tui.events import (
    Gap,
    Keep,
    Printed,
    SessionOpened,
    Submitted,
    Working,
)
from frontend.tui.gatherer import Gatherer
from frontend.tui.last_time import LastTime
from frontend.tui.leaving import LOST, Leaving
from frontend.tui.view import number_of
from gdbstub.debugger.events import DebuggerEvent
from gdbstub.debugger.record import StopRecord
from gdbstub.errors import GdbError

AHEAD = 64
RETRY_SECONDS = 1.0
"""Between two attempts to attach to a stub that is gone."""
ATTACH_SECONDS = 10.0
"""How long one may take."""

Reopen = Callable[[int], AbstractAsyncContextManager[Session]]
"""Another session with the same target, its stops numbered from there."""
LOOK = Run((), typed=False)
"""The job of showing a stop that another participant brought about."""
GONE = "The stub is gone, so nothing can be asked of the guest; reconnect tries to attach again, Ctrl-D leaves."


class Worker(Leaving):
    """One session on one screen, from when it is attached until the user leaves."""

    def __init__(
        self,
        screen: Screen,
        session: Session,
        reopen: Reopen | None = None,
        *,
        run: int = 0,
        again: tuple[str, ...] = (),
    ) -> None:
        """``reopen`` opens another session after a loss; ``run`` counts them; ``again`` is what that before had set."""
        super().__init__(screen, session)
        self._reopen = reopen
        self._run_number = run
        self._again = again
        self._gatherer = Gatherer(session, screen.dispatch, run)
        self._jobs, self._todo = trio.open_memory_channel[Job](AHEAD)
        self._stop, self._stops = trio.open_memory_channel[None](1)
        self._scope = trio.CancelScope()
        self._last_time = LastTime(session)
        self._waiting = self._foreign = False

    async def serve(self, startup: tuple[str, ...] = (), welcome: str = "") -> int:
        """Serve the screen; the exit code when the user has left (3 when the connection was lost). ``welcome`` is said
        behind the ``startup`` lines."""
        self._take_over()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(interrupt, self._session, self._screen, self._stops)
            nursery.start_soon(tick, self._screen)
            self._screen.aside = Aside(self._session, self._screen, nursery).take
            with self._scope:
                code = await self._work(startup, welcome)
            nursery.cancel_scope.cancel()
        if self._scope.cancelled_caught:
            return LOST if self._screen.view.lost else 0
        return code

    def _take_over(self) -> None:
        """Let the session talk to the screen, and the screen to us."""
        session, debugger, screen = self._session, self._session.debugger, self._screen
        session.out = lambda text: screen.dispatch(Printed(text))
        session.say = lambda text: screen.dispatch(Printed(text, "note"))
        session.confirm = self._confirm
        screen.forget = self._forget
        session.show_stop = lambda record: None
        session.show_code = self._gatherer.show_code
        session.arrange = lambda which: session.message(screen.arrange_as(which))
        session.panes.show, session.panes.tour = screen.bring, screen.begin_tour
        screen.on_sight = self._look_soon
        session.set_theme = screen.set_theme
        session.filter_stops = screen.filter_stops
        session.reads_overwritten = session.reads_overwritten or session.live
        screen.work, screen.stop, screen.drop = self._queue, self._ask_to_stop, self._scope.cancel
        cpus = len(debugger.capabilities.cpus)
        screen.dispatch(SessionOpened(debugger.target, debugger.backend, cpus, session.symbols))
        session.on_names = self._name_again
        screen.dispatch(Keep(debugger.stops_kept, session.code_kept))
        for record in debugger.records:
            self._notice(record)
        debugger.listen(self._notice)
        debugger.on_gap = lambda why: screen.dispatch(Gap(why))
        if session.shared is not None:
            session.message(session.shared.welcome)

    # Called by the screen, synchronously

    def _queue(self, job: Job) -> bool:
        try:
            self._jobs.send_nowait(job)
        except trio.WouldBlock:
            return False
        return True

    def _ask_to_stop(self) -> None:
        try:
            self._stop.send_nowait(None)
        except trio.WouldBlock:
            return  # asked already, and not yet heard

    def _notice(self, notice: DebuggerEvent) -> None:
        if isinstance(notice, StopRecord):
            self._gatherer.show(notice)
            if self._session.shared is not None and self._waiting and not self._foreign:
                self._foreign = self._queue(LOOK)
        else:
            self._screen.dispatch(notice)

    def _name_again(self) -> None:
        """Names are there that were not when the panes were filled."""
        self._gatherer.renamed = True
        self._queue(LOOK)

    def _look_soon(self) -> None:
        """Panes came into sight that have nothing to show yet."""
        self._queue(LOOK)

    async def _see(self) -> None:
        """Have the panes in sight read. It is a command, so that the replay of a recording asks for the same."""
        session, wanted = self._session, self._screen.in_sight
        if session.live and session.collecting is None and wanted != session.panes.seen:
            await execute(session, " ".join(("panes", *wanted)))

    def _forget(self) -> int:
        """Drop what is queued; how much that was."""
        dropped = 0
        with suppress(trio.WouldBlock):
            while True:
                self._todo.receive_nowait()
                dropped += 1
        return dropped

    async def _work(self, startup: tuple[str, ...], welcome: str) -> int:
        await self._look()
        await self._offer_again()
        code = await self._run(startup, to_the_end=True)
        offer = self._last_time.begin()
        for text in (welcome, "" if self._run_number else offer):
            if text:
                self._screen.dispatch(Printed(text, "note"))
        while code is None:
            job = await self._next_job()
            if job is LOOK:
                await self._look()
            elif job is ATTACH:
                code = await self._attach_again()
            else:
                code = await (self._leave(job) if isinstance(job, Leave) else self._take(job))
        return code

    async def _offer_again(self) -> None:
        """After a loss: what was set may be set again."""
        words = count_words(self._again)
        if words and await self._confirm(f"The stub is back. Set {words} again?"):
            await self._run(self._again, to_the_end=True)

    async def _attach_again(self) -> int | None:
        """Try to attach to a stub that was lost, and serve it; None where it is not there."""
        if self._reopen is None:
            self._screen.complain("There is nothing to attach to again here; Ctrl-D leaves.")
            return None
        stops = self._screen.view.stops
        first = number_of(stops[-1]) + 1 if stops else 0
        try:
            with trio.CancelScope(deadline=trio.current_time() + ATTACH_SECONDS) as scope:
                async with self._reopen(first) as session:
                    scope.deadline = math.inf
                    session.displays.clear()
                    again = lines_again(self._session)
                    return await Worker(
                        self._screen, session, self._reopen, run=self._run_number + 1, again=again
                    ).serve()
        except GdbError:
            return None  # not yet
        return None

    async def _take(self, job: Run | Here) -> int | None:
        try:
            if isinstance(job, Run):
                return await self._run(job.lines, typed=job.typed)
            line = job.line(self._screen.view)
            return None if line is None else await self._run((line,), typed=False)
        finally:
            self._screen.finished()

    async def _next_job(self) -> Job:
        """What the user asks for next; meanwhile the stub is listened to, so that its end shows when it comes."""
        if self._screen.view.lost and self._session.live:
            return await self._next_while_lost()
        if self._session.shared is not None:  # who shares the guest listens
            self._waiting = True
            try:
                return await self._todo.receive()
            finally:
                self._waiting = False
        job: Job | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen, nursery.cancel_scope)
            job = await self._todo.receive()
            nursery.cancel_scope.cancel()
        return await self._next_while_lost() if job is None else job

    async def _next_while_lost(self) -> Job:
        """What the user asks for, or an attempt to attach now and then; a guest of our own comes when asked for."""
        owned = self._reopen is None or self._screen.owned
        with trio.move_on_after(math.inf if owned else RETRY_SECONDS):
            return await self._todo.receive()
        return ATTACH

    async def _listen(self, waiting: trio.CancelScope) -> None:
        """Until the stub is lost, which ends the waiting for the user alone."""
        if self._session.live and not self._session.debugger.running and not self._screen.view.ended:
            await self._session.debugger.watch_idle()
        if self._screen.view.lost:
            waiting.cancel()

    async def _run(self, lines: tuple[str, ...], *, typed: bool = True, to_the_end: bool = False) -> int | None:
        """Execute ``lines`` up to the first that fails, or all of them; an exit code where one of them leaves."""
        for line in lines:
            lost = self._screen.view.lost
            if typed and line.strip():
                self._screen.dispatch(Submitted(line))
            self._screen.dispatch(Working(line or "the last command"))
            self._screen.runs = runs_the_guest(line or self._session.last_line)
            try:
                await self._execute(line)
            except Quit as end:
                return await self._quit(end.code)
            except GdbError as error:
                self._screen.complain(GONE if lost and str(error) == lost else str(error))
                if not to_the_end or (self._screen.view.lost and not lost):
                    break
            finally:
                self._screen.dispatch(Working(""))
                self._screen.idle()
            if typed:
                self._screen.answered(line)
        return None

    async def _execute(self, line: str) -> None:
        """One line, and what panes show after it; where the guest is shared, when the screen may have it."""
        shared = self._session.shared
        await self._see()
        if shared is None:
            await execute(self._session, line)
            if self._session.debugger.deferred.waiting and not self._session.debugger.running:
                await self._session.debugger.deferred.serve()
            await self._gatherer.refresh()
        else:
            await shared.do(line, lambda: execute(self._session, line), self._gatherer.refresh)
        self._last_time.keep()

    async def _look(self) -> None:
        """Gather what panes show: at the beginning, and at another participant's stop."""
        self._foreign = False
        shared = self._session.shared
        try:
            await self._see()
            await (self._gatherer.refresh() if shared is None else shared.look(self._gatherer.refresh))
        except GdbError as error:
            self._screen.complain(str(error))
        self._screen.draw()
