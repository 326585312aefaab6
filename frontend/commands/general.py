"""``monitor``, ``detach``, ``kill``, ``quit``, ``record``, ``trace``: the session itself."""

from __future__ import annotations

import time

from frontend.clean import clean, clean_text
from frontend.commands.recording import Recording, start_writer
from frontend.commands.session import Session
from frontend.commands.stopping import resume_and_report
from frontend.commands.table import Arguments, Command, CommandError, Quit, no_arguments, number, refuse_files
from gdbstub.debugger.record import StopRecord


async def monitor(session: Session, arguments: Arguments) -> None:
    if not arguments.text:
        raise CommandError("monitor needs a command for the hypervisor's monitor, such as info registers.")
    for line in clean_text(await session.debugger.monitor(arguments.text)):
        session.out(line)


async def detach(session: Session, arguments: Arguments) -> None:
    no_arguments("detach", arguments)
    await session.debugger.detach()
    session.out(f"Detached from {clean(session.debugger.target)}; breakpoints are out and the guest runs.")


async def disconnect(session: Session, arguments: Arguments) -> None:
    no_arguments("disconnect", arguments)
    await session.debugger.detach(resume=False)
    session.out(f"Disconnected from {clean(session.debugger.target)}; breakpoints are out, the guest stays stopped.")


async def kill(session: Session, arguments: Arguments) -> None:
    no_arguments("kill", arguments)
    if not await session.sure("Kill the guest? Its hypervisor process ends."):
        return
    await session.debugger.kill()
    session.out("The guest is killed.")


async def quit_(session: Session, arguments: Arguments) -> None:
    code = (await session.evaluate(arguments.text)).number if arguments.text else 0
    raise Quit(code & 0xFF)


def _trace_arguments(arguments: Arguments) -> tuple[str, int]:
    words = arguments.text.split()
    if len(words) != 2:
        raise CommandError("trace needs a file and a number of steps: trace run.jsonl 1000.")
    count = number(words[1], "number of steps")
    if count < 1:
        raise CommandError("The number of steps has to be at least 1.")
    return words[0], count


async def _trace_unwritten(session: Session, arguments: Arguments) -> None:
    """The steps of `trace` alone: a replay has to make them to come to what follows."""
    path, count = _trace_arguments(arguments)
    await resume_and_report(session, lambda: session.debugger.run_steps(count, end_at_hits=False))
    session.message(f"{clean(path)} is not written: a replay touches no files of this machine without --allow-files.")


async def trace(session: Session, arguments: Arguments) -> None:
    """``trace FILE N``: step N instructions and write each stop."""
    from gdbstub.trace import TraceError  # formats of files that a session may never write

    path, count = _trace_arguments(arguments)
    writer = start_writer(path, session.debugger, session.symbols, session.tool)
    started = time.monotonic()
    failures: list[TraceError] = []

    def keep(record: StopRecord) -> None:
        try:
            writer.record(record)
        except TraceError as error:
            failures.append(error)

    async def steps() -> StopRecord:
        return await session.debugger.run_steps(
            count, keep, go_on=lambda pc: not failures, end_at_hits=False, interrupted=session.interrupted
        )

    reason = "error"
    try:
        await resume_and_report(session, steps)
        reason = _reason(session, writer.stops + writer.events >= count)
    finally:
        try:
            if not failures:
                writer.end(reason, time.monotonic() - started)
        finally:
            writer.close()
    if failures:
        raise failures[0]
    rows = writer.stops + writer.events
    session.out(f"{rows} row{'s' * (rows != 1)} in {clean(path)}.")


def _reason(session: Session, whole: bool) -> str:
    """Why a trace ended, as its end row says it."""
    if session.interrupted:
        return "interrupt"
    if session.debugger.ended:
        return "shutdown"
    return "steps" if whole else "stop"


