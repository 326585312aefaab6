"""The pipe for QEMU's log: private, gone at the end, and it is known who writes to it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import trio

from transports import CannotListen, LogPipe
from transports.log_pipe import log_options


async def test_nobody_else_can_reach_it_and_nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    pipe = LogPipe()
    path, folder = os.stat(pipe.path), os.stat(os.path.dirname(pipe.path))
    assert Path(pipe.path).is_relative_to(tmp_path)
    assert stat.S_ISFIFO(path.st_mode)
    assert (path.st_mode & 0o777, folder.st_mode & 0o777) == (0o600, 0o700)
    pipe.unlink()
    assert os.listdir(tmp_path) == []
    pipe.close()
    pipe.close()
    assert pipe.read_ready() == b""


async def test_what_is_written_is_read_and_the_writer_is_known() -> None:
    pipe = LogPipe()
    assert (pipe.read_ready(), pipe.logged_before()) == (b"", None)
    keep = "import sys; f = open(sys.argv[4], 'w'); print('x', file=f, flush=True); sys.stdin.read()"
    words = [sys.executable, "-c", keep, "-d", "in_asm", "-D", pipe.path]
    async with trio.open_nursery() as nursery:
        writer = await nursery.start(partial(trio.run_process, words, stdin=subprocess.PIPE))
        await pipe.wait_readable()
        assert pipe.read_ready() == b"x\n"
        assert pipe.logged_before() == ("in_asm", pipe.path)
        await writer.stdin.aclose()
    pipe.close()
    with pytest.raises((trio.ClosedResourceError, OSError)):
        await pipe.wait_readable()


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (("qemu", "-d", "int,cpu", "-D", "/x/log"), ("int,cpu", "/x/log")),
        (("qemu", "--d", "int"), ("int", "")),
        (("qemu", "-drive", "x", "-device", "y"), ("", "")),
        (("qemu", "-d"), ("", "")),
        ((), ("", "")),
    ],
)
def test_the_users_own_log_is_found_on_the_command_line(words: tuple[str, ...], options: tuple[str, str]) -> None:
    assert log_options(words) == options


def test_where_no_pipe_can_be_made_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: str, mode: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "mkfifo", full)
    with pytest.raises(CannotListen, match="No space left on device"):
        LogPipe()
