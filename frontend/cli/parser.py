"""The command line: arguments, which command, and the exit code. Heavy rooms are imported by the command that needs
them, so that ``dr6 --help`` answers at once."""

from __future__ import annotations

import argparse
import errno
import sys
from collections.abc import Callable, Sequence

from frontend.clean import clean
from frontend.cli import explain
from frontend.cli.arguments import (
    attach,
    demo,
    diff,
    doctor,
    export,
    plugin,
    query,
    replay,
    report,
    serve,
    show,
    trace,
    xen_helper,
)
from frontend.cli.arguments.groups import TARGETS
from frontend.cli.arguments.options import check_dom0
from frontend.cli.exit_codes import FAILED, INTERRUPTED, USAGE
from frontend.cli.streams import drop_output, settle_streams
from frontend.version import tool

EXITS = """\
Exit codes: 0 done, 1 a command failed or the target refused, 2 usage, 3 no connection or lost, 4 not as
expected, 130 interrupted.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    settle_streams()
    words = tuple(sys.argv[1:] if argv is None else argv)
    try:
        try:
            return _run(words)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        drop_output()
    except (OSError, MemoryError) as error:  # of this machine, wherever it came up: no guest and no stub raises these
        number, why = getattr(error, "errno", 0), getattr(error, "strerror", None) or "there is not enough memory"
        print(f"dr6: {_WHERE.get(number, 'This machine refuses what dr6 needs')}: {clean(why)}.", file=sys.stderr)
        drop_output()
    return FAILED


_WHERE = dict.fromkeys((errno.ENOSPC, errno.EBADF, errno.EIO), "Cannot write to standard output")


def _run(words: tuple[str, ...]) -> int:
    options = parse(words)
    if options.command is None:
        make_parser().print_help()
        return USAGE
    check_dom0(options)
    return int(options.run(options, words))


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The options of one command line. What follows ``--`` is QEMU's: argparse itself would not take it behind an
    option that follows IMAGE. Ends with usage where the command takes no such arguments."""
    named = [row for row in COMMANDS if row[0] == words[0]] if words else []
    parser = make_parser(named or COMMANDS)
    end = words.index("--") if "--" in words else len(words)
    options = parser.parse_args(words[:end])
    if end < len(words):
        if not hasattr(options, "qemu_args"):
            parser.error(f"{options.command or 'dr6'} takes no arguments behind --")
        options.qemu_args = [*options.qemu_args, *words[end + 1 :]]
    return options


def make_parser(rows: Sequence[Row] = ()) -> argparse.ArgumentParser:
    """The commands of ``rows``, by default all of them; one that is named needs no other's options."""
    parser = argparse.ArgumentParser(
        prog="dr6",
        description="A debugger front end for x86 guests that says why the guest stopped.",
        epilog=TARGETS + EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=tool())
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, help_, add, run in rows or COMMANDS:
        command = commands.add_parser(
            name, help=help_, description=help_, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        add(command)
        command.set_defaults(run=run)
    return parser


def run_replay(options: argparse.Namespace, words: tuple[str, ...]) -> int:
    """A trace, or a recording, whose command line is parsed as ours is."""
    from frontend.cli.walk import is_trace, walk

    if is_trace(options.file):
        from frontend.cli.without_guest import run_without_guest

        return run_without_guest(lambda: walk(options))
    from frontend.cli.replay import replay

    return replay(options, parse)


_Add = Callable[[argparse.ArgumentParser], None]
_Run = Callable[[argparse.Namespace, tuple[str, ...]], int]

Row = tuple[str, str, _Add, _Run]
COMMANDS: tuple[Row, ...] = (
    ("attach", "Debug a guest behind a stub: the screen, or --batch.", attach.add_arguments, attach.run),
    (
        "launch",
        "Start QEMU with an image, paused, and debug it. QEMU ends with dr6.",
        attach.add_launch_arguments,
        attach.run,
    ),
    ("demo", "Launch the bundled guest, which raises every kind of #DB.", demo.add_arguments, demo.run),
    ("trace", "Trace a guest without a screen: every step, or every event.", trace.add_arguments, trace.run),
    ("query", "Ask a trace by SQL: DuckDB over Parquet or JSON lines.", query.add_arguments, query.run),
    ("show", "Show one row of a trace, all of it.", show.add_arguments, show.run),
    ("diff", "Where two traces part, and what that means.", diff.add_arguments, diff.run),
    ("report", "One HTML page about a trace: timeline, causes, hot code.", report.add_arguments, report.run),
    ("export", "A trace for Tenet, coverage explorers, or Perfetto.", export.add_arguments, export.run),
    ("serve", "Let stock gdb, lldb and their plug-ins attach through dr6.", serve.add_arguments, serve.run),
    ("doctor", "What the stub is, and tests of what can be trusted on it.", doctor.add_arguments, doctor.run),
    ("explain", "Why a #DB fired, from DR6 or from a file of evidence.", explain.add_arguments, explain.run),
    (
        "xen-helper",
        "Print the C source of dr6-vcpu: hardware breakpoints for Xen's gdbsx.",
        xen_helper.add_arguments,
        xen_helper.run,
    ),
    ("plugin", "Build dr6's plugin for QEMU's TCG, and print where it is.", plugin.add_arguments, plugin.run),
    (
        "replay",
        "Go through a trace, or through a recorded session again, without a guest.",
        replay.add_arguments,
        run_replay,
    ),
)
