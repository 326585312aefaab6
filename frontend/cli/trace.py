"""``dr6 trace``: a headless trace of a guest, to a file or to standard output."""

from __future__ import annotations

import argparse
import datetime
import sys
import time
from dataclasses import replace

import trio

from frontend.clean import clean, visible
from frontend.cli.asked_for import asked_for
from frontend.cli.connect import TargetOptions, open_session
from frontend.cli.engines import Engine, engine
from frontend.cli.exit_codes import DONE, INTERRUPTED, NOT_BEGUN, USAGE
from frontend.cli.expecting import judge, read_expectations
from frontend.cli.filter_places import filter_places
from frontend.cli.interrupts import Interrupts
from frontend.cli.progress import Progress
from frontend.cli.script_api import ScriptedGuest
from frontend.cli.script_run import ScriptRun
from frontend.cli.trace_end import TraceEnd
from frontend.commands import parse_break, parse_vectors, parse_watch
from frontend.commands.breaking import DEBUG_EVENTS, NO_IDT
from frontend.commands.session import Session
from frontend.commands.stop_text import describe, one_line
from gdbstub.debugger.breakpoints import Breakpoint
from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.events import Output
from gdbstub.debugger.record import StopRecord
from gdbstub.errors import GdbError, TransportError
from gdbstub.explain.quirks.lookup import absences
from gdbstub.trace import TraceError, TraceWriter, format_of, open_writer
from gdbstub.trace.filtered_writer import FilteredWriter
from gdbstub.trace.filters import parse_filters
from gdbstub.trace.plan import Plan, Reason, Tracer
from gdbstub.trace.watched_writer import WatchedWriter
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.exceptions import vector

KEPT = 64
"""Records that stay in memory: a trace goes to its file."""


async def run(options: argparse.Namespace, connection: TargetOptions, interrupts: Interrupts) -> int:
    """Trace as the options say; the exit code. Raises what `open_session` raises."""
    end = TraceEnd()
    try:
        return await _run(options, connection, interrupts, end)
    finally:
        if interrupts.seen and not end.began:
            _message(NOT_BEGUN)


async def _run(options: argparse.Namespace, connection: TargetOptions, interrupts: Interrupts, end: TraceEnd) -> int:
    async with open_session(connection) as session:
        session.out = _message
        await session.names_ready()
        await session.look_for_slide()
        expected = await read_expectations(options, session)
        filters = parse_filters(options.keep, await filter_places(options.keep, session)) if options.keep else None
        writer = written = _writer(options, session)
        end.began = True
        if filters is not None:
            writer = FilteredWriter(writer, filters)
        if expected is not None:
            writer = WatchedWriter(writer, expected.take)
        try:
            code = await _trace(options, session, writer, interrupts, end)
        finally:
            writer.close()
            if options.output not in (None, "-") and (line := end.line(written)) is not None:
                _message(line)
        return code if expected is None else judge(expected, options, code, session.debugger.target)


async def again(options: argparse.Namespace, session: Session) -> None:
    """The same trace on a replayed session, into its history only."""
    plan = await _plan(options, session)
    await Tracer(session.debugger, replace(plan, seconds=None), lambda record: None).run()


def _say_armed(session: Session, row: Breakpoint) -> None:
    """Where a caught vector stops the guest from now on."""
    name = vector(row.vector or 0).name
    known = f"armed: {name} at {session.place(row.address)}" if row.address is not None else None
    _message(known or f"no handler yet: {name} is caught once the guest has one")


def _say_absences(debugger: Debugger, plan: Plan) -> None:
    """Before a trace of #DBs: which of them this platform never raises."""
    logged = frozenset() if debugger.witness is None else debugger.witness.vectors
    wanted = logged.union(row.vector for row in debugger.breakpoints.values() if row.vector is not None)
    if not plan.stepping and 1 in wanted and (absent := absences(debugger.platform)):
        _message(absent)


async def _trace(
    options: argparse.Namespace, session: Session, writer: TraceWriter, interrupts: Interrupts, end: TraceEnd
) -> int:
    debugger = session.debugger
    debugger.listen(
        lambda notice: _message(notice.text) if isinstance(notice, Output) and notice.origin == "dr6" else None
    )
    debugger.on_handler(lambda row: _say_armed(session, row))
    began = time.monotonic()
    reason: Reason | None = None
    with Progress(options.steps) as progress:

        def keep(record: StopRecord) -> None:
            writer.record(record)
            progress.count(writer.stops + writer.events)

        debugger.on_gap = lambda why: writer.gap(writer.stops + writer.events, why)
        try:
            now = datetime.datetime.now(datetime.UTC)
            writer.header(debugger.target, debugger.backend, now, session.tool, asked_for(options))
            writer.flush()  # who looks at the file sees that it goes on
            plan = await _plan(options, session)
            debugger.number_from(0)
            for row in debugger.breakpoints.values():
                if row.vector is not None and row.address is None:
                    _say_armed(session, row)
            _say_absences(debugger, plan)
            if options.script is not None:
                tracer: Engine = ScriptRun(options.script, ScriptedGuest(session, keep), options.seconds)
            else:
                in_columns = trace_format(options.format, options.output, sys.stdout.isatty()) == "parquet"
                tracer = engine(options, debugger, plan, writer, in_columns, keep, progress.count, _message)
            interrupts.on_first, interrupts.in_order = tracer.interrupt, True
            reason = await tracer.run()
        except TraceError:
            raise  # nothing more can be written; the sentence says that there is no end row
        except TransportError:
            reason = "lost"
            raise
        except GdbError:
            reason = "error"
            raise
        except (trio.Cancelled, BaseExceptionGroup):  # trio puts what its nurseries cancelled into groups
            reason = "interrupt"
            raise
        finally:
            if reason is not None:
                debugger.say_unseen()
                writer.end(reason, time.monotonic() - began, _taken(debugger))
                end.reason = reason
    return INTERRUPTED if reason == "interrupt" else DONE


