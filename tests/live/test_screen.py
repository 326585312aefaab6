"""`dr6 demo` and `dr6 attach` on a real terminal."""

from __future__ import annotations

import os
import re
import shlex
import signal
from pathlib import Path

import pytest

from tests.guests.build import build
from tests.live.machine import command, dr6, machine
from tests.live.screen import Screen, descendants, frame_holds, screen

pytestmark = [pytest.mark.live, pytest.mark.slow]

WHY = r"single-step · guest's"


def in_shell(directory: Path, *words: str) -> str:
    """dr6 in a shell that notes how the terminal is before and after, and then waits."""
    before, after = directory / "before", directory / "after"
    return (
        f"stty -a >{before}; TERM=screen-256color {shlex.join(command(*words))}; code=$?; "
        f"stty -a >{after}; echo ended with $code; read end"
    )


def qemus(shown: Screen) -> list[int]:
    return [pid for pid, name in descendants(int(shown.fact("pane_pid"))).items() if name.startswith("qemu")]


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def assert_terminal_is_as_before(shown: Screen, directory: Path) -> None:
    before, after = ((directory / name).read_text().split(";", 3)[3] for name in ("before", "after"))
    assert after == before  # but for speed, rows and columns
    assert [shown.fact(name) for name in ("alternate_on", "cursor_flag", "mouse_any_flag")] == ["0", "1", "0"]


async def test_the_demo_explains_events_walks_back_takes_a_resize_and_leaves_nothing(tmp_path: Path) -> None:
    async with screen(tmp_path, in_shell(tmp_path, "demo")) as shown:
        text = await shown.wait_until(lambda text: re.search(WHY, text) and frame_holds(text, 80, 24))
        for pane in ("1 code", "2 registers", "4 why", "5 stops", "8 messages"):
            assert pane in text
        assert "db_handler32" in text
        (qemu,) = qemus(shown)
        shown.keys("F9")
        await shown.wait(r"INT3 of the guest|software-breakpoint · guest's")
        shown.keys("continue", "Enter")
        await shown.wait(r"instruction-breakpoint .*guest's")
        shown.resize(200, 60)
        text = await shown.wait_until(lambda text: frame_holds(text, 200, 60))
        assert "instruction-breakpoint" in text
        assert "DR7" in text
        shown.keys("why 1", "Enter")
        await shown.wait(r"single-step · guest · trap")
        shown.keys("M-Up")
        await shown.wait(r"(?s)int3 +◀ the event.*handler ▶ bp_handler32")
        shown.keys("delete 1 2 3 4 5 6", "Enter", "continue", "Enter")
        await shown.wait(r"(?s)bus lock at CPL 3.*\bend\b")  # the last lines that the guest prints
        shown.keys("C-d")
        assert "ended with 0" in await shown.wait("ended with")
        assert_terminal_is_as_before(shown, tmp_path)
        assert not is_there(qemu)


async def test_a_running_guest_is_stopped_by_ctrl_c_and_the_screen_keeps_up(tmp_path: Path) -> None:
    image = build("loop")
    with machine(tmp_path, image) as qemu:
        words = ("attach", qemu.target, "--symbols", str(image))
        async with screen(tmp_path, in_shell(tmp_path, *words)) as shown:
            await shown.wait(r"^ STOPPED")
            shown.keys("continue", "Enter")
            await shown.wait(r"^ RUNNING")
            shown.resize(120, 40)
            await shown.wait_until(lambda text: text.startswith(" RUNNING") and text.split("\n")[39][:7] == "F1 help")
            shown.keys("break rdx_is_counted if 0", "Enter")
            await shown.wait(r"rdx_is_counted is no|No symbol|no symbol")
            shown.keys("watch *(int*)0", "Enter")
            await shown.wait("Done in a pause; the guest runs on")
            assert shown.text().startswith(" RUNNING")
            shown.keys("si 2", "Enter")
            await shown.wait(r"RUNNING.* 1 queued")
            shown.keys("C-c")
            text = await shown.wait(r"^ STOPPED")
            assert "1 queued command dropped" in text
            assert "interrupt" in text
            shown.keys("F7")
            await shown.wait(r"single-step")
            shown.keys("quit", "Enter")
            await shown.wait("Leave the guest")
            shown.keys("r")
            await shown.wait("ended with 0")
            assert_terminal_is_as_before(shown, tmp_path)


