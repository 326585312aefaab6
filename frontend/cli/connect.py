"""From the command line to a session that is attached, and back: the one place where `transports` meets `gdbstub`."""

from __future__ import annotations

import datetime
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import trio
from trio.abc import ReceiveStream, Stream

from frontend.cli.image_code import kernel_reader, lidt_finder
from frontend.cli.interrupts import HURRY
from frontend.cli.kvm_exits import exits_of
from frontend.cli.log_pipes import make_log_pipe
from frontend.cli.restore import Ask, always
from frontend.cli.xen_helpers import breaking_in, helpers_of
from frontend.commands import whole_lines
from frontend.commands.kernel_slide import Kaslr
from frontend.commands.session import Session
from frontend.symbols import Loading, Symbol, SymbolError, Symbols
from frontend.version import tool
from gdbstub.debugger.debugger import Debugger, DebuggerOptions
from gdbstub.debugger.kernel_code import KernelCode
from gdbstub.debugger.options import FRAMES_OF_STEPS
from gdbstub.debugger.witness import WitnessWanted
from gdbstub.errors import GdbError
from gdbstub.remote.nonblocking_io import NonblockingIO
from gdbstub.remote.target import RemoteTarget
from transports import (
    Accelerator,
    Dom0Programs,
    Endpoint,
    Header,
    LaunchedQemu,
    Recorder,
    RecordingStream,
    ReplayStream,
    killed_logs,
    launch_qemu,
    open_endpoint,
    open_recorder,
    parse_target,
)

WATCH_SECONDS = 0.05
"""How long a guest that is left to run is listened to: does it stop again?"""
TIDY_SECONDS = 5.0
"""How long taking breakpoints out and detaching may take at the end, whatever happened before."""
HURRIED = 1.0
"""The same for a stub that does not even answer to an interrupt."""
UNTIDY = (
    "The stub did not answer any more, so the guest is left as it is: it may still run, or stand, and breakpoints of "
    "dr6's may be in it."
)
Leave = Literal["running", "stopped"]


@dataclass(frozen=True)
class Launch:
    """A QEMU of our own: what ``dr6 launch`` takes."""

    image: str
    accel: Accelerator = "tcg"
    smp: int = 1
    memory: str | None = None
    cpu: str | None = None
    qemu: str | None = None
    extra: tuple[str, ...] = ()
    replay: str | None = None
    plugin: bool = False


@dataclass(frozen=True)
class TargetOptions:
    """Where to, and how. ``target`` is a TARGET of the command line, or a `Launch`."""

    target: str | Launch
    backend: str | None = None
    symbols: tuple[str, ...] = ()
    record: str | None = None
    leave: Leave = "running"
    history: int = DebuggerOptions().history
    first: int = 0
    """The number of the first stop."""
    lidt: tuple[int, ...] | None = None
    """LIDT instructions, where a recording knows them; otherwise those of the symbols' files."""
    lidt_sure: tuple[int, ...] | None = None
    """Those of them that are proven to be some; as ``lidt``."""
    names: tuple[Symbol, ...] = ()
    """Symbols that a recording kept."""
    kernel: KernelCode | None = None
    """What the file told that QEMU named as its -kernel; as ``lidt``."""
    owned: bool = False
    """The guest ends with the session; always so for a `Launch`."""
    dom0: str | None = None
    """The words in front of every helper of a Xen domain (``--dom0``)."""
    domain: str | None = None
    """The domain behind a gdbsx that listens already (``--domain``)."""
    witness: WitnessWanted = "off"
    host: str | None = None
    """The words that lead to QEMU's host, for what KVM keeps there (``--host``)."""
    kaslr: Kaslr = "auto"
    """How much higher than linked a Linux kernel runs, or whether to find that out."""
    may_restore: Ask = always
    """Asked before the int3s that an earlier dr6 left in a guest are taken out."""
    command: tuple[str, ...] = field(default_factory=lambda: tuple(sys.argv[1:]))


