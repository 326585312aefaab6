"""The trio side of the screen: executes command lines one at a time, reads what panes need, and says
good-bye."""

from __future__ import annotations

import trio

from frontend.commands import Quit, execute
from frontend.commands.session import Session
from frontend.tui.breakpoint_rows import snapshot
from frontend.tui.controls import DROP, KILL, LEAVE_STOPPED, QUIT, Here, Job, Leave, Run, Screen
from frontend.tui.event_code import stopped_rip
from frontend.tui.events import (
    Answer,
    Arrange,
    BreakpointsChanged,
    FilterStops,
    Gap,
    Gathered,
    Keep,
    Looked,
    Printed,
    Question,
    SessionOpened,
    Show,
    ShowCode,
    Stop,
    StopShown,
    Submitted,
    ValueChanged,
    Working,
)
from frontend.tui.listing import CodeArea, NameLookup, read_code, where
from frontend.tui.preferences import LAYOUTS
from frontend.tui.view import CODE
from frontend.tui.window import looker
from gdbstub.debugger.events import DebuggerEvent
from gdbstub.debugger.record import StopRecord
from gdbstub.errors import GdbError

AHEAD = 64
LOOK = Run((), typed=False)
"""The job of showing a stop that another participant brought about."""
LOST = 3
GONE = "The stub is gone, so nothing can be asked of the guest any more; Ctrl-D leaves."


def place(symbols: NameLookup, record: StopRecord) -> Stop:
    """A record with the symbols of its places."""
    if record.ended:
        return Stop(record)
    ran, stopped = record.explanation.instruction, stopped_rip(record)
    plain = record.is_plain_step
    return Stop(
        record,
        where(symbols, record.state.pc),
        "" if ran is None else where(symbols, ran.address),
        "" if stopped is None else where(symbols, stopped),
        plain=plain,
    )