async def test_a_guest_that_is_lost_is_said_on_the_screen(tmp_path: Path) -> None:
    with machine(tmp_path, build("loop")) as qemu:
        async with screen(tmp_path, in_shell(tmp_path, "attach", qemu.target)) as shown:
            await shown.wait(r"^ STOPPED")
            qemu.process.kill()
            await shown.wait(r"closed the connection")
            shown.keys("stepi", "Enter")
            await shown.wait(r"The stub is gone")
            shown.keys("p 6*7", "Enter")
            await shown.wait(r"\$1 = 42")
            shown.keys("C-d")
            await shown.wait("ended with 3")
            assert_terminal_is_as_before(shown, tmp_path)


async def test_a_guest_that_comes_back_is_attached_to_again_with_what_was_set(tmp_path: Path) -> None:
    image = build("exam")
    with machine(tmp_path, image) as qemu:
        words = ("attach", qemu.target, "--symbols", str(image))
        async with screen(tmp_path, in_shell(tmp_path, *words), 120, 40) as shown:
            await shown.wait(r"^ STOPPED")
            shown.keys("watch rounds", "Enter", "display $rip", "Enter", "continue", "Enter")
            await shown.wait(r"watch +place_call +rounds 0 → 1")
            qemu.process.kill()
            await shown.wait(r"^ LOST")
            shown.keys("M-Up")
            await shown.wait(r"back at #0 \(1/2\)")
            with machine(tmp_path, image):
                await shown.wait(r"The stub is back. Set 1 watchpoint, 1 display again\?")
                shown.keys("y")
                await shown.wait(r"STOPPED.*stop #2 \(3/3\)(?s:.*)── run 2 ──")
                shown.keys("continue", "Enter")
                await shown.wait(r"#3 \(4/4\)(?s:.*)rounds 0 → 1")
                shown.keys("C-d")
                await shown.wait("Leave the guest")
                shown.keys("s")
                await shown.wait("ended with 0")


async def test_a_terminated_dr6_gives_the_terminal_back_and_takes_its_qemu_along(tmp_path: Path) -> None:
    async with screen(tmp_path, in_shell(tmp_path, "demo")) as shown:
        await shown.wait(WHY)
        below = descendants(int(shown.fact("pane_pid")))
        (qemu,) = qemus(shown)
        (ours,) = [pid for pid, name in below.items() if name.startswith("python")]
        os.kill(ours, signal.SIGTERM)
        await shown.wait("ended with")
        assert_terminal_is_as_before(shown, tmp_path)
        assert not is_there(qemu)


async def test_no_connection_is_said_before_the_screen_is_taken(tmp_path: Path) -> None:
    async with screen(tmp_path, in_shell(tmp_path, "attach", str(tmp_path / "nobody"))) as shown:
        text = await shown.wait("ended with 3")
        assert text.startswith("dr6: ")
        assert_terminal_is_as_before(shown, tmp_path)


