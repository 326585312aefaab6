"""The command line: arguments, which command, and the exit code. Heavy rooms are imported by the command that needs
them, so that ``dr6 --help`` answers at once."""

from __future__ import annotations

import argparse
import errno
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from frontend.clean import clean
from frontend.cli.streams import drop_output, settle_streams
from frontend.version import tool

if TYPE_CHECKING:
    from frontend.cli.connect import TargetOptions
    from frontend.cli.serving import Serving

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

TARGETS = """\
TARGET: HOST:PORT, :PORT, [::1]:PORT, tcp:HOST:PORT; unix:PATH or the path of a socket; /dev/ttyS0 or
serial:/dev/ttyS0?baud=115200; '|COMMAND ARGS' (its standard input and output); replay:FILE;
gdbsx:HOST:PORT (a gdbsx that listens) or xen:DOMAIN (starts one; in dom0, or with --dom0 'ssh root@dom0').
"""
EXITS = """\
Exit codes: 0 done, 1 a command failed or the target refused, 2 usage, 3 no connection or lost, 130 interrupted.
"""


class TakesBackend(argparse.Action):
    """The name of a kind of stub; which there are is read for ``--help`` only."""

    @property
    def help(self) -> str:
        from gdbstub.backends import BACKENDS

        return f"do not ask who the stub is: {', '.join(BACKENDS)}"

    @help.setter
    def help(self, text: str | None) -> None:
        """argparse sets what `help` says by itself."""

    def __call__(self, parser: object, namespace: argparse.Namespace, value: object, option: object = None) -> None:
        setattr(namespace, self.dest, value)


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
    parser = make_parser()
    end = words.index("--") if "--" in words else len(words)
    options = parser.parse_args(words[:end])
    if end < len(words):
        if not hasattr(options, "qemu_args"):
            parser.error(f"{options.command or 'dr6'} takes no arguments behind --")
        options.qemu_args = [*options.qemu_args, *words[end + 1 :]]
    return options


def make_parser() -> argparse.ArgumentParser:
    """All commands; one row each."""
    parser = argparse.ArgumentParser(
        prog="dr6",
        description="A debugger front end for x86 guests that says why the guest stopped.",
        epilog=TARGETS + EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=tool())
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, help_, add, run in COMMANDS:
        command = commands.add_parser(
            name, help=help_, description=help_, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        add(command)
        command.set_defaults(run=run)
    return parser


class _Script(argparse.Action):
    """Keeps ``-ex`` and ``-x`` in the order of the command line, as gdb does."""

    def __call__(
        self, parser: object, namespace: argparse.Namespace, values: object, option: str | None = None
    ) -> None:
        kind = "-x" if option in ("-x", "--command-file") else "-ex"
        namespace.script = [*(namespace.script or []), (kind, str(values))]


def _target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="TARGET", help="where the stub is")
    _dom0(parser)
    _int3s(parser)
    parser.epilog = TARGETS


def _dom0(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dom0", metavar="PREFIX", help="Xen: put this in front of every helper command, as in 'ssh root@dom0'"
    )
    parser.add_argument("--domain", metavar="DOMAIN", help="Xen: the domain behind gdbsx:HOST:PORT, by name or number")


def _int3s(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--keep-int3s",
        action="store_true",
        help="Xen: leave the int3s of an earlier dr6 that was killed where they are (default: they are taken out; the "
        "screen asks first)",
    )


