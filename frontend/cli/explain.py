"""`dr6 explain`: why a guest stopped, from DR6 typed in or from a file of evidence, and what each cause is.

No target, no connection.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gdbstub.explain.evidence import Evidence, Fact, Platform
    from gdbstub.explain.explanation import Explanation
    from gdbstub.x86.exceptions import Frame

DONE, FAILED, USAGE = 0, 1, 2
LIMIT = 1 << 64
LARGEST_FILE = 16 << 20
LARGEST_TEXT = 1 << 20
TYPED = "command line"

EPILOG = (
    "With --dr6 alone the answer is what those bits can say, as a guest's #DB handler would read them. Each further "
    "value makes it surer. --evidence takes a JSON object (docs/explaining.md). --cause and --list-causes tell of the "
    "causes themselves (docs/causes.md). With --oops, --rip, --vendor and --backend say what the text has not."
)


def number(text: str) -> int:
    """A number of at most 64 bits: 0x…, 0b… or decimal."""
    try:
        value = int(text, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number like 0xffff4ff0") from None
    if not 0 <= value < LIMIT:
        raise argparse.ArgumentTypeError(f"{text} is not in the range of 64 bits")
    return value


def code(text: str) -> tuple[int, bytes]:
    """ADDRESS:HEX."""
    address, colon, digits = text.partition(":")
    try:
        data = bytes.fromhex(digits)
    except ValueError:
        data = b""
    if not colon or not data:
        raise argparse.ArgumentTypeError(f"{text!r} is not ADDRESS:HEX, like 0x100400:9090f1")
    return number(address), data


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `dr6 explain`. ``parser`` is kept in the namespace for its usage errors."""
    parser.epilog = EPILOG
    parser.set_defaults(explain_parser=parser)
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--dr6", type=number, metavar="VALUE", help="DR6 as the guest's handler reads it")
    given.add_argument("--evidence", metavar="FILE", help="evidence as JSON; - is standard input")
    given.add_argument(
        "--oops", metavar="FILE", help="the text of a Linux oops, warning or show_regs; - is standard input"
    )
    given.add_argument("--trace", metavar="TRACE", help="a trace of any format: explain one row of it")
    given.add_argument("--cause", metavar="NAME", help="what a cause is, how it is told, and who does what to it")
    given.add_argument("--list-causes", action="store_true", help="the names of all causes, a sentence each")
    parser.add_argument("--row", type=int, metavar="ROW", help="with --trace: the number of the row")
    registers = parser.add_argument_group("with --dr6")
    for name in ("dr7", "dr0", "dr1", "dr2", "dr3", "cr4"):
        registers.add_argument(f"--{name}", type=number, metavar="VALUE")
    registers.add_argument("--before-dr6", type=number, metavar="VALUE", help="DR6 before the event")
    registers.add_argument("--debugctl", type=number, metavar="VALUE", help="DEBUGCTL before the event")
    registers.add_argument("--rip", type=number, metavar="ADDRESS", help="the saved RIP, from the exception frame")
    registers.add_argument("--rflags", type=number, metavar="VALUE", help="the saved RFLAGS (needs --rip)")
    registers.add_argument("--cs", type=number, metavar="SELECTOR", help="the saved CS (needs --rflags)")
    registers.add_argument(
        "--code", type=code, metavar="ADDRESS:HEX", help="guest bytes around the saved RIP, like 0x100400:9090f1"
    )
    mode = "CPU mode; without it, it is not known where RIP has no more than 32 bits"
    registers.add_argument("--mode", type=int, choices=(16, 32, 64), help=mode)
    registers.add_argument("--vendor", choices=("intel", "amd"))
    registers.add_argument("--backend", metavar="NAME", help="qemu-tcg, qemu-kvm, xen-gdbsx, …")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")


ONLY_WITH_DR6 = (
    *("dr7", "dr0", "dr1", "dr2", "dr3", "cr4", "before_dr6", "debugctl"),
    *("rip", "rflags", "cs", "code", "mode", "vendor", "backend"),
)


ALSO_WITH_OOPS = ("rip", "vendor", "backend")


def usage_error(args: argparse.Namespace) -> str | None:
    """What argparse can't say: which options need which."""
    if args.dr6 is None:
        fits = () if args.oops is None else ALSO_WITH_OOPS
        wrong = next((name for name in ONLY_WITH_DR6 if getattr(args, name) is not None and name not in fits), None)
        if wrong is not None:
            elsewhere = "" if args.evidence is None else "; with --evidence, write it into the file"
            return f"--{wrong.replace('_', '-')} goes with --dr6{elsewhere}"
    if (args.trace is None) != (args.row is None):
        return "--trace and --row go together"
    if args.rflags is not None and args.rip is None:
        return "--rflags needs --rip: both are of the exception frame"
    if args.cs is not None and args.rflags is None:
        return "--cs needs --rip and --rflags: all three are of the exception frame"
    return None


def run(args: argparse.Namespace, words: tuple[str, ...]) -> int:
    """Print the answer to stdout; 0 done, 1 the evidence can't be read, 2 usage, or no cause of that name."""
    wrong = usage_error(args)
    if wrong is not None:
        args.explain_parser.print_usage(sys.stderr)
        print(f"dr6 explain: {wrong}.", file=sys.stderr)
        return USAGE
    if args.list_causes or args.cause is not None:
        from frontend.cli import cause_pages

        return cause_pages.run(args.cause, as_json=args.json)
    if args.trace is not None:
        from frontend.cli.explain_row import explain_row
        from frontend.cli.without_guest import run_without_guest

        return run_without_guest(lambda: explain_row(args))
    return _explain(args)


