"""`dr6 attach --batch`, `--record` and `replay` as processes: results, exit codes, and how the guest is left."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from frontend.demo_guest import DEMO_IMAGE
from tests.guests.build import build
from tests.guests.image import read_image
from tests.guests.machine import run_to_end
from tests.live.machine import Machine, dr6, finish, machine, start
from tests.live.naive import Naive

pytestmark = [pytest.mark.live, pytest.mark.slow]

LOOP = build("loop")
SYMBOLS = read_image(LOOP).symbols
TO_MAIN = ("-ex", "hbreak main_loop", "-ex", "continue", "-ex", "delete")


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Machine]:
    """The guest ``loop`` at reset."""
    with machine(tmp_path, LOOP) as qemu:
        yield qemu


def test_commands_run_in_order_from_the_command_line_and_from_files(loop: Machine, tmp_path: Path) -> None:
    script = tmp_path / "commands"
    script.write_text("# a comment\nstepi\np/x $rip\n")
    words = ("--batch", *TO_MAIN, "-ex", "p/x $rip", "-x", str(script), "-ex", "echo end\\n")
    ran = dr6("attach", loop.target, "--symbols", str(LOOP), *words)
    assert (ran.code, ran.err) == (0, "")
    assert [int(value, 16) for value in re.findall(r"^\$\d = (0x[0-9a-f]+)$", ran.out, re.MULTILINE)] == [
        SYMBOLS["main_loop"],
        SYMBOLS["main_loop"] + 7,
    ]
    assert ran.out.endswith("end\n")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("-ex", "quit 7", "-ex", "p 1"), 7),
        (("-ex", "quit"), 0),
        (("-ex", "no-such-command"), 1),
        (("-ex", "no-such-command", "-ex", "p 1"), 0),
        (("--strict", "-ex", "no-such-command", "-ex", "p 1"), 1),
        (("-ex", "p $nonsense +"), 1),
        (("-x", "/no/such/file"), 1),
        ((), 0),
    ],
)
def test_the_exit_code_is_that_of_the_last_command(loop: Machine, words: tuple[str, ...], code: int) -> None:
    ran = dr6("attach", loop.target, "--batch", *words)
    assert ran.code == code
    assert bool(ran.err) == any("no" in word for word in words[1::2]) or code == 1
    assert ("$1 = 1" in ran.out) == (words[-1:] == ("p 1",) and code == 0)


@pytest.mark.parametrize(
    ("target", "code"),
    [("nosuch", 2), ("localhost", 2), ("serial:/dev/ttyS0?baud=x", 2), ("unix:/no/such/socket", 3), ("|false", 3)],
)
def test_a_target_that_is_none_is_told_from_one_that_is_not_there(target: str, code: int) -> None:
    ran = dr6("attach", target, "--batch")
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("dr6: ")
    assert ran.err.count("\n") == 1


def test_a_closed_port_is_refused_in_one_sentence_with_what_to_do() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        ran = dr6("attach", f"127.0.0.1:{port}", "--batch")
    assert ran.code == 3
    assert f"Nothing listens at 127.0.0.1:{port}" in ran.err
    assert ran.err.count("\n") == 1


def test_an_http_server_is_named_as_what_it_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        process = start("attach", f"127.0.0.1:{server.getsockname()[1]}", "--batch")
        connection, _ = server.accept()
        with connection:
            assert connection.recv(65536).startswith(b"$qSupported")
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    ran = finish(process)
    assert ran.code == 3
    assert "is no GDB stub: it answered 'HTTP/1.1 400 Bad Request" in ran.err
    assert ran.err.count("\n") == 1


def test_memory_that_is_not_mapped_is_named(loop: Machine) -> None:
    words = ("--symbols", str(LOOP), "--batch", *TO_MAIN, "-ex", "x/4xg 0x700000000000")
    ran = dr6("attach", loop.target, *words)
    assert ran.code == 1
    assert re.fullmatch(r"dr6: .*0x700000000000.*\n", ran.err)


def test_the_guest_runs_on_after_a_batch_and_no_breakpoint_stays(loop: Machine) -> None:
    words = ("-ex", "hbreak main_loop", "-ex", "break copy", "-ex", "watch rounds/8", "-ex", "continue")
    assert dr6("attach", loop.target, "--symbols", str(LOOP), "--batch", *words).code == 0
    with Naive(loop.path) as client:
        client.greet()
        for name in ("inner_loop", "joined", "inner_loop"):
            client.run_to(SYMBOLS[name])
            assert client.row().pc == SYMBOLS[name]


def test_a_guest_left_stopped_stays_where_it_was(loop: Machine) -> None:
    words = ("--leave", "stopped", "--batch", *TO_MAIN)
    assert dr6("attach", loop.target, "--symbols", str(LOOP), *words).code == 0
    with Naive(loop.path) as client:
        client.greet()
        assert client.row().pc == SYMBOLS["main_loop"]


def test_a_second_client_is_told_that_the_stub_is_silent(loop: Machine) -> None:
    with Naive(loop.path) as client:
        client.greet()
        ran = dr6("attach", loop.target, "--batch")
    assert ran.code == 3
    assert "silent" in ran.err
    assert "no other debugger attached" in ran.err


def test_a_killed_guest_takes_qemu_with_it(loop: Machine) -> None:
    assert dr6("attach", loop.target, "--batch", "-ex", "kill").code == 0
    assert loop.process.wait(20) == 0


def test_launch_runs_commands_on_a_qemu_of_its_own() -> None:
    words = ("--batch", *TO_MAIN, "-ex", "p *(unsigned long*)rounds", "-ex", "info target")
    ran = dr6("launch", str(LOOP), *words)
    assert (ran.code, ran.err) == (0, "")
    assert "$1 = 0" in ran.out
    assert "qemu-tcg" in ran.out


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("/no/such/image",), 3, "There is no guest image"),
        (("--qemu", "/no/such/qemu", str(LOOP)), 3, "There is no program"),
        ((str(LOOP), "--", "-nonsense"), 3, "QEMU did not start"),
        ((str(LOOP), "--", "-s"), 3, "leave out -s"),
        ((str(LOOP), "--accel", "whpx"), 2, "--accel"),
    ],
)
def test_a_qemu_that_does_not_start_says_why(words: tuple[str, ...], code: int, sentence: str) -> None:
    ran = dr6("launch", "--batch", *words)
    assert ran.code == code
    assert sentence in ran.err
    assert code == 2 or ran.err.count("\n") == 1


SESSION = (
    *("-ex", "hbreak main_loop", "-ex", "continue", "-ex", "stepi 3", "-ex", "x/4i $pc", "-ex", "info registers"),
    *("-ex", "watch rounds/8", "-ex", "continue", "-ex", "why", "-ex", "monitor info version", "-ex", "x/2gx rounds"),
    *("-ex", "set {u8}0x6000 = 0x5a", "-ex", "x/1xb 0x6001"),
)


def test_a_recorded_session_replays_to_the_same_text_and_the_same_bytes(loop: Machine, tmp_path: Path) -> None:
    file = tmp_path / "session"
    words = ("--symbols", str(LOOP), "--batch", "--record", str(file), *SESSION)
    recorded = dr6("attach", loop.target, *words)
    assert (recorded.code, recorded.err) == (0, "")
    again = dr6("replay", "--batch", str(file))
    assert (again.code, again.err, again.out) == (0, "", recorded.out)
    assert dr6("replay", "--batch", str(file)) == again
    sent = file.read_text()
    assert "m6001,1" in sent
    assert "m6000," not in sent, "a read of what is set may be one of a device's register"


def test_the_demo_replays_without_a_guest(tmp_path: Path) -> None:
    file = tmp_path / "demo"
    recorded = dr6("demo", "--record", str(file))
    again = dr6("replay", "--batch", str(file))
    events = r"^#.* event .*$"
    assert recorded.code == again.code == 0
    assert len(re.findall(events, again.out, re.MULTILINE)) > 40
    assert re.findall(events, again.out, re.MULTILINE) == re.findall(events, recorded.out, re.MULTILINE)


def test_a_traced_session_replays(loop: Machine, tmp_path: Path) -> None:
    file = tmp_path / "session"
    words = ("--symbols", str(LOOP), "--record", str(file), "--steps", "50", "--output", str(tmp_path / "t.jsonl"))
    assert dr6("trace", loop.target, *words).code == 0
    again = dr6("replay", "--batch", str(file), "-ex", "p/x $rip", "-ex", "events")
    assert (again.code, again.err) == (0, "")
    assert "$1 = 0x" in again.out


def test_other_commands_than_the_recorded_ones_are_where_a_replay_ends(loop: Machine, tmp_path: Path) -> None:
    file = tmp_path / "session"
    assert dr6("attach", loop.target, "--batch", "--record", str(file), "-ex", "stepi").code == 0
    ran = dr6("replay", "--batch", str(file), "-ex", "stepi")
    assert ran.code in (1, 3)
    assert ran.err.startswith("dr6: ")
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("content", ["", "no transcript\n", '{"transcript": 99}\n'])
def test_a_file_that_is_no_recording_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "session"
    file.write_text(content)
    ran = dr6("replay", "--batch", str(file))
    assert (ran.code, ran.out) == (3, "")
    assert str(file) in ran.err
    assert ran.err.count("\n") == 1


GDB_COMMANDS = (
    "set pagination off",
    "set confirm off",
    f"x/64xb {SYMBOLS['main_loop']:#x}",
    "hbreak *{:#x}".format(SYMBOLS["joined"]),
    "continue",
    "p/x $pc",
    "delete",
    "stepi",
    "p/x $pc",
)


async def gdb(path: Path, *commands: str) -> str:
    words = ["gdb", "-nx", "-batch", "-ex", "set architecture i386:x86-64", "-ex", f"target remote {path}"]
    for text in commands:
        words += ["-ex", text]
    done = await trio.run_process(words, stdin=b"", capture_stdout=True, capture_stderr=True, check=False)
    return done.stdout.decode()


async def test_stock_gdb_finds_the_guest_as_it_would_without_us(loop: Machine) -> None:
    """Memory is the image's, nothing stops the guest but gdb's own breakpoint, steps work."""
    words = ("--batch", *TO_MAIN, "-ex", "stepi 5", "-ex", "break copy", "-ex", "hbreak touch", "-ex", "watch rounds/8")
    assert dr6("attach", loop.target, "--symbols", str(LOOP), "--leave", "stopped", *words).code == 0
    text = await gdb(loop.path, *GDB_COMMANDS)
    code = bytes(int(byte, 16) for byte in re.findall(r"\t0x([0-9a-f]{2})(?=\s)", text))
    assert len(code) == 64
    segment = next(s for s in read_image(LOOP).segments if s.address <= SYMBOLS["main_loop"] < s.address + s.size)
    at = SYMBOLS["main_loop"] - segment.address
    assert code == segment.data[at : at + 64]
    stopped, stepped = (int(pc, 16) for pc in re.findall(r"^\$\d = (0x[0-9a-f]+)$", text, re.MULTILINE))
    assert (stopped, stepped) == (SYMBOLS["joined"], SYMBOLS["copy"])


async def test_a_demo_image_that_was_debugged_still_does_what_it_does_alone(tmp_path: Path) -> None:
    """Caught at every handler and looked at, the guest writes the same log as without a debugger."""
    alone = await run_to_end(DEMO_IMAGE)
    console = tmp_path / "console"
    with machine(tmp_path, DEMO_IMAGE, "-serial", f"file:{console}") as qemu:
        words = ("--catch", "db,bp,ud,gp", "--events", "--output", str(tmp_path / "t.jsonl"))
        assert dr6("trace", qemu.target, *words).code == 0
        qemu.process.wait(20)
    assert console.read_text() == alone.console
