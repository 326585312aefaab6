"""A command's stdio as a stream, and the program behind it: how it is started, how it dies, what it says."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from trio.testing import check_half_closeable_stream

from transports import PeerDied, Program, open_endpoint
from transports import process as process_module
from transports.child import ProgramStream
from transports.process import _GUARD, first_complaint, spawn

ROOT = Path(__file__).parents[2]


async def wait_gone(pidfd: int) -> None:
    """Wait until the process of ``pidfd`` has ended."""
    with trio.fail_after(60):
        await trio.lowlevel.wait_readable(pidfd)
    os.close(pidfd)


async def receive_line(stream: trio.abc.ReceiveStream) -> str:
    line = b""
    while not line.endswith(b"\n"):
        data = await stream.receive_some(1)
        assert data, f"the stream ended after {line!r}"
        line += data
    return line.decode().strip()


@pytest.mark.slow
async def test_the_stream_of_a_program_is_a_good_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "DYING_SECONDS", 0.01)  # the program lives on, its streams end
    process = spawn("The program", ["/bin/sleep", "1000"])

    async def pair() -> tuple[ProgramStream, trio.SocketStream]:
        ours, theirs = (trio.SocketStream(trio.socket.from_stdlib_socket(sock)) for sock in socket.socketpair())
        return ProgramStream(process, ours), theirs

    await check_half_closeable_stream(pair, None)
    await process.stop()


async def test_a_command_talks_through_its_stdio_and_ends_with_its_stdin() -> None:
    async with open_endpoint(Program("cat")) as endpoint:
        assert endpoint.name == "|cat"
        await endpoint.stream.send_all(b"\x03+$g#67\xff")
        assert await endpoint.stream.receive_some() == b"\x03+$g#67\xff"
        assert isinstance(endpoint.stream, trio.abc.HalfCloseableStream)
        await endpoint.stream.send_eof()
        assert await endpoint.stream.receive_some() == b""
        assert await endpoint.exit_reason() == ""


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("no-such-program-here --x", "The command ended with status 127: "),
        ("echo 'no such host\x1b[31m' >&2; exit 3", "The command ended with status 3: no such host?[31m"),
        ("exit 4", "The command ended with status 4 and said nothing."),
        ("kill -9 $$", "The command was killed by SIGKILL and said nothing."),
    ],
)
async def test_a_command_that_dies_at_once_says_why(line: str, words: str) -> None:
    async with open_endpoint(Program(line)) as endpoint:
        with pytest.raises(PeerDied) as caught:
            assert not await endpoint.stream.receive_some()
        assert str(caught.value).startswith(words)
        assert str(caught.value).isprintable()
        with pytest.raises(PeerDied):
            await endpoint.stream.send_all(b"+" * (1 << 24))


async def test_a_command_that_dies_after_it_spoke_ends_the_stream_and_leaves_its_last_words() -> None:
    async with open_endpoint(Program("printf '$T0'; echo bye >&2; exit 1")) as endpoint:
        assert await endpoint.stream.receive_some() == b"$T0"
        assert await endpoint.stream.receive_some() == b""
        assert await endpoint.exit_reason() == "The command ended with status 1: bye"


async def test_a_command_that_chatters_on_stderr_is_not_held_up_by_it() -> None:
    async with open_endpoint(Program("head -c 3000000 /dev/zero >&2; echo done")) as endpoint:
        assert await receive_line(endpoint.stream) == "done"


async def test_closing_ends_the_command_with_all_that_it_started() -> None:
    async with open_endpoint(Program("sleep 1000 & echo $!; echo $$; trap '' TERM; wait")) as endpoint:
        pidfds = [os.pidfd_open(int(await receive_line(endpoint.stream))) for _ in range(2)]
        with trio.CancelScope() as scope:
            scope.cancel()  # no patience, as when the user presses Ctrl-C
            await endpoint.close()
    for pidfd in pidfds:
        await wait_gone(pidfd)


async def test_a_command_that_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "TERMINATE_SECONDS", 0.01)
    process = spawn("The program", ["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1000; done"])
    assert await receive_line(process.messages) == "ready"
    await process.stop()
    assert process.status == -signal.SIGKILL
    assert await process.exit_reason() == "The program was killed by SIGKILL: ready"


async def test_ctrl_c_at_our_terminal_does_not_reach_a_program() -> None:
    process = spawn("The program", ["/bin/sleep", "1000"])
    assert os.getsid(process.pid) == process.pid != os.getsid(0)
    await process.stop()
    await process.stop()


async def test_a_program_that_cannot_be_executed_says_so() -> None:
    process = spawn("The program", ["/etc/passwd"])
    assert await process.exit_reason() == "The program ended with status 1: /etc/passwd: Permission denied"
    await process.stop()


async def test_a_program_gets_the_default_signals_although_python_ignores_some() -> None:
    process = spawn("The program", ["/bin/grep", "SigIgn", "/proc/self/status"])
    assert int((await receive_line(process.messages)).split()[1], 16) & 1 << signal.SIGPIPE - 1 == 0
    await process.stop()


def test_a_program_whose_parent_is_gone_already_does_not_start(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    started = [
        subprocess.run([sys.executable, "-c", _GUARD, str(parent), "touch", str(mark)], check=False).returncode
        for parent in (os.getpid() + 1,)
    ]
    assert started == [1]
    assert not mark.exists()
    subprocess.run([sys.executable, "-c", _GUARD, str(os.getpid()), "touch", str(mark)], check=True)
    assert mark.exists()


RUN_COMMAND = """
import sys, trio
from transports import Program, open_endpoint

async def main():
    async with open_endpoint(Program("echo $$; exec sleep 1000")) as endpoint:
        sys.stdout.buffer.write(await endpoint.stream.receive_some())
        sys.stdout.flush()
        await trio.sleep_forever()

trio.run(main)
"""


def start(program: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=ROOT)


@pytest.mark.slow
async def test_a_command_dies_with_us_even_when_we_are_killed() -> None:
    with start(RUN_COMMAND) as us:
        assert us.stdout is not None
        pidfd = os.pidfd_open(int(us.stdout.readline()))
        us.kill()
        await wait_gone(pidfd)


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (b"", ""),
        (b"\n\n  first \nsecond\n", "first"),
        (b"q: warning: TCG lacks x\nq: -bogus: invalid option\n", "q: -bogus: invalid option"),
        (b"q: warning: only this\n", "q: warning: only this"),
        (b"\xff\x00\x1b]0;x\x07", "\N{REPLACEMENT CHARACTER}??]0;x?"),
        (b"x" * 1000, "x" * 300),
    ],
)
def test_the_first_complaint_is_a_line_fit_for_a_terminal(output: bytes, line: str) -> None:
    assert first_complaint(output) == line