def _explain(args: argparse.Namespace) -> int:
    from frontend.clean import clean, clean_text, printable_json
    from frontend.cli.columns import width
    from gdbstub.errors import GdbError
    from gdbstub.explain.evidence_json import explanation_to_json
    from gdbstub.explain.explain import explain
    from gdbstub.explain.text.rendering import render_text

    try:
        if args.oops is not None:
            evidence, answer = _of_oops(args)
        else:
            evidence = typed(args) if args.evidence is None else read_evidence(args.evidence)
            answer = explain(evidence)
    except GdbError as error:
        print(f"dr6 explain: {clean(str(error))}", file=sys.stderr)
        return FAILED
    if args.json:
        print(printable_json(json.dumps(explanation_to_json(answer), ensure_ascii=False, indent=2)))
    else:
        print("\n".join(clean_text(render_text(answer, evidence, width()))))
    return DONE


def typed(args: argparse.Namespace) -> Evidence:
    """A #DB at the guest's handler, with what the command line gives of it."""
    from gdbstub.explain.evidence import CodeBytes, CpuFacts, Evidence, Known, Unknown

    def fact(value: int | None) -> Fact[int]:
        return Unknown("not given") if value is None else Known(value, TYPED)

    return Evidence(
        platform=_platform(args),
        mode=Known(args.mode, TYPED) if args.mode else Unknown("not given"),
        before=CpuFacts(dr6=fact(args.before_dr6), debugctl=fact(args.debugctl)),
        after=CpuFacts(
            dr0=fact(args.dr0),
            dr1=fact(args.dr1),
            dr2=fact(args.dr2),
            dr3=fact(args.dr3),
            dr6=fact(args.dr6),
            dr7=fact(args.dr7),
            cr4=fact(args.cr4),
        ),
        vector=Known(1, "assumed"),
        at_handler=Known(True, "assumed"),
        frame=_frame(args),
        saved_rip=fact(args.rip),
        code=() if args.code is None else (CodeBytes(*args.code),),
    )


def _platform(args: argparse.Namespace) -> Platform:
    from gdbstub.backends import ABILITIES
    from gdbstub.explain.abilities import UNKNOWN
    from gdbstub.explain.evidence import BACKEND_ALIASES, Known, Platform, Unknown

    backend = BACKEND_ALIASES.get(args.backend, args.backend)
    return Platform(
        backend=Known(backend, TYPED) if backend else Unknown("not given"),
        vendor=Known(args.vendor, TYPED) if args.vendor else Unknown("not given"),
        abilities=ABILITIES.get(backend, UNKNOWN),
    )


def _of_oops(args: argparse.Namespace) -> tuple[Evidence, Explanation]:
    from gdbstub.errors import GdbError
    from gdbstub.explain.json_values import BadEvidence
    from gdbstub.explain.oops import explain_oops, read_oops

    where, data = _read(args.oops, LARGEST_TEXT, "the text of an oops")
    if len(data) > LARGEST_TEXT:
        raise GdbError(f"{where!r} is larger than 1 MiB; cut the oops out of it.")
    try:
        oops = read_oops(data.decode("utf-8", "replace"), args.rip, _platform(args))
    except BadEvidence as error:
        raise GdbError(f"{where!r} is no oops of Linux's: {error}") from error
    return oops.evidence, explain_oops(oops)


def _frame(args: argparse.Namespace) -> Fact[Frame]:
    """Without --cs the CS is 0, and not shown. Only a bus lock depends on CPL, so there it is not made up."""
    from gdbstub.explain.evidence import Known, Unknown
    from gdbstub.x86.debug_registers import BLD, decode_dr6
    from gdbstub.x86.exceptions import Frame

    if args.rflags is None:
        return Unknown("not given")
    if args.cs is None and decode_dr6(args.dr6).causes & BLD:
        return Unknown("not whole without --cs, which tells the privilege level")
    return Known(Frame(args.rip, args.cs or 0, args.rflags), TYPED)


def read_evidence(name: str) -> Evidence:
    """The evidence in a file, or on standard input for ``-``. GdbError with one sentence where it is none."""
    from gdbstub.backends import ABILITIES
    from gdbstub.errors import GdbError
    from gdbstub.explain.evidence_json import evidence_from_json
    from gdbstub.explain.json_values import BadEvidence

    where, data = _read(name, LARGEST_FILE, "a file of evidence")
    if len(data) > LARGEST_FILE:
        raise GdbError(f"{where!r} is larger than 16 MiB, so it is no evidence of one stop.")
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise GdbError(f"{where!r} is not JSON ({_place(error)}); docs/explaining.md has the format.") from error
    try:
        return evidence_from_json(parsed, ABILITIES)
    except BadEvidence as error:
        raise GdbError(f"{where!r} is no evidence: {error}") from error


def _read(name: str, most: int, what: str) -> tuple[str, bytes]:
    """The name for people, and one byte more than ``most`` at most. GdbError where it can't be read."""
    from gdbstub.errors import GdbError

    where = "standard input" if name == "-" else name
    try:
        if name == "-":
            data = sys.stdin.buffer.read(most + 1)
        else:
            with open(name, "rb") as file:
                data = file.read(most + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no file can have this name"
        raise GdbError(f"Cannot read {where!r}: {why}; name {what} or -.") from error
    return where, data


def _place(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno}, column {error.colno}"
    return "nested too deeply" if isinstance(error, RecursionError) else "not text, or a number too long"
