"""``dr6 replay``: the same commands again, against the recording instead of a guest.

A recording may be a stranger's: what it says is data. Neither its commands nor its command line make dr6 touch files of
this machine, or start programs; the symbols that the session used are in it.

What dr6 did by the clock (a look at a running guest's IDT, an interrupt by the user) is noted in the recording and
happens again at the same place. What panes show beside the record is not read where no screen was recorded.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import trio

from frontend.clean import clean
from frontend.cli import trace
from frontend.cli.attach import complain, run_script, script, show
from frontend.cli.connect import TargetOptions, open_session
from frontend.cli.exit_codes import NO_CONNECTION
from frontend.cli.guarded import guarded, run_headless
from frontend.cli.interrupts import Interrupts
from frontend.commands.dispatch import parse_line
from frontend.commands.session import Session
from frontend.demo_guest import DEMO_IMAGE
from frontend.symbols.names import Symbol, file_and_offset, is_elf
from gdbstub.debugger.kernel_code import KernelCode
from gdbstub.errors import GdbError, TransportError
from transports import ReplayStream, Transcript, read_transcript
from transports.errors import CannotOpen
from transports.transcript import BadTranscript

T = TypeVar("T")
Parse = Callable[[Sequence[str]], argparse.Namespace]


def replay(options: argparse.Namespace, parse: Parse) -> int:
    """Go through the recording in ``options.file``; the exit code. ``parse`` reads the recorded command line."""
    return guarded(lambda: _replay(options, parse))


def _replay(options: argparse.Namespace, parse: Parse) -> int:
    transcript = _read(options.file)
    recorded = _command_line(options.file, transcript, parse)
    if recorded is not None and recorded.command == "doctor":
        from frontend.cli import doctor  # no other recording needs the tests of stubs

        return run_headless(lambda interrupts: doctor.again(options.file, recorded, interrupts))
    if recorded is not None and (recorded.command == "serve" or getattr(recorded, "serve", None) is not None):
        raise CannotOpen(
            f"The recording {options.file!r} is of a guest that clients shared: they decided what was asked, so it can "
            "be read, but not gone through again."
        )
    named = _named_files(recorded)
    if named and not (options.allow_files or options.symbols or transcript.notes("symbols")):
        print(
            f"dr6: The recording has no symbols in it; --allow-files lets dr6 read those of {clean(', '.join(named))}.",
            file=sys.stderr,
        )
    own = (str(DEMO_IMAGE),) if recorded is not None and recorded.command == "demo" else ()
    files = (
        *own,
        *(path for path in named if options.allow_files and is_elf(file_and_offset(path)[0])),
        *options.symbols,
    )
    again = Again(options.file, transcript, recorded, files=files, may_use_files=options.allow_files)
    if options.batch:
        return run_headless(lambda interrupts: again.batch(script(options), options.strict, interrupts))
    return show(again.session, (*again.commands, *script(options)), owned=True)


def _read(path: str) -> Transcript:
    try:
        return read_transcript(path)
    except OSError as error:
        raise CannotOpen(f"The recording {path!r} cannot be read: {error.strerror}.") from error
    except BadTranscript as error:
        raise CannotOpen(str(error)) from error


def _command_line(path: str, transcript: Transcript, parse: Parse) -> argparse.Namespace | None:
    """The options of the command that recorded it. What argparse has to say of a stranger's words is not shown."""
    if not transcript.header.command:
        return None
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            return parse(transcript.header.command)
    except SystemExit:
        raise CannotOpen(f"The recording {path!r} begins with a command line that is none of this dr6.") from None


def _named_files(recorded: argparse.Namespace | None) -> tuple[str, ...]:
    """The files with symbols that the recorded command line names."""
    image = getattr(recorded, "image", None)
    return (*getattr(recorded, "symbols", ()), *([image] if image else ()))


def _address(word: str) -> int:
    return int(word, 16)


def _is_followed(line: str) -> bool:
    try:
        return bool(line.strip()) and parse_line(line.strip())[0].name in ("source", "restore")
    except GdbError:
        return False  # no command: it fails again


class Again:
    """One recorded session, gone through again. ``recorded`` are the options of the command that recorded it, ``files``
    those with symbols that the user lets it read."""

    def __init__(
        self,
        path: str,
        transcript: Transcript,
        recorded: argparse.Namespace | None,
        *,
        files: tuple[str, ...] = (),
        may_use_files: bool = False,
    ) -> None:
        self._path = path
        self._transcript = transcript
        self._recorded = recorded
        self._files = files
        self._may_use_files = may_use_files
        self._looks, self._look = trio.open_memory_channel[None](1)

    @property
    def traced(self) -> bool:
        return self._recorded is not None and self._recorded.command == "trace"

    @property
    def commands(self) -> tuple[str, ...]:
        """What was asked for, in order. The lines of a script were noted one by one behind its ``source``, those of
        last time behind ``restore``."""
        return tuple(line for line in self._transcript.notes("command") if not _is_followed(line))

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """The session as it was when its first command came; of a trace, as it was at its end."""
        recorded = self._recorded
        owned = recorded is not None and recorded.command in ("launch", "demo")
        entry = next(iter(self._noted("kernel-entry", _address)), None)
        connection = TargetOptions(
            f"replay:{self._path}",
            getattr(recorded, "backend", None),
            self._files,
            names=self._noted("symbol", Symbol.of_note, whole=True),
            leave=getattr(recorded, "leave", "running"),
            lidt=self._noted("lidt", _address),
            lidt_sure=self._noted("lidt-sure", _address),
            kernel=KernelCode(self._noted("kernel-lidt", _address), entry),
            owned=owned,
        )
        async with open_session(connection, pace=self._wait_look) as session:
            session.live = False
            session.without_debug_info()
            session.may_use_files = self._may_use_files
            session.look_around = session.reads_overwritten = "screen" in self._transcript.notes("shown")
            trio.lowlevel.spawn_system_task(self._conduct, session)
            if self.traced and recorded is not None:
                await trace.again(recorded, session)
            yield session

    def _noted(self, kind: str, read: Callable[[str], T], *, whole: bool = False) -> tuple[T, ...]:
        """What notes of ``kind`` say, a word at a time unless ``whole``."""
        notes = self._transcript.notes(kind)
        try:
            return tuple(read(word) for note in notes for word in ([note] if whole else note.split()))
        except ValueError as error:
            raise CannotOpen(
                f"The recording {self._path!r} has a note {kind!r} that can't be read: {clean(str(error)[:80])}."
            ) from error

    async def batch(self, more: tuple[str, ...], strict: bool, interrupts: Interrupts) -> int:
        """Without a screen: the recorded commands, then ``more``."""
        async with self.session() as session:
            look: Callable[[], Awaitable[object]] | None = None

            async def look_as_then() -> None:
                """A screen read what its panes show behind each command."""
                nonlocal look
                if session.look_around:
                    from frontend.tui.window import looker

                    look = look or looker(session)
                    await look()

            waiting = list(more)

            def lines() -> Iterator[str]:
                yield from self.commands
                session.look_around = False
                while waiting:
                    yield waiting.pop(0)

            await look_as_then()
            try:
                return await run_script(session, lines(), strict, interrupts, look_as_then)
            except TransportError as error:
                if not waiting:
                    raise
                complain(str(error))  # the guest's end was recorded; what was seen of it can still be asked for
            session.look_around = False
            await run_script(session, waiting, strict, interrupts)
            return NO_CONNECTION

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
