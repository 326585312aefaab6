"""The whole screen: keys in at a pipe, real commands on a guest that is a byte array, no terminal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from prompt_toolkit.application import get_app
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import PipeInput, create_pipe_input

from frontend.commands.session import Session
from frontend.symbols.names import Symbols
from frontend.tui.app import KeptHistory, history_path, open_history, run_screen
from frontend.tui.controls import Screen
from frontend.tui.events import Event
from frontend.tui.view import ViewState
from gdbstub.debugger.events import Disconnected
from gdbstub.errors import TransportError
from tests.fakes.debugger import FakeDebugger
from tests.frontend.drawing import SizedOutput

LOOP = bytes.fromhex("90 48ffc0 ebfa")  # nop; inc rax; jmp to the nop
SECONDS = 20


class Watched(Screen):
    """A screen whose changes can be waited for."""

    changed: trio.Event | None = None

    def dispatch(self, event: Event) -> None:
        super().dispatch(event)
        if self.changed is not None:
            self.changed.set()


class User:
    """Somebody at the keyboard, who looks at the screen before each key."""

    def __init__(self, screen: Watched, pipe: PipeInput, debugger: FakeDebugger) -> None:
        self.screen, self.debugger = screen, debugger
        self._pipe = pipe

    def type(self, text: str) -> None:
        self._pipe.send_text(text)

    async def until(self, holds: Callable[[ViewState], bool]) -> None:
        """Wait until ``holds``; a view on which it never does is a failure."""
        with trio.fail_after(SECONDS):
            while not holds(self.screen.view):
                self.screen.changed = trio.Event()
                await self.screen.changed.wait()

    async def typed(self, text: str) -> None:
        """Wait until the prompt reads ``text``."""
        prompt = self.screen.prompt
        assert isinstance(prompt, Buffer)
        changed = trio.Event()
        prompt.on_text_changed += lambda _: changed.set()
        with trio.fail_after(SECONDS):
            while prompt.text != text:
                await changed.wait()
                changed = trio.Event()

    async def says(self, text: str) -> None:
        await self.until(lambda view: any(text in message.text for message in view.messages))


Story = Callable[[User], Awaitable[None]]


def play(
    story: Story, *, code: bytes = LOOP, startup: tuple[str, ...] = (), owned: bool = False
) -> tuple[int, FakeDebugger]:
    """Run the screen while ``story`` goes on; the exit code, and what is left."""
    debugger = FakeDebugger(code, cpus=2)
    screen = Watched(owned=owned)
    with create_pipe_input() as pipe:

        @asynccontextmanager
        async def opened() -> AsyncIterator[Session]:
            await debugger.attach()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(story, User(screen, pipe, debugger))
                yield Session(debugger.as_debugger(), Symbols(), lambda text: None)
                nursery.cancel_scope.cancel()

        code_ = run_screen(screen, opened, startup, InMemoryHistory(), pipe, SizedOutput(80, 24))
    return code_, debugger


F1, F7, F9 = "\x1bOP", "\x1b[18~", "\x1b[20~"
ALT_UP, ALT_DOWN = "\x1b[1;3A", "\x1b[1;3B"
CTRL_C, CTRL_D, ENTER = "\x03", "\x04", "\r"


def stops(count: int) -> Callable[[ViewState], bool]:
    return lambda view: len(view.stops) == count and not view.working


async def leave(user: User) -> None:
    """Ctrl-D on an empty line, and leave the guest stopped."""
    await user.until(lambda view: not view.working)
    user.type(CTRL_D)
    await user.until(lambda view: view.question is not None)
    user.type("s")


def test_steps_by_key_and_by_command_fill_the_list_of_stops() -> None:
    async def story(user: User) -> None:
        user.type(F7)
        await user.until(stops(2))
        user.type("stepi" + ENTER)
        await user.until(stops(3))
        user.type(ENTER)  # an empty line repeats
        await user.until(stops(4))
        user.type(ALT_UP)
        await user.until(lambda view: view.selected == 2)
        user.type(ALT_DOWN)
        await user.until(lambda view: view.selected is None)
        await leave(user)

    code, debugger = play(story)

    assert (code, debugger.log) == (0, ["disconnect"])
    assert [record.number for record in debugger.records] == [0, 1, 2, 3]


def test_a_running_guest_is_stopped_by_ctrl_c() -> None:
    async def story(user: User) -> None:
        user.type(F9)
        await user.until(lambda view: view.running)
        user.type("monitor info status" + ENTER)
        await user.until(lambda view: view.queued == 1)
        user.type(CTRL_C)
        await user.says("1 queued command dropped.")
        await user.until(lambda view: not view.running and not view.working)
        user.type("print $rax * 0 + 7" + ENTER)
        await user.says("= 7")
        await leave(user)

    assert play(story)[0] == 0


def test_leaving_a_running_guest_stops_it_to_take_the_breakpoints_out() -> None:
    async def story(user: User) -> None:
        user.type("hbreak *0x1020" + ENTER)
        await user.until(lambda view: len(view.breakpoints) == 1)
        user.type(F9)
        await user.until(lambda view: view.running)
        user.type(CTRL_D)
        await user.until(lambda view: view.question is not None)
        user.type("r")

    code, debugger = play(story)

    assert (code, debugger.log, debugger.breakpoints) == (0, ["detach"], {})


def test_quit_is_asked_about_and_kill_says_what_it_does() -> None:
    async def story(user: User) -> None:
        user.type("quit" + ENTER)
        await user.until(lambda view: view.question is not None)
        user.type("\x1b")
        await user.until(lambda view: view.question is None)
        user.type("quit 5" + ENTER)
        await user.until(lambda view: view.question is not None)
        user.type("k")

    code, debugger = play(story)

    assert debugger.log == ["kill"]
    assert code == 5


def test_a_guest_of_our_own_ends_with_us() -> None:
    async def story(user: User) -> None:
        user.type(CTRL_D)
        await user.until(lambda view: view.question is not None)
        user.type("y")

    code, debugger = play(story, owned=True)

    assert (code, debugger.log) == (0, []), "its owner ends it"


def test_a_bad_command_is_one_red_sentence() -> None:
    async def story(user: User) -> None:
        user.type("frobnicate" + ENTER)
        await user.until(lambda view: any(message.kind == "error" for message in view.messages))
        assert user.screen.view.messages[-1].text.startswith("frobnicate is no command")
        await leave(user)

    assert play(story)[0] == 0


def test_startup_lines_are_executed_first_and_in_order() -> None:
    async def story(user: User) -> None:
        await user.until(lambda view: len(view.stops) == 3 and not view.working)
        assert [m.text for m in user.screen.view.messages if m.kind == "command"] == ["(dr6) stepi", "(dr6) stepi"]
        await leave(user)

    assert play(story, startup=("stepi", "stepi"))[0] == 0


def test_what_the_user_changes_is_shown_at_once() -> None:
    async def story(user: User) -> None:
        user.type("set $rax = 0x1234" + ENTER)
        await user.until(lambda view: view.state is not None and view.state.registers["rax"] == 0x1234)
        user.type("set {char}0x1000 = 0xf4" + ENTER)
        await user.until(lambda view: view.window is not None and view.window.lines[0].text == "hlt")
        await leave(user)

    assert play(story)[0] == 0


def test_completion_offers_commands_and_inserts_the_only_one() -> None:
    async def story(user: User) -> None:
        user.type("disas\t")
        await user.typed("disassemble")
        user.type(ENTER)
        await user.says("(dr6) disassemble")
        await leave(user)

    assert play(story)[0] == 0


def test_help_takes_the_keys_until_it_is_closed() -> None:
    async def story(user: User) -> None:
        user.type(F1)
        await user.until(lambda view: view.help)
        user.type("s")
        user.type("q")
        await user.until(lambda view: not view.help)
        assert len(user.screen.view.stops) == 1, "s was no step"
        await leave(user)

    assert play(story)[0] == 0


def test_single_letters_are_commands_only_while_a_pane_has_the_keys() -> None:
    async def story(user: User) -> None:
        user.type("\x1b1")
        await user.until(lambda view: view.focus == "code")
        user.type("s")
        await user.until(stops(2))
        user.type(":")
        await user.until(lambda view: view.focus == "prompt")
        user.type("s" + ENTER)
        await user.says("(dr6) s")
        await user.until(stops(3))
        await leave(user)

    assert play(story)[0] == 0


@pytest.mark.parametrize("keys", ["bb", "b "])
def test_a_breakpoint_key_pressed_twice_fast_is_as_pressed_twice_slowly(keys: str) -> None:
    """Set and deleted again, and both are said."""

    async def story(user: User) -> None:
        user.type("\x1b1")
        await user.until(lambda view: view.focus == "code")
        user.type(keys)
        await user.says("Deleted breakpoint 1")
        assert [m.text for m in user.screen.view.messages] == ["Breakpoint 1 at 0x1000", "Deleted breakpoint 1"]
        await user.until(lambda view: not view.working)
        assert user.screen.view.breakpoints == ()
        user.type(keys * 3 + "b")
        await user.says("Breakpoint 5 at 0x1000")
        await user.until(lambda view: len(view.breakpoints) == 1 and not view.working)
        user.type(":")
        await leave(user)

    assert play(story)[0] == 0


def test_a_breakpoint_key_behind_a_step_means_where_the_step_went() -> None:
    async def story(user: User) -> None:
        user.type("\x1b1")
        await user.until(lambda view: view.focus == "code")
        user.type("sb")
        await user.says("Breakpoint 1 at 0x1001")
        user.type(":")
        await leave(user)

    assert play(story)[0] == 0


def test_a_gap_that_the_debugger_speaks_of_is_marked_at_the_next_stop() -> None:
    async def story(user: User) -> None:
        await user.until(lambda view: bool(view.stops))
        user.debugger.as_debugger().on_gap("Events before this may be missing.")
        user.type(F7)
        await user.until(stops(2))
        assert [stop.gap for stop in user.screen.view.stops] == ["", "Events before this may be missing."]
        await leave(user)

    assert play(story)[0] == 0


def prompt_row() -> tuple[str, set[str]]:
    """The drawn row of the prompt as text, and the styles in it."""
    drawn = get_app().renderer.last_rendered_screen
    assert drawn is not None
    cells = [drawn.data_buffer[22][column] for column in range(80)]
    return "".join(cell.char for cell in cells), {cell.style for cell in cells}


def test_enter_ends_a_search_and_runs_what_was_found_and_no_colours_stay() -> None:
    async def story(user: User) -> None:
        user.type("print 42" + ENTER)
        await user.says("$1 = 42")
        await an_hour_later()  # a drawing, which reads the history
        user.type("\x12" + "rint" + ENTER)
        await user.says("$2 = 42")
        user.type("print 43")
        await user.typed("print 43")
        await an_hour_later()
        shown, styles = prompt_row()
        assert shown.startswith("(dr6) print 43")
        assert not any("search" in style for style in styles)
        user.type(CTRL_C)
        await leave(user)

    assert play(story)[0] == 0


def test_a_search_is_ended_by_ctrl_c_alone() -> None:
    async def story(user: User) -> None:
        user.type("\x12" + "x")
        await an_hour_later()
        assert get_app().layout.is_searching
        user.type(CTRL_C)
        await an_hour_later()
        assert not get_app().layout.is_searching
        await leave(user)

    assert play(story)[0] == 0


def test_no_search_takes_the_place_of_a_question_or_the_keys_of_a_pane() -> None:
    async def story(user: User) -> None:
        user.type("\x1b1" + "\x12")
        await an_hour_later()
        assert not get_app().layout.is_searching
        user.type(":" + CTRL_D + "\x12")
        await an_hour_later()
        assert not get_app().layout.is_searching
        user.type("s")

    assert play(story)[0] == 0


def test_the_prompt_stands_in_front_of_a_line_that_is_wider_than_the_window() -> None:
    async def story(user: User) -> None:
        user.type("x" * 100 + "yz")
        await user.typed("x" * 100 + "yz")
        await an_hour_later()
        shown, _ = prompt_row()
        assert shown.startswith("(dr6) x")
        assert shown.rstrip().endswith("yz")
        user.type(CTRL_C)
        await leave(user)

    assert play(story)[0] == 0


def test_a_lost_stub_leaves_the_stops_to_look_at_and_exit_code_3() -> None:
    async def story(user: User) -> None:
        user.type(F7)
        await user.until(stops(2))
        user.debugger.ended = True
        for listener in user.debugger._listeners:
            listener(Disconnected("The stub closed the connection."))
        user.type(ALT_UP)
        await user.until(lambda view: view.selected == 0)
        user.type(CTRL_D)

    assert play(story)[0] == 3


def test_a_startup_line_that_fails_ends_none_but_itself() -> None:
    async def story(user: User) -> None:
        await user.says("nonsense")
        await user.until(stops(2))
        await leave(user)

    assert play(story, startup=("nonsense", "stepi"))[0] == 0


def test_a_guest_that_shuts_down_is_shown_as_ended() -> None:
    async def story(user: User) -> None:
        user.type(F9)
        await user.until(lambda view: view.ended and not view.working)
        user.type(F7)
        await user.says("the guest is gone")
        user.type(CTRL_D)

    assert play(story, code=b"\x90\xf4")[0] == 0


def test_errors_of_opening_come_out_on_an_untouched_terminal() -> None:
    output = SizedOutput(80, 24)
    drawn: list[str] = []
    output.enter_alternate_screen = lambda: drawn.append("screen")  # type: ignore[method-assign]

    class Refusing:
        async def __aenter__(self) -> Session:
            raise TransportError("Nothing listens at localhost:1; start the guest with -s first.")

        async def __aexit__(self, *_: object) -> None:
            raise AssertionError("what was not entered is not left")

    with create_pipe_input() as pipe, pytest.raises(TransportError, match="Nothing listens"):
        run_screen(Screen(), Refusing, (), InMemoryHistory(), pipe, output)
    assert drawn == []


async def an_hour_later() -> None:
    """Have the screen's loop do at once all that it has put off, up to an hour, and what comes of that."""
    app = get_app()
    loop = app.loop
    assert loop is not None
    now = loop.time
    loop.time = lambda: now() + 3600  # type: ignore[method-assign]
    quiet = trio.Event()

    def turn(left: int) -> None:
        if left or app.invalidated:
            loop.call_later(0.001, turn, max(0, left - 1))
        else:
            quiet.set()

    loop.call_soon(turn, 20)
    await quiet.wait()


def test_an_idle_screen_is_not_drawn() -> None:
    drawn: list[int] = []

    async def story(user: User) -> None:
        user.type(F7)
        await user.until(stops(2))
        await an_hour_later()
        before = len(drawn)
        await an_hour_later()
        assert len(drawn) == before
        assert before > 0
        await leave(user)

    output = SizedOutput.flush
    SizedOutput.flush = lambda self: drawn.append(1)  # type: ignore[method-assign]
    try:
        assert play(story)[0] == 0
    finally:
        SizedOutput.flush = output  # type: ignore[method-assign]


def test_history_is_kept_in_the_state_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    open_history().store_string("info registers")

    assert history_path() == tmp_path / "dr6" / "history"
    assert list(open_history().load_history_strings()) == ["info registers"]


@pytest.mark.parametrize("value", ["", "relative/path"])
def test_a_state_directory_that_is_none_is_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", value)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert history_path() == tmp_path / ".local" / "state" / "dr6" / "history"


def test_history_that_cannot_be_written_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "dr6").write_text("a file where a directory should be")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    assert isinstance(open_history(), InMemoryHistory)
    kept = KeptHistory(tmp_path / "dr6" / "history")
    kept.store_string("x")
    assert list(kept.load_history_strings()) == []