def _session(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backend", metavar="NAME", action=TakesBackend)
    parser.add_argument(
        "--symbols", metavar="FILE", action="append", default=[], help="ELF file with the guest's symbols; repeatable"
    )
    parser.add_argument("--record", metavar="FILE", help="write the whole session down, for dr6 replay")


def _leave(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--leave",
        choices=("running", "stopped"),
        default="running",
        help="how the guest is left at the end; breakpoints are taken out in any case (default: running)",
    )


def _commands(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-ex", "--ex", metavar="CMD", dest="script", action=_Script, default=[], help="a command to run"
    )
    parser.add_argument(
        "-x", "--command-file", metavar="FILE", dest="script", action=_Script, help="commands to run from a file"
    )
    parser.add_argument(
        "-batch", "--batch", action="store_true", help="no screen: run the commands in order, then leave"
    )
    parser.add_argument("--strict", action="store_true", help="with --batch: end at the first command that fails")


def _qemu(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--accel", choices=("tcg", "kvm"), default="tcg")
    parser.add_argument("--smp", type=int, default=1, metavar="N", help="number of vCPUs")
    parser.add_argument("--memory", metavar="SIZE", help="as QEMU writes it: 256M")
    parser.add_argument("--cpu", metavar="MODEL", help="QEMU's CPU model")
    parser.add_argument("--qemu", metavar="PATH", help="which QEMU (default: qemu-system-x86_64)")
    parser.add_argument("qemu_args", nargs="*", metavar="-- QEMU ARGS", help="passed on to QEMU")


def _beside(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--serve", metavar="ADDR", help="let stock gdb in beside the screen: :PORT, HOST:PORT or unix:PATH"
    )
    _clients(parser)


def _attach(parser: argparse.ArgumentParser) -> None:
    _target(parser)
    _commands(parser)
    _beside(parser)
    _session(parser)
    _leave(parser)


def _launch(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE", help="kernel (ELF, multiboot, bzImage), boot disk or .iso")
    _commands(parser)
    _beside(parser)
    _session(parser)
    _qemu(parser)


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--record", metavar="FILE", help="write the whole session down, for dr6 replay")
    parser.add_argument("-batch", "--batch", action="store_true", help="print each explained stop, no screen")
    _beside(parser)
    _qemu(parser)


def _positive(text: str) -> int:
    value = int(text, 0)
    if value < 1:
        raise ValueError
    return value


def _trace(parser: argparse.ArgumentParser) -> None:
    _target(parser)
    parser.add_argument("--steps", type=_positive, metavar="N", help="end after N stops")
    parser.add_argument("--from", dest="start", metavar="LOCATION", help="run to there first, unrecorded")
    parser.add_argument("--until", action="append", default=[], metavar="ADDR|SYMBOL", help="end at this address")
    parser.add_argument("--seconds", type=float, metavar="S", help="end after S seconds")
    parser.add_argument(
        "--break", dest="breaks", action="append", default=[], metavar="LOCATION", help="hw:/sw: prefix; repeatable"
    )
    parser.add_argument(
        "--watch",
        dest="watches",
        action="append",
        default=[],
        metavar="[r|w|rw:]LOCATION[/LEN]",
        help="a data breakpoint; repeatable",
    )
    parser.add_argument(
        "--catch",
        dest="catches",
        action="append",
        default=[],
        metavar="VECTOR[,…]",
        help="vectors to catch at the guest's handlers: db, bp, gp, pf, numbers",
    )
    parser.add_argument(
        "--events", action="store_true", help="run freely, record only explained events (without --catch: #DB)"
    )
    parser.add_argument(
        "--no-stop",
        action="store_true",
        help="with --events: the guest is never stopped; what it gets is read from QEMU's log (TCG of this machine)",
    )
    parser.add_argument(
        "--witness",
        choices=("auto", "off", "require"),
        default="auto",
        help="QEMU's log of exceptions beside the breakpoints at handlers: what those miss is a row (default: auto)",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="default: standard output")
    parser.add_argument("--format", choices=("text", "jsonl"), help="default: by the file's suffix")
    parser.add_argument("--cpu", type=int, metavar="N", help="which vCPU is stepped, from 0")
    _session(parser)
    _leave(parser)


def _clients(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--monitor",
        choices=("none", "info", "all"),
        default="info",
        help="which commands of the hypervisor's own monitor clients may use; 'all' lets them run programs of this "
        "machine (default: info, those that only look)",
    )
    parser.add_argument("--read-only", action="store_true", help="clients write neither registers nor memory")
    parser.add_argument("--allow-kill", action="store_true", help="clients may end the guest")
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        help="listen where other machines can connect: whoever does controls the guest, there is no password",
    )
    parser.add_argument("--clients", type=_positive, default=16, metavar="N", help="at most N at a time (default: 16)")


def _serve(parser: argparse.ArgumentParser) -> None:
    _target(parser)
    parser.add_argument(
        "--listen",
        metavar="ADDR",
        required=True,
        help="where clients connect: :PORT or HOST:PORT (0: any free port), unix:PATH",
    )
    _clients(parser)
    _session(parser)
    _leave(parser)


def _doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target", metavar="TARGET", nargs="?", help="where a stub is; without it, dr6 tests a QEMU of its own"
    )
    _dom0(parser)
    parser.add_argument(
        "--probe",
        action="store_true",
        help="run the tests on the guest behind TARGET; its memory and registers are put back",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--backend", metavar="NAME", action=TakesBackend)
    parser.add_argument("--record", metavar="FILE", help="write the conversation with TARGET down, for dr6 replay")
    parser.add_argument(
        "--leave",
        choices=("running", "stopped"),
        help="how the guest behind TARGET is left (default: running, but stopped if it waits to be started)",
    )
    _qemu(parser)
    parser.epilog = TARGETS


def _explain(parser: argparse.ArgumentParser) -> None:
    from frontend.cli.explain import add_arguments

    add_arguments(parser)


def _xen_helper(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "In dom0, with libxenctrl's headers (Debian: libxen-dev):\n"
        "  dr6 xen-helper >dr6-vcpu.c && cc -O2 -o /usr/local/sbin/dr6-vcpu dr6-vcpu.c -lxenctrl\n"
    )


def _replay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="what --record wrote")
    parser.add_argument(
        "--allow-files",
        action="store_true",
        help="let commands and the recorded command line read and write files of this machine (symbols, record, trace, "
        "source); without it nothing but FILE and your own --symbols is touched",
    )
    parser.add_argument(
        "--symbols", metavar="FILE", action="append", default=[], help="ELF file with the guest's symbols; repeatable"
    )
    _commands(parser)


def _connection(options: argparse.Namespace, words: tuple[str, ...]) -> TargetOptions:
    from frontend.cli.connect import Launch, TargetOptions
    from frontend.cli.restore import always, never

    target = (
        options.target
        if hasattr(options, "target")
        else Launch(
            options.image,
            options.accel,
            options.smp,
            options.memory,
            options.cpu,
            options.qemu,
            tuple(options.qemu_args),
        )
    )
    return TargetOptions(
        target,
        getattr(options, "backend", None),
        tuple(getattr(options, "symbols", ())),
        options.record,
        getattr(options, "leave", "running"),
        dom0=getattr(options, "dom0", None),
        domain=getattr(options, "domain", None),
        may_restore=never if getattr(options, "keep_int3s", False) else always,
        command=words,
    )


def _serving(options: argparse.Namespace) -> Serving | None:
    if options.serve is None:
        return None
    from frontend.cli.serve import serving_of

    return serving_of(options, options.serve)


def check_dom0(options: argparse.Namespace) -> None:
    """Usage errors about Xen's helpers; raises SystemExit(2) with one sentence."""
    target, dom0, domain = (getattr(options, name, None) for name in ("target", "dom0", "domain"))
    wrong = None
    if isinstance(target, str) and target.startswith("gdbsx:"):
        if dom0 is not None and domain is None:
            wrong = "--dom0 needs --domain with gdbsx:HOST:PORT: gdbsx does not say which domain it serves"
    elif isinstance(target, str) and target.startswith("xen:"):
        if domain is not None:
            wrong = "--domain goes with gdbsx:HOST:PORT; xen:DOMAIN names it already"
    elif dom0 is not None or domain is not None:
        wrong = "--dom0 and --domain are for xen:DOMAIN and gdbsx:HOST:PORT"
    if wrong is not None:
        print(f"dr6: {wrong}.", file=sys.stderr)
        raise SystemExit(USAGE)


def run_attach(options: argparse.Namespace, words: tuple[str, ...]) -> int:
    """``attach`` and ``launch``."""
    from frontend.cli.attach import asking, batch, screen, script
    from frontend.cli.guarded import run_headless

    connection, lines = _connection(options, words), script(options)
    if not options.batch:
        return screen(asking(connection), lines, _serving(options))
    if options.serve is not None:
        print("dr6: --serve is for the screen; without one, use dr6 serve.", file=sys.stderr)
        return USAGE
    return run_headless(lambda interrupts: batch(connection, lines, options.strict, interrupts))


def run_demo(options: argparse.Namespace, words: tuple[str, ...]) -> int:
    from frontend.cli.attach import has_screen, screen
    from frontend.cli.demo import STARTUP, demo
    from frontend.cli.guarded import run_headless
    from frontend.demo_guest import DEMO_IMAGE

    options.image = str(DEMO_IMAGE)
    connection = _connection(options, words)
    if has_screen() and not options.batch:
        return screen(connection, STARTUP, _serving(options))
    return run_headless(lambda interrupts: demo(connection, interrupts))


def run_trace(options: argparse.Namespace, words: tuple[str, ...]) -> int:
    from dataclasses import replace

    from frontend.cli import trace
    from frontend.cli.guarded import run_headless

    trace.check(options)
    connection = replace(_connection(options, words), history=trace.KEPT)
    return run_headless(lambda interrupts: trace.run(options, connection, interrupts))


def run_serve(options: argparse.Namespace, words: tuple[str, ...]) -> int:
    from frontend.cli import serve
    from frontend.cli.guarded import run_headless

    connection = _connection(options, words)
    serving = serve.serving_of(options, options.listen)
    return run_headless(lambda interrupts: serve.run(serving, connection, interrupts))


def run_doctor(options: argparse.Namespace, words: tuple[str, ...]) -> int:
    from frontend.cli import doctor
    from frontend.cli.guarded import run_headless

    options.words = words
    doctor.check(options)
    return run_headless(lambda interrupts: doctor.run(options, interrupts))


def run_explain(options: argparse.Namespace, words: tuple[str, ...]) -> int:
    from frontend.cli.explain import run

    return run(options)


def run_replay(options: argparse.Namespace, words: tuple[str, ...]) -> int:
    from frontend.cli.replay import replay

    return replay(options, parse)


def run_xen_helper(options: argparse.Namespace, words: tuple[str, ...]) -> int:
    from transports import helper_source

    sys.stdout.write(helper_source())
    return DONE


_Add = Callable[[argparse.ArgumentParser], None]
_Run = Callable[[argparse.Namespace, tuple[str, ...]], int]

COMMANDS: tuple[tuple[str, str, _Add, _Run], ...] = (
    ("attach", "Debug a guest behind a stub: the screen, or --batch.", _attach, run_attach),
    ("launch", "Start QEMU with an image, paused, and debug it. QEMU ends with dr6.", _launch, run_attach),
    ("demo", "Launch the bundled guest, which raises every kind of #DB.", _demo, run_demo),
    ("trace", "Trace a guest without a screen: every step, or every event.", _trace, run_trace),
    ("serve", "Let stock gdb, lldb and their plug-ins attach through dr6.", _serve, run_serve),
    ("doctor", "What the stub is, and tests of what can be trusted on it.", _doctor, run_doctor),
    ("explain", "Why a #DB fired, from DR6 or from a file of evidence.", _explain, run_explain),
    (
        "xen-helper",
        "Print the C source of dr6-vcpu: hardware breakpoints for Xen's gdbsx.",
        _xen_helper,
        run_xen_helper,
    ),
    ("replay", "Go through a recorded session again, without a guest.", _replay, run_replay),
)