async def record(session: Session, arguments: Arguments) -> None:
    """``record FILE`` · ``record stop`` · ``record``: keep the stops of this session as a trace."""
    current = session.recorder
    if not arguments.text:
        _record_status(session, current)
    elif arguments.text == "stop":
        if current is None:
            raise CommandError("No stops are being recorded; record FILE begins.")
        session.recorder = None
        rows = current.stop()
        session.out(f"{rows} row{'s' * (rows != 1)} in {clean(current.path)}.")
    elif current is not None:
        raise CommandError(f"The stops go to {current.path} already; record stop ends that.")
    else:
        session.recorder = Recording(arguments.text, session.debugger, session.symbols, session.tool, session.message)
        session.out(f"Every stop from now on goes to {clean(arguments.text)}.")


def _record_status(session: Session, current: Recording | None) -> None:
    if current is not None:
        session.out(f"The stops go to {clean(current.path)}; {current.rows} so far.")
    if session.recording is not None:
        session.out(f"The conversation with the stub goes to {clean(session.recording)}; dr6 replay reads it.")
    elif current is None:
        session.out("Nothing is recorded. record FILE keeps the stops; dr6 --record FILE keeps the whole session.")


LAYOUTS = ("1", "2", "3", "4")


async def layout(session: Session, arguments: Arguments) -> None:
    """``layout N``: the screen's panes."""
    if arguments.text not in LAYOUTS:
        raise CommandError("layout takes a number: 1 every pane, 2 for events, 3 for code, 4 for reading.")
    if session.arrange is None:
        raise CommandError("There are no panes here: layout is for the screen.")
    session.arrange(arguments.text)


async def tour(session: Session, arguments: Arguments) -> None:
    """``tour``, ``tour off``."""
    if arguments.text not in ("", "off"):
        raise CommandError("tour begins the tour of the screen, tour off leaves it.")
    if session.panes.tour is None:
        raise CommandError("There is no screen here to be shown; help lists the commands.")
    session.panes.tour(not arguments.text)


async def complete(session: Session, arguments: Arguments) -> None:
    """What could stand at the end of a line, with what is in front of it, as gdb's ``complete`` has it."""
    for line in session.offer(arguments.text):
        session.out(clean(line))


COMMANDS = (
    Command(
        "complete",
        (),
        "TEXT",
        "List what could stand at the end of a command line that begins so.",
        complete,
        "session",
        needs="",
    ),
    Command(
        "layout",
        (),
        "N",
        "Arrange the panes of the screen: 1 every pane, 2 for events, 3 for code, 4 for reading.",
        layout,
        "session",
        "Alt-H hides the pane that has the keys, Alt-+ and Alt-- make it taller and lower, Alt-> and Alt-< wider and "
        "narrower, Alt-X exchanges it with the next. How it was left is how it is next time.",
        needs="",
    ),
    Command(
        "tour",
        (),
        "[off]",
        "Show the screen in six steps, each until it was done; tour off leaves it.",
        tour,
        "session",
        needs="",
    ),
    Command(
        "monitor",
        ("mon",),
        "COMMAND",
        "Send a command to the hypervisor's monitor.",
        monitor,
        "session",
        "On QEMU: info registers, info mem, info tlb, info lapic, xp, gva2gpa, …",
    ),
    Command(
        "detach",
        ("det",),
        "",
        "Take breakpoints out, let the guest run, and leave it.",
        detach,
        "session",
        needs="guest",
    ),
    Command(
        "disconnect",
        ("disco",),
        "",
        "Take breakpoints out and leave the guest stopped.",
        disconnect,
        "session",
        needs="guest",
    ),
    Command("kill", ("k",), "", "End the guest's hypervisor process.", kill, "session", needs="guest"),
    Command(
        "record",
        ("rec",),
        "[FILE | stop]",
        "Write every stop from now on to a trace file.",
        record,
        "session",
        "JSON lines; text for .txt and .log. dr6 --record keeps the whole conversation instead.",
        needs="",
        without_files=refuse_files,
    ),
    Command(
        "trace",
        (),
        "FILE N",
        "Step N instructions and write each stop to a trace file.",
        trace,
        "running",
        "It ends early at an interrupt or when the guest ends. Breakpoints and caught vectors are rows like others.",
        without_files=_trace_unwritten,
    ),
    Command(
        "quit",
        ("q", "exit"),
        "[CODE]",
        "Leave dr6, with an exit code.",
        quit_,
        "session",
        needs="",
    ),
)