@asynccontextmanager
async def open_session(
    connection: TargetOptions, *, pace: Callable[[float], Awaitable[None]] = trio.sleep
) -> AsyncIterator[Session]:
    """An attached session; at the end breakpoints are out, and the guest is left as ``connection.leave`` says (one that
    we launched ends). Raises `GdbError` branches, `BadTarget`, and the errors of `transports`."""
    async with AsyncExitStack() as stack:
        endpoint, console = await _endpoint(stack, connection)
        stream, recorder = _recorded(stack, connection, endpoint)
        symbols, loading = _symbols(connection)
        options = DebuggerOptions(
            backend=connection.backend or endpoint.backend,
            history=connection.history,
            lidt_hints=connection.lidt or (),
            lidt_sure=frozenset(connection.lidt_sure or ()),
            lidt_places=None if connection.lidt is not None else lidt_finder(symbols, loading, recorder),
            kernel_code=kernel_reader(connection.kernel, recorder),
            log_pipe=None if recorder is not None or isinstance(endpoint.stream, ReplayStream) else make_log_pipe,
            killed_logs=killed_logs,
            witness=connection.witness,
            image_code=symbols.code_around,
            break_in=breaking_in(endpoint.interrupt),
            pace=_noted(pace, recorder),
            exit_reason=endpoint.exit_reason,
            shortcut=_shortcut(endpoint) if recorder is None else None,
            helpers=helpers_of(endpoint, recorder),
            exits=exits_of(stack, endpoint, connection.host, recorder),
            frames_of_steps=not isinstance(endpoint.stream, ReplayStream) or endpoint.stream.reads(FRAMES_OF_STEPS),
            journals=None if isinstance(endpoint.stream, ReplayStream) else journal_folder(),
            may_restore=connection.may_restore,
            watch_leaving=_watch_leaving(endpoint.stream, recorder),
        )
        debugger = Debugger(stream, endpoint.name, options)
        debugger.number_from(connection.first)
        if console is not None:
            trio.lowlevel.spawn_system_task(_pump, console, debugger)
        stack.push_async_callback(_tidy, debugger, connection)
        loading.start()
        await debugger.attach()
        session = Session(debugger, symbols, print, tool=tool(), recording=connection.record)
        session.names_ready = loading.wait
        session.slide.how = connection.kaslr
        loading.say = debugger.say
        loading.on_loaded = lambda path: session.on_names()
        session.offer = partial(whole_lines, session)
        stack.callback(session.close)
        if recorder is not None:
            session.note = recorder.note
            session.without_debug_info()
            recorder.note("symbols", "used")
            symbols.on_use = lambda symbol: recorder.note("symbol", symbol.note)
        yield session


@asynccontextmanager
async def open_stub(connection: TargetOptions) -> AsyncIterator[tuple[RemoteTarget, str]]:
    """The bare stub, not yet greeted, and its name; for what tests stubs. Nothing is tidied at the end but our side and
    a QEMU that we launched. Raises what `open_session` raises."""
    async with AsyncExitStack() as stack:
        endpoint, _ = await _endpoint(stack, connection)
        stream, recorder = _recorded(stack, connection, endpoint)
        remote = RemoteTarget(
            stream,
            shortcut=_shortcut(endpoint) if recorder is None else None,
            break_in=breaking_in(endpoint.interrupt),
            exit_reason=endpoint.exit_reason,
        )
        stack.push_async_callback(remote.aclose)
        yield remote, endpoint.name


