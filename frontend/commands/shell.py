"""``shell`` and ``!``: a command of this machine."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess

import trio

from frontend.clean import clean_text
from frontend.commands.session import Session
from frontend.commands.table import Arguments, Command, CommandError, refuse_files

MOST_BYTES = 1 << 20
"""Of output; a command that prints more is ended."""
LOOK_SECONDS = 0.1
"""From one look for an interrupt to the next."""


async def shell(session: Session, arguments: Arguments) -> None:
    """Its output is shown when it ends; it has no input, and Ctrl-C ends it with all that it started."""
    if not arguments.text:
        raise CommandError("shell needs a command for /bin/sh; dr6 keeps the terminal to itself.")
    session.interrupted = False
    try:
        process = await trio.lowlevel.open_process(
            ["/bin/sh", "-c", arguments.text],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise CommandError(f"/bin/sh can't be run: {error.strerror}.") from error
    output = bytearray()
    try:
        whole = await _read(session, process, output)
    finally:
        with trio.CancelScope(shield=True):
            await _end(process)
    if output:
        for line in clean_text(output.decode("utf-8", "replace")):
            session.out(line)
    if session.interrupted or not whole:
        why = "interrupted" if session.interrupted else f"it printed more than {MOST_BYTES >> 20} MiB"
        raise CommandError(f"The command was ended: {why}.")
    if process.returncode:
        raise CommandError(f"The command ended with {process.returncode}.")


async def _read(session: Session, process: trio.Process, output: bytearray) -> bool:
    """Until its output ends. False where that is left before: too much, or an interrupt."""
    assert process.stdout is not None, "it was opened with a pipe"
    while len(output) <= MOST_BYTES and not session.interrupted:
        with trio.move_on_after(LOOK_SECONDS):
            data = await process.stdout.receive_some()
            if not data:
                await process.wait()
                return True
            output += data
    return False


async def _end(process: trio.Process) -> None:
    with contextlib.suppress(ProcessLookupError):  # all of it has ended
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    if process.stdout is not None:
        await process.stdout.aclose()


COMMANDS = (
    Command(
        "shell",
        ("!",),
        "COMMAND",
        "Run a command of this machine's /bin/sh and show what it prints.",
        shell,
        "session",
        needs="",
        without_files=refuse_files,
    ),
)