async def test_a_recorded_screen_is_gone_through_whole_with_and_without_one(tmp_path: Path) -> None:
    """With a command in it that failed, and behind each command what the panes read."""
    file = tmp_path / "session"
    with machine(tmp_path, build("loop")) as guest:
        shell = in_shell(tmp_path, "attach", guest.target, "--record", str(file), "-ex", "nonsense", "-ex", "stepi")
        async with screen(tmp_path, shell, 120, 40) as shown:
            await shown.wait(r"^#1\b|#1 ")
            for line, answer in (
                *(("x/2i $pc", r"\(dr6\) x/2i \$pc.*\n.*0x"), ("break", "Breakpoint 1 at")),
                *(("memory $rip", r"\$rip · 0x"), ("display/x $rip", r"1: /x \$rip = 0x")),
                *(("set {u8}0x5000 = 0x5a", r"set \{u8\}0x5000 = 0x5a.*\n\(dr6\)$"), ("undo", r"0x5000: 5a → 00")),
                *(("nonsense again", r"nonsense again.*\n\s*nonsense is no command"), ("stepi 2", r"#3 ")),
            ):
                shown.keys(line, "Enter")
                await shown.wait(answer)
            shown.keys("M-w")
            await shown.wait(r"\$rip = 0x[0-9a-f]+ → 0x|\$rip = 0x")
            shown.keys("M-6", "s")
            await shown.wait(r"#4 ")
            shown.keys("C-d")
            await shown.wait("running")
            shown.keys("r")
            await shown.wait("ended with 0")
    again = dr6("replay", "--batch", str(file), "-ex", "p 6*7")
    assert (again.code, again.out.splitlines()[-1]) == (0, "$1 = 42")
    assert [line.split()[0] for line in again.out.splitlines() if line.startswith("#")] == ["#1", "#3", "#4"]
    assert "0x5000: 5a → 00" in again.out
    assert again.err.count("nonsense") == 2
    assert again.err.count("\n") == 2
    async with screen(tmp_path, in_shell(tmp_path, "replay", str(file)), 120, 40) as shown:
        await shown.wait(r"stop #4 (?s:.*)\$rip · 0x")


async def test_a_question_keeps_its_place_and_a_search_leaves_nothing_behind(tmp_path: Path) -> None:
    with machine(tmp_path, build("loop")) as qemu:
        async with screen(tmp_path, in_shell(tmp_path, "attach", qemu.target)) as shown:
            await shown.wait(r"^ STOPPED")
            shown.keys("p 6*7", "Enter")
            await shown.wait(r"\$1 = 42")
            shown.keys("C-r", "6*")
            await shown.wait("I-search")
            shown.keys("Enter")
            await shown.wait(r"\$2 = 42")
            assert "I-search" not in shown.text()
            shown.keys("x" * 90)
            await shown.wait(r"^\(dr6\) x+$")
            shown.keys("C-c")
            await shown.wait(r"^\(dr6\)$")
            shown.keys("C-d")
            await shown.wait("Leave the guest")
            shown.keys("C-r", "s")
            await shown.wait("ended with 0")


async def test_fast_breakpoint_keys_set_and_delete_and_the_current_row_is_of_one_colour(tmp_path: Path) -> None:
    with machine(tmp_path, build("loop")) as qemu:
        async with screen(tmp_path, in_shell(tmp_path, "attach", qemu.target), 120, 40) as shown:
            await shown.wait(r"^ STOPPED")
            shown.keys("M-1", "b", "b", "b", "Space")
            text = await shown.wait_until(lambda text: "Deleted breakpoint 2" in text and "●" not in text)
            assert "Breakpoint 2 at" in text
            shown.keys("b")
            await shown.wait("●▶")
            (row,) = [row for row in shown.run("capture-pane", "-e", "-p").splitlines() if "●▶" in row]
            assert re.search(r"\x1b\[7m●▶[^\x1b]*ljmp[^\x1b]*\x1b\[0m", row), row


async def test_events_stay_in_the_walk_when_many_steps_follow(tmp_path: Path) -> None:
    async with screen(tmp_path, in_shell(tmp_path, "demo"), 120, 40) as shown:
        await shown.wait(WHY)
        shown.keys("set history size 12", "Enter")
        await shown.wait("set history size 12")
        shown.keys("si 40", "Enter")
        await shown.wait(r"stop #41 \(12/12\)")
        shown.keys("M-Home")
        await shown.wait(r"back at #0 \(1/12\)")
        shown.keys("M-Down")
        await shown.wait(r"back at #1 \(2/12\)")
        await shown.wait(WHY)
