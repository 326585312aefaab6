"""The one place that holds the current view: what keys, mouse and the trio side move.

Everything here is synchronous and runs in the one thread that both loops share: a change replaces the view
and asks for a new drawing, and only a change does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from frontend.tui.events import (
    Answer,
    Ask,
    Printed,
    Question,
    Queued,
    Show,
)
from frontend.tui.pane_controls import PaneControls
from frontend.tui.view import MESSAGES, ViewState

STEPS = ("stepi", "nexti")
"""May be typed ahead: each takes a moment only."""
HERE = "here"

LEAVE_RUNNING, LEAVE_STOPPED, KILL, DROP, QUIT = "running", "stopped", "kill", "drop", "quit"

HOW_TO_LEAVE = Question(
    "Leave the guest",
    (
        Answer("r", "running", LEAVE_RUNNING),
        Answer("s", "stopped", LEAVE_STOPPED),
        Answer("k", "killed", KILL),
    ),
)
END_IT = Question("The guest ends with dr6. Quit?", (Answer("y", "yes", QUIT),))
NO_ANSWER = Question("The guest has not stopped yet. Close the connection all the same?", (Answer("y", "yes", DROP),))


class Run(NamedTuple):
    """Command lines to execute, one after the other, up to the first that fails; ``typed`` ones are echoed."""

    lines: tuple[str, ...]
    typed: bool = True


class Here(NamedTuple):
    """A key that means what is there when its turn comes: ``line`` makes its command line of the view then."""

    line: Callable[[ViewState], str | None]


class Leave(NamedTuple):
    """Leave the guest in this way, and end."""

    how: str
    code: int = 0


Job = Run | Here | Leave
ATTACH = Run(("reconnect",), typed=False)
"""The job of attaching to a stub that was lost."""
ATTACHING = ("reconnect", "r")


class Screen(PaneControls):
    """The current `ViewState`, and the `Controls` that keys move.

    What it wants done leaves through ``work`` (False: there is too much to do already), ``stop`` (interrupt
    the guest) and ``drop`` (end at once); ``owned`` says that the guest cannot outlive us.
    """

    def __init__(self, *, owned: bool = False) -> None:
        super().__init__()
        self.owned = owned
        self.work: Callable[[Job], bool] = lambda job: False
        self.stop: Callable[[], None] = lambda: None
        self.drop: Callable[[], None] = lambda: None
        self.aside: Callable[[str], bool] = lambda line: False
        """Carries a line out beside what runs, if it can be."""
        self.forget: Callable[[], int] = lambda: 0
        """Drops what is queued; how much that was."""
        self.runs = False
        """Does what is executed let the guest run?"""
        self._answered: Callable[[str | None], None] | None = None
        self._leaving = False
        self._stopping = False
        self._unfinished: deque[str] = deque()
        """A line of each job that was handed out and is not through yet; `HERE` for a `Here`."""

    # What keys do

    def submit(self, line: str) -> None:
        """Have ``line`` executed, or say why it cannot be now."""
        self.take(Run((line,), typed=False))

    def submit_here(self, line: Callable[[ViewState], str | None]) -> None:
        self.take(Here(line))

    def take(self, run: Run | Here) -> bool:
        """Have command lines executed; False (with a message) where that cannot be now."""
        typed, lines = (run.typed, run.lines) if isinstance(run, Run) else (False, (HERE,))
        first = lines[0].strip() if lines else ""
        if first in WHILE_RUNNING and (self._view.running or self._view.working):
            WHILE_RUNNING[first](self)
            return True
        # a key must not wait behind what lets the guest run: it would mean another place by then
        ahead = (self._view.working,) if typed or not self._unfinished else self._unfinished
        busy = next((line for line in ahead if line and line not in (*STEPS, HERE)), "")
        if busy and not typed and lines == (busy,):
            return True  # a key that was pressed twice
        if typed and self._view.lost and first in ATTACHING:
            return self.work(ATTACH)
        if busy and typed and len(lines) == 1 and self.aside(first):
            return True
        if busy and not typed:
            what = "The guest runs" if self._view.running else f"dr6 is busy with {busy!r}"
            return self._refuse(f"{what}; Ctrl-C stops it.")
        if not self.work(run):
            return self._refuse("There is too much to do already; Ctrl-C stops it.")
        self._unfinished.append(next((line for line in lines if line not in STEPS), first))
        self.dispatch(Queued(len(self._unfinished) - 1))
        return True

    def finished(self) -> None:
        """The oldest job is through."""
        if self._unfinished:
            self._unfinished.popleft()
        self.dispatch(Queued(max(0, len(self._unfinished) - 1)))

    def complain(self, why: str) -> None:
        """An error, to be seen; the loss of the stub was said when it was noticed."""
        if why == self._view.lost:
            return
        self.dispatch(Printed(why, "error"))
        self.dispatch(Show(MESSAGES))

    def _refuse(self, why: str) -> bool:
        self.complain(why)
        return False

    def stop_guest(self) -> None:
        """Interrupt what runs; the second time, say what else can be done."""
        if self._stopping:
            self.dispatch(Printed("The stub has not stopped the guest yet; Ctrl-D offers to leave.", "note"))
        self._stopping = True
        self.stop()

    def idle(self) -> None:
        """What ran has ended."""
        self._stopping = False

    def interrupt(self) -> None:
        if self._view.working or self._view.running:
            self.stop_guest()
            if dropped := self.forget():
                self._unfinished = deque([*self._unfinished][:1])
                self.dispatch(Queued(0))
                self.dispatch(Printed(f"{dropped} queued command{'s' * (dropped > 1)} dropped.", "note"))
        elif self.prompt is not None and self.prompt.text:
            self.prompt.reset()
        else:
            self.dispatch(Printed("Nothing runs. Ctrl-D quits.", "note"))

    def leave(self, code: int = 0) -> None:
        """Ask how, unless there is nothing to be asked any more; ``code`` is the exit code in the end."""

        def left(how: str | None) -> None:
            self._left(how, code)

        if self._leaving:
            self.ask(NO_ANSWER, left)
        elif self._view.ended:
            left(QUIT)
        else:
            self.ask(END_IT if self.owned else HOW_TO_LEAVE, left)

    def _left(self, how: str | None, code: int) -> None:
        if how is None:
            return
        if how == DROP:
            self.drop()
            return
        self._leaving = True
        if self._view.working or self._view.running:
            self.stop_guest()
        if not self.work(Leave(how, code)):
            self.drop()

    def ask(self, question: Question, answered: Callable[[str | None], None]) -> None:
        """Ask in place of the bar of keys; ``answered`` gets the meaning of the answer, or None."""
        self.answer(None)
        self._answered = answered
        self.dispatch(Ask(question))

    def answer(self, key: str | None) -> None:
        """A key while a question stands; None takes the question back, an unknown key does nothing."""
        question, answered = self._view.question, self._answered
        if question is None or answered is None:
            return
        meaning = next((answer.meaning for answer in question.answers if answer.key == key), None)
        if key is None or meaning is not None:
            self._answered = None
            self.dispatch(Ask(None))
            answered(meaning)


WHILE_RUNNING: dict[str, Callable[[Screen], None]] = {
    "interrupt": Screen.stop_guest,
    "quit": Screen.leave,
    "q": Screen.leave,
    "exit": Screen.leave,
}
"""Command lines that need not wait for what runs."""
