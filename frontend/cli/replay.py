"""``dr6 replay``: the same commands again, against the recording instead of a guest.

What dr6 did by the clock (a look at a running guest's IDT, an interrupt by the user) is noted in the recording and
happens again at the same place. What panes show beside the record is not read where no screen was recorded.
"""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import trio

from frontend.cli import trace
from frontend.cli.attach import run_script, script, show
from frontend.cli.connect import Connection, open_session
from frontend.cli.guarded import guarded, run_headless
from frontend.cli.interrupts import Interrupts
from frontend.commands.session import Session
from frontend.commands.symbols import is_elf
from frontend.demo_guest import DEMO_IMAGE
from transports import ReplayStream, Transcript, read_transcript
from transports.errors import CannotOpen
from transports.transcript import BadTranscript

Parse = Callable[[Sequence[str]], argparse.Namespace]


def replay(options: argparse.Namespace, parse: Parse) -> int:
    """Go through the recording in ``options.file``; the exit code. ``parse`` reads the recorded command line."""
    return guarded(lambda: _replay(options, parse))


def _replay(options: argparse.Namespace, parse: Parse) -> int:
    transcript = _read(options.file)
    recorded = parse(transcript.header.command) if transcript.header.command else None
    if recorded is not None and recorded.command == "doctor":
        from frontend.cli import doctor  # no other recording needs the tests of stubs

        return run_headless(lambda interrupts: doctor.again(options.file, recorded, interrupts))
    if recorded is not None and (recorded.command == "serve" or getattr(recorded, "serve", None) is not None):
        raise CannotOpen(
            f"The recording {options.file!r} is of a guest that clients shared: they decided what was asked, so it can "
            "be read, but not gone through again."
        )
    again = Again(options.file, transcript, recorded)
    lines = (*transcript.notes("command"), *script(options))
    if options.batch:
        return run_headless(lambda interrupts: again.batch(lines, options.strict, interrupts))
    return show(again.session, lines, owned=True)


def _read(path: str) -> Transcript:
    try:
        return read_transcript(path)
    except OSError as error:
        raise CannotOpen(f"The recording {path!r} cannot be read: {error.strerror}.") from error
    except BadTranscript as error:
        raise CannotOpen(str(error)) from error


def _files(recorded: argparse.Namespace | None) -> tuple[str, ...]:
    """The files with symbols that are still there: a recording without them shows addresses only."""
    if recorded is None:
        return ()
    image = str(DEMO_IMAGE) if recorded.command == "demo" else getattr(recorded, "image", None)
    files = [*getattr(recorded, "symbols", ()), *([image] if image else ())]
    return tuple(path for path in files if is_elf(path))


class Again:
    """One recorded session, gone through again. ``recorded`` are the options of the command that recorded it."""

    def __init__(self, path: str, transcript: Transcript, recorded: argparse.Namespace | None) -> None:
        self._path = path
        self._transcript = transcript
        self._recorded = recorded
        self._looks, self._look = trio.open_memory_channel[None](1)

    @property
    def traced(self) -> bool:
        return self._recorded is not None and self._recorded.command == "trace"

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """The session as it was when its first command came; of a trace, as it was at its end."""
        recorded = self._recorded
        owned = recorded is not None and recorded.command in ("launch", "demo")
        connection = Connection(
            f"replay:{self._path}",
            getattr(recorded, "backend", None),
            _files(recorded),
            leave=getattr(recorded, "leave", "running"),
            lidt=self._addresses("lidt"),
            lidt_sure=self._addresses("lidt-sure"),
            owned=owned,
        )
        async with open_session(connection, pace=self._wait_look) as session:
            session.live = False
            session.look_around = "screen" in self._transcript.notes("shown")
            trio.lowlevel.spawn_system_task(self._conduct, session)
            if self.traced and recorded is not None:
                await trace.again(recorded, session)
            yield session

    def _addresses(self, kind: str) -> tuple[int, ...]:
        return tuple(int(word, 16) for note in self._transcript.notes(kind) for word in note.split())

    async def batch(self, lines: tuple[str, ...], strict: bool, interrupts: Interrupts) -> int:
        async with self.session() as session:
            return await run_script(session, lines, strict, interrupts)

    async def _wait_look(self, seconds: float) -> None:
        await self._look.receive()

    async def _conduct(self, session: Session) -> None:
        """Do what the clock and the user's Ctrl-C did, each at its place."""
        stream = session.debugger.stream
        assert isinstance(stream, ReplayStream)
        try:
            while (note := await stream.wait_note()) is not None:
                if note.kind == "look":
                    self._looks.send_nowait(None)
                elif note.kind == "interrupt":
                    await session.interrupt()
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.WouldBlock):
            return  # the session itself says how the recording ended