async def _endpoint(stack: AsyncExitStack, connection: TargetOptions) -> tuple[Endpoint, ReceiveStream | None]:
    target = connection.target
    if isinstance(target, Launch):
        launched: LaunchedQemu = await stack.enter_async_context(
            launch_qemu(
                target.image,
                accel=target.accel,
                smp=target.smp,
                memory=target.memory,
                cpu=target.cpu,
                qemu=target.qemu,
                replay=target.replay,
                plugin=target.plugin,
                extra=target.extra,
            )
        )
        return launched.endpoint, launched.console
    dom0 = None if connection.dom0 is None else Dom0Programs.parse(connection.dom0)
    endpoint = open_endpoint(parse_target(target), dom0=dom0, domain=connection.domain)
    return await stack.enter_async_context(endpoint), None


def journal_folder() -> Path:
    """Where it is kept what dr6 writes into guests: $XDG_STATE_HOME/dr6/planted."""
    home = os.environ.get("XDG_STATE_HOME", "")
    return (Path(home) if home.startswith("/") else Path.home() / ".local" / "state") / "dr6" / "planted"


def _shortcut(endpoint: Endpoint) -> NonblockingIO | None:
    """`transports` and `gdbstub` are strangers: the same pair of functions, under the other's name."""
    return None if endpoint.shortcut is None else NonblockingIO(*endpoint.shortcut)


def _recorded(stack: AsyncExitStack, connection: TargetOptions, endpoint: Endpoint) -> tuple[Stream, Recorder | None]:
    if connection.record is None:
        return endpoint.stream, None
    date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    header = Header(tool(), endpoint.name, date, connection.command, (FRAMES_OF_STEPS,))
    recorder = stack.enter_context(
        open_recorder(
            connection.record,
            header,
            clock=time.monotonic,
            on_failure=lambda why: print(f"dr6: {why}", file=sys.stderr),
        )
    )
    return RecordingStream(endpoint.stream, recorder), recorder


def _watch_leaving(stream: Stream, recorder: Recorder | None) -> float | None:
    """For how long; a replay says what its recording did, and hears nothing more."""
    if isinstance(stream, ReplayStream):
        return 0.0 if stream.transcript.notes("leaving") else None
    if recorder is not None:
        recorder.note("leaving", "watched")
    return WATCH_SECONDS


def _noted(pace: Callable[[float], Awaitable[None]], recorder: Recorder | None) -> Callable[[float], Awaitable[None]]:
    """A look at a running guest is part of the recording: a replay has to look at the same place."""
    if recorder is None:
        return pace

    async def noted(seconds: float) -> None:
        await pace(seconds)
        recorder.note("look", "")

    return noted


def _symbols(connection: TargetOptions) -> tuple[Symbols, Loading]:
    symbols = Symbols()
    symbols.learn(connection.names)
    if isinstance(connection.target, Launch) and connection.target.image not in connection.symbols:
        with suppress(SymbolError):  # a disk, a bzImage: no names, and none were asked for
            symbols.add(connection.target.image)
    return symbols, Loading(symbols, connection.symbols)


async def _pump(console: ReceiveStream, debugger: Debugger) -> None:
    """The guest's serial console, as notices, until it is closed with the guest."""
    with suppress(trio.ClosedResourceError):
        async for data in console:
            debugger.guest_output(bytes(data))


async def _tidy(debugger: Debugger, connection: TargetOptions) -> None:
    """Whatever happened: breakpoints out, and the guest left as said."""
    failure: GdbError | None = None
    with trio.move_on_after(HURRIED if debugger.unanswered else TIDY_SECONDS, shield=True) as bound:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_hurry, bound)
            try:
                if connection.owned or isinstance(connection.target, Launch):
                    await debugger.kill()
                else:
                    await debugger.detach(resume=connection.leave == "running")
            except GdbError as error:
                failure = error
            nursery.cancel_scope.cancel()
    if debugger.lost is None and (failure is not None or bound.cancelled_caught):
        print(f"dr6: {failure or UNTIDY}", file=sys.stderr)


async def _hurry(bound: trio.CancelScope) -> None:
    """Who asks twice does not wait."""
    asked = HURRY.get()
    if asked is not None:
        await asked.wait()
        bound.deadline = min(bound.deadline, trio.current_time() + HURRIED)
