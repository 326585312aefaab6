"""The two loops: whatever ends first ends the other, and the right error comes out."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from typing import TypeVar

import pytest
import trio
from prompt_toolkit.application import Application
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.layout import FormattedTextControl, Layout, Window
from prompt_toolkit.output import DummyOutput

from frontend.tui.host import Main, TerminatedError, run_both

T = TypeVar("T")


class Crash(Exception):
    pass


class Stage:
    """An application that draws what ``text`` gives, and what happened around it."""

    def __init__(self, text: Callable[[], str]) -> None:
        self.log: list[str] = []
        self.drawn = trio.Event()
        self.on_drawn: Callable[[], None] = self.drawn.set
        self._text = text

    def run(self, main: Main[T]) -> T | None:
        async def wrapped(show: Callable[[], None]) -> T:
            try:
                return await main(show)
            finally:
                self.log.append("trio is through")

        with create_pipe_input() as pipe:
            self.pipe = pipe
            self.app: Application[None] = Application(
                layout=Layout(Window(FormattedTextControl(self._text))), input=pipe, output=DummyOutput()
            )
            self.app.after_render += lambda _: self.on_drawn()
            try:
                return asyncio.run(run_both(self.app, wrapped))
            finally:
                self.log.append("drawn" if self.drawn.is_set() else "never drawn")


@pytest.fixture
def stage() -> Stage:
    return Stage(lambda: "hello")


def test_trio_that_fails_before_it_asks_for_the_screen_never_draws(stage: Stage) -> None:
    async def main(show: Callable[[], None]) -> None:
        raise Crash

    with pytest.raises(Crash):
        stage.run(main)

    assert stage.log == ["trio is through", "never drawn"]


def test_trio_that_fails_before_the_first_frame_ends_the_application(stage: Stage) -> None:
    async def main(show: Callable[[], None]) -> None:
        show()
        raise Crash

    with pytest.raises(Crash):
        stage.run(main)

    assert stage.log[0] == "trio is through"


def test_trio_that_fails_later_ends_the_application(stage: Stage) -> None:
    async def main(show: Callable[[], None]) -> None:
        show()
        await stage.drawn.wait()
        raise Crash

    with pytest.raises(Crash):
        stage.run(main)

    assert stage.log == ["trio is through", "drawn"]


def test_trio_that_ends_gives_its_result(stage: Stage) -> None:
    async def main(show: Callable[[], None]) -> int:
        show()
        await stage.drawn.wait()
        return 7

    assert stage.run(main) == 7
    assert stage.log == ["trio is through", "drawn"]


def test_an_application_that_ends_first_cancels_trio(stage: Stage) -> None:
    async def main(show: Callable[[], None]) -> None:
        show()
        await stage.drawn.wait()
        stage.app.exit()
        await trio.sleep_forever()

    assert stage.run(main) is None
    assert stage.log == ["trio is through", "drawn"]


def test_a_pane_that_raises_in_the_first_frame_ends_both() -> None:
    def text() -> str:
        raise Crash

    broken = Stage(text)

    async def main(show: Callable[[], None]) -> None:
        show()
        await trio.sleep_forever()

    with pytest.raises(Crash):
        broken.run(main)

    assert broken.log == ["trio is through", "never drawn"]


def test_a_pane_that_raises_in_a_later_frame_ends_both() -> None:
    def text() -> str:
        if broken.drawn.is_set():
            raise Crash
        return "hello"

    broken = Stage(text)

    async def main(show: Callable[[], None]) -> None:
        show()
        await broken.drawn.wait()
        broken.app.invalidate()
        await trio.sleep_forever()

    with pytest.raises(Crash):
        broken.run(main)

    assert broken.log == ["trio is through", "drawn"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_both_and_is_named(stage: Stage, number: signal.Signals) -> None:
    async def main(show: Callable[[], None]) -> None:
        show()
        await stage.drawn.wait()
        os.kill(os.getpid(), number)
        await trio.sleep_forever()

    with pytest.raises(TerminatedError, match=number.name):
        stage.run(main)

    assert stage.log == ["trio is through", "drawn"]


def test_a_terminal_that_goes_away_is_named(stage: Stage) -> None:
    async def main(show: Callable[[], None]) -> None:
        show()
        await stage.drawn.wait()
        stage.pipe.close()
        await trio.sleep_forever()

    with pytest.raises(TerminatedError, match="The terminal is gone"):
        stage.run(main)

    assert stage.log == ["trio is through", "drawn"]


def test_a_signal_before_the_screen_is_taken_ends_trio(stage: Stage) -> None:
    async def main(show: Callable[[], None]) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await trio.sleep_forever()

    with pytest.raises(TerminatedError):
        stage.run(main)

    assert stage.log == ["trio is through", "never drawn"]


def test_the_screen_wakes_trio_from_the_other_loop(stage: Stage) -> None:
    async def main(show: Callable[[], None]) -> str:
        send, receive = trio.open_memory_channel[str](1)
        stage.on_drawn = lambda: send.send_nowait("a key")
        show()
        word = await receive.receive()
        stage.on_drawn = stage.drawn.set
        return word

    assert stage.run(main) == "a key"