class Worker:
    """One session on one screen, from when it is attached until the user leaves."""

    def __init__(self, screen: Screen, session: Session) -> None:
        self._screen = screen
        self._session = session
        self._jobs, self._todo = trio.open_memory_channel[Job](AHEAD)
        self._stop, self._stops = trio.open_memory_channel[None](1)
        self._scope = trio.CancelScope()
        self._waiting = self._foreign = self._renamed = False
        self._read = looker(session.debugger, session.symbols)

    async def serve(self, startup: tuple[str, ...] = ()) -> int:
        """Serve the screen; the exit code when the user has left (3 when the connection was lost)."""
        self._take_over()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._interrupt)
            with self._scope:
                code = await self._work(startup)
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
        session.show_stop = lambda record: None
        session.show_code = self._show_code
        session.arrange = self._arrange
        session.filter_stops = lambda sought: screen.dispatch(FilterStops(sought))
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
            self._screen.dispatch(StopShown(place(self._session.symbols, notice)))
            if self._session.shared is not None and self._waiting and not self._foreign:
                self._foreign = self._queue(LOOK)
        else:
            self._screen.dispatch(notice)

    def _name_again(self) -> None:
        """Names are there that were not when the panes were filled."""
        self._renamed = True
        self._queue(LOOK)

    # The tasks

    async def _interrupt(self) -> None:
        async for _ in self._stops:
            try:
                await self._session.interrupt()
            except GdbError as error:
                self._screen.complain(str(error))

    async def _work(self, startup: tuple[str, ...]) -> int:
        await self._look()
        code = await self._run(startup, to_the_end=True)
        while code is None:
            job = await self._next_job()
            if job is LOOK:
                await self._look()
                continue
            code = await (self._leave(job) if isinstance(job, Leave) else self._take(job))
        return code

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
        if self._session.shared is not None:  # who shares the guest listens
            self._waiting = True
            job = await self._todo.receive()
            self._waiting = False
            return job
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen)
            job = await self._todo.receive()
            nursery.cancel_scope.cancel()
        return job

    async def _listen(self) -> None:
        debugger = self._session.debugger
        if self._session.live and not debugger.ended and not debugger.running and debugger.lost is None:
            await debugger.watch_idle()

    async def _run(self, lines: tuple[str, ...], *, typed: bool = True, to_the_end: bool = False) -> int | None:
        """Execute ``lines`` up to the first that fails, or all of them; an exit code where one of them leaves."""
        for line in lines:
            lost = self._screen.view.lost
            if typed and line.strip():
                self._screen.dispatch(Submitted(line))
            self._screen.dispatch(Working(line or "the last command"))
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
        if shared is None:
            await execute(self._session, line)
            await self._refresh()
        else:
            await shared.do(line, lambda: execute(self._session, line), self._refresh)

    async def _look(self) -> None:
        """Gather what panes show: at the beginning, and at another participant's stop."""
        self._foreign = False
        shared = self._session.shared
        try:
            await (self._refresh() if shared is None else shared.look(self._refresh))
        except GdbError as error:
            self._screen.complain(str(error))

    async def _refresh(self) -> None:
        """Gather what panes show of the newest stop, and what a command may have changed in it."""
        session, debugger = self._session, self._session.debugger
        self._screen.dispatch(Keep(debugger.stops_kept, session.code_kept))
        if not debugger.running and debugger.records:
            record = debugger.records[-1]
            shown = self._screen.view.stops
            if shown and shown[-1].record is not record:
                self._notice(record)
        looked = await self._read() if session.look_around else None
        if looked is None:
            self._screen.dispatch(BreakpointsChanged(snapshot(debugger.breakpoints)))
            return
        record, state, window, change = looked
        if change:
            self._screen.dispatch(ValueChanged(record.number, change))
        if state == record.state and not self._renamed:
            self._screen.dispatch(Gathered(window))
        else:
            self._renamed = False
            self._screen.dispatch(Looked(state, where(session.symbols, state.pc), window))

    def _arrange(self, which: str) -> None:
        """``layout N``."""
        title, preferences = LAYOUTS[which]
        self._screen.dispatch(Arrange(preferences))
        self._session.message(f"Layout {which}: {title}.")

    async def _show_code(self, address: int | None) -> None:
        """`code`: bring code to the pane; None brings back that of the stop."""
        if address is None:
            self._screen.dispatch(ShowCode(None))
        else:
            session = self._session
            state = await session.state()
            lines = await read_code(session, session.symbols, address, state.code_mode)
            if not any(line.address == address for line in lines):
                raise GdbError(f"The code at {address:#x} cannot be read.")
            self._screen.dispatch(ShowCode(CodeArea(address, where(session.symbols, address), lines)))
        self._screen.dispatch(Show(CODE))

    async def _confirm(self, text: str) -> bool:
        """Ask a command's question on the screen."""
        send, receive = trio.open_memory_channel[str | None](1)
        question = Question(text, (Answer("y", "yes", "yes"), Answer("n", "no", "no")))
        self._screen.ask(question, send.send_nowait)
        return await receive.receive() == "yes"

    # Leaving

    async def _quit(self, code: int) -> int | None:
        """``quit`` was typed: there may be a question left to answer."""
        debugger = self._session.debugger
        if debugger.ended or self._screen.view.ended:
            return code or (LOST if self._screen.view.lost else 0)
        self._screen.leave(code)
        return None

    async def _leave(self, job: Leave) -> int | None:
        """Leave the guest as asked; None where that failed, and then we stay."""
        debugger, shared = self._session.debugger, self._session.shared
        if debugger.ended or job.how in (QUIT, DROP):
            return job.code or (LOST if self._screen.view.lost else 0)
        self._screen.dispatch(Working("quit"))

        async def leave() -> None:
            await (debugger.kill() if job.how == KILL else debugger.detach(resume=job.how != LEAVE_STOPPED))

        try:
            await (leave() if shared is None else shared.leave(leave))
        except GdbError as error:
            self._screen.complain(str(error))
            return LOST if self._screen.view.lost else None
        finally:
            self._screen.dispatch(Working(""))
            self._screen.idle()
        return job.code