def _taken(debugger: Debugger) -> int | None:
    """How many exceptions of the caught vectors the guest got, where somebody counted."""
    if debugger.witness is None:
        return None
    debugger.witness.settle()
    return debugger.witness.taken


def _message(text: str) -> None:
    print(clean(text), file=sys.stderr)


async def _plan(options: argparse.Namespace, session: Session) -> Plan:
    """Set what is to be watched, and say how to go."""
    debugger = session.debugger
    if options.cpu is not None:
        await debugger.select_cpu(options.cpu)
    if options.start is not None:
        await _run_to(session, options.start)
    for text in options.breaks:
        place = await parse_break(session, text)
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, place.address, means=place.means, text=place.text)
    for text in options.watches:
        watch = await parse_watch(session, text)
        await debugger.add_breakpoint(watch.kind, watch.address, watch.length, text=watch.text)
    vectors = [number for text in options.catches for number in parse_vectors(text)]
    if debugger.capabilities.takes_debug_events:
        vectors = _without_taken(vectors)
    elif options.events and not vectors and not options.breaks and not options.watches:
        vectors = [1]
    if options.no_stop:
        await _log_alone(debugger, vectors)
    else:
        for number in dict.fromkeys(vectors):
            await debugger.add_breakpoint(BreakpointKind.CATCH, None, vector=number, text=str(number))
    until = frozenset([(await parse_break(session, text)).address for text in options.until])
    armed = bool(options.breaks or options.watches or vectors)
    stepping = not options.events and (options.steps is not None or bool(until) or not armed)
    return Plan(stepping, options.steps, options.seconds, until)


async def _log_alone(debugger: Debugger, vectors: list[int]) -> None:
    """The guest is not stopped for what QEMU's log tells of. Raises `GdbError` where there is none to be had."""
    if why := await debugger.watch_log(vectors):
        raise GdbError(f"Without a stop, events are seen in QEMU's log alone. {why}")


def _without_taken(vectors: list[int]) -> list[int]:
    """Without #DB and #BP, which stop the guest by themselves there; another vector can't be caught."""
    if set(vectors) - set(DEBUG_EVENTS):
        raise GdbError(NO_IDT)
    return []


async def _run_to(session: Session, text: str) -> None:
    """Let the guest run, unrecorded, to where the trace begins."""
    place = await parse_break(session, text)
    row = await session.debugger.add_breakpoint(
        BreakpointKind.EXECUTE, place.address, means=place.means, temporary=True, text=place.text
    )
    record = await session.debugger.resume()
    if record.ended or record.state.pc != place.address:
        raise GdbError(f"The guest did not get to {place.text}: {record.explanation.summary}.")
    if row.number in session.debugger.breakpoints:
        await session.debugger.delete_breakpoint(row.number)


def _writer(options: argparse.Namespace, session: Session) -> TraceWriter:
    def text(record: StopRecord) -> str:
        lines = describe(record, session.symbols) if options.events else [one_line(record, session.symbols)]
        return visible("\n".join(lines))

    return open_writer(trace_format(options.format, options.output, sys.stdout.isatty()), options.output, text)


def trace_format(asked: str | None, output: str | None, tty: bool) -> str:
    """By ``--format``, else by the file's suffix (JSON lines where it says nothing); on standard output text for a
    terminal and JSON lines for a program."""
    if asked is not None:
        return asked
    if output is None or output == "-":
        return "text" if tty else "jsonl"
    return format_of(output)


def check(options: argparse.Namespace) -> None:
    """Usage errors that argparse can't see; raises SystemExit(2) with one sentence."""
    if options.no_stop and not options.events:
        print("dr6: --no-stop needs --events: a step and a breakpoint are stops.", file=sys.stderr)
        raise SystemExit(USAGE)
    if options.junit is not None and options.expect is None:
        print("dr6: --junit needs --expect: it tells which expectations were met.", file=sys.stderr)
        raise SystemExit(USAGE)
    if options.format == "parquet" and options.output in (None, "-"):
        print("dr6: A trace in columns is a folder; name it with --output.", file=sys.stderr)
        raise SystemExit(USAGE)
