"""How a screen asks its user, and leaves its guest."""

from __future__ import annotations

import trio

from frontend.commands.session import Session
from frontend.tui.controls import DROP, KILL, LEAVE_STOPPED, QUIT, Leave, Screen
from frontend.tui.events import Answer, Question, Working
from gdbstub.errors import GdbError

LOST = 3
"""The exit code where the connection was lost."""


class Leaving:
    """One session on one screen, at its end."""

    def __init__(self, screen: Screen, session: Session) -> None:
        self._screen = screen
        self._session = session

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

    async def _confirm(self, text: str) -> bool:
        """Ask a command's question on the screen."""
        send, receive = trio.open_memory_channel[str | None](1)
        question = Question(text, (Answer("y", "yes", "yes"), Answer("n", "no", "no")))
        self._screen.ask(question, send.send_nowait)
        return await receive.receive() == "yes"
