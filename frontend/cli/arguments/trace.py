"""``dr6 trace``."""

from __future__ import annotations

import argparse
import sys

from frontend.cli.arguments import groups
from frontend.cli.arguments.options import target_options
from frontend.cli.exit_codes import NOT_BEGUN


def add_arguments(parser: argparse.ArgumentParser) -> None:
    groups.target(parser)
    _add_ends(parser)
    _add_stops(parser)
    groups.witness(parser)
    _add_output(parser)
    _add_engine(parser)
    _add_rows(parser)
    parser.add_argument(
        "--script", metavar="FILE", help="Python: its async def main(debugger) drives the guest (docs/traces.md)"
    )
    parser.add_argument("--expect", metavar="FILE", help="TOML: what has to be in the trace; else exit code 4")
    parser.add_argument("--junit", metavar="FILE", help="with --expect: the results as JUnit's XML")
    parser.add_argument("--cpu", type=int, metavar="N", help="which vCPU is stepped, from 0")
    groups.session(parser)
    groups.leave(parser)


def _add_ends(parser: argparse.ArgumentParser) -> None:
    """Where a trace begins, and where it ends."""
    parser.add_argument("--steps", type=groups.positive, metavar="N", help="end after N stops")
    parser.add_argument("--from", dest="start", metavar="LOCATION", help="run to there first, unrecorded")
    parser.add_argument("--until", action="append", default=[], metavar="ADDR|SYMBOL", help="end at this address")
    parser.add_argument("--seconds", type=float, metavar="S", help="end after S seconds")


def _add_stops(parser: argparse.ArgumentParser) -> None:
    """What stops the guest on its way."""
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


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help=".jsonl, .jsonl.zst, .txt, or a folder .parquet (default: standard output)",
    )
    parser.add_argument("--format", choices=("text", "jsonl", "parquet"), help="default: by the file's suffix")


def _add_engine(parser: argparse.ArgumentParser) -> None:
    """Who tells of the rows, and how far that is checked."""
    parser.add_argument(
        "--engine",
        choices=("auto", "step", "log", "plugin"),
        default="auto",
        help="step: by the stub, each stop explained; log: QEMU's TCG of this machine tells of each instruction, a "
        "hundred times faster; plugin: so does a plugin of dr6's in it, with memory, faster still; auto: these from "
        "100,000 rows of Parquet on, where that can be (default: auto)",
    )
    parser.add_argument(
        "--self-check",
        type=groups.natural,
        default=1000,
        metavar="N",
        help="with --engine log and plugin: the first N rows are made by stepping, too, and compared (default: 1000)",
    )


def _add_rows(parser: argparse.ArgumentParser) -> None:
    """Which rows stay."""
    parser.add_argument(
        "--keep",
        action="append",
        default=[],
        metavar="FILTER",
        help="record only rows that are all of these: cpu=N, mode=BITS, cpl=N, cause=NAME, every=N, in=SYMBOL, "
        "in=FIRST-LAST, branches; repeatable",
    )


def run(options: argparse.Namespace, words: tuple[str, ...]) -> int:
    from dataclasses import replace

    try:
        from frontend.cli import trace
        from frontend.cli.guarded import run_headless
    except KeyboardInterrupt:  # the longest part of a start, before trio listens to signals
        print(NOT_BEGUN, file=sys.stderr)
        raise

    trace.check(options)
    connection = replace(target_options(options, words), history=trace.KEPT)
    return run_headless(lambda interrupts: trace.run(options, connection, interrupts))
