"""The screen among the participants of a served guest: its commands wait for the lock, and what lets the guest run is
asked first whether the screen is in control."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from frontend.commands import find_command
from frontend.commands.session import PIECEWISE, Session
from frontend.commands.shared import Work
from gdbstub.debugger.record import StopSummary
from gdbstub.errors import GdbError
from gdbstub.sessions.participants import Participant
from gdbstub.sessions.shared_guest import SharedGuest

FREE = frozenset(("why", "events", "help", "drive", "give", "clients"))
"""Commands that ask nothing of the guest: they work while another has it."""
CHANGING = frozenset(
    ("set", "undo", "kill", "detach", "disconnect", "source", "trace", "monitor", "delete", "commands")
)


class SharedScreen:
    """The screen as a participant; also its callbacks."""

    def __init__(self, session: Session, shared: SharedGuest, welcome: str) -> None:
        self._session = session
        self.welcome = welcome
        """Where others come in."""
        self.shared = shared
        self.participant: Participant = shared.join("screen", self)
        shared.light = False  # the screen reads every stop
        session.reach = shared.guest.reach

    async def do(self, line: str, work: Work[None], then: Work[None]) -> None:
        """``work``, which executes ``line``, and ``then``, which shows what became of it, when and as the rules of
        sharing allow it. Raises `GdbError` where another controls the guest, and what they raise."""
        name = self._name(line)
        guest = self.shared.guest
        if name in FREE:
            await work()
            if not guest.busy:
                await self.look(then)
        elif name in PIECEWISE:
            await work()
            await self.look(then)
        elif name in CHANGING or self._runs(name):
            self.shared.participants.may_change(self.participant)
            async with self.shared.exclusive():
                with self._released_while_asking():
                    await work()
                    await then()
        else:

            async def both() -> None:
                await work()
                await then()

            await self.look(both)

    async def look(self, job: Work[None]) -> None:
        """``job`` with the guest stopped, now or in a pause of another's run."""
        await self.shared.guest.reach(job)

    async def leave(self, job: Work[None]) -> None:
        """``job``, which leaves the guest: another's run is over."""
        with self.shared.guest.stopping():
            if self.shared.guest.busy:
                await self.shared.interrupt(self.participant)
            async with self.shared.guest.lock():
                await job()

    @contextmanager
    def _released_while_asking(self) -> Iterator[None]:
        """Nobody waits while the user thinks about a question."""
        confirm = self._session.confirm

        async def ask(question: str) -> bool:
            async with self.shared.guest.release_while():
                return await confirm(question)

        self._session.confirm = ask
        try:
            yield
        finally:
            self._session.confirm = confirm

    def _name(self, line: str) -> str:
        words = (line.strip() or self._session.last_line).replace("/", " ").split()
        if not words or self._session.collecting is not None:
            return "help"
        try:
            return find_command(words[0]).name
        except GdbError:
            return "help"  # it fails on its own

    def _runs(self, name: str) -> bool:
        return find_command(name).group == "running"

    def describe(self) -> list[str]:
        """One line for each participant."""
        return self.shared.participants.describe(self.participant)

    def take(self) -> None:
        self.shared.participants.take(self.participant)

    def give(self) -> None:
        self.shared.give(self.participant)

    # -- what it hears ------------------------------------------------------------------------------------------

    def stopped(self, stop: StopSummary) -> None:
        """The screen listens to the debugger itself."""

    def failed(self, why: str) -> None:
        self._session.message(why)

    def said(self, text: str) -> None:
        self._session.message(text)

    def wrote(self, text: str) -> None:
        """As `stopped`."""

    def lost(self, why: str) -> None:
        """The debugger says so, too."""

    async def before_resume(self) -> None:
        """Nor does it leave anything in the guest."""
