"""``dr6 diff``."""

from __future__ import annotations

import argparse

EPILOG = """\
Exit code 4 where they differ. Rows are laid beside each other by their instructions; a handler that only one of them
ran (an interrupt comes when it comes) is told and is no difference. What only one trace knows is none either.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("left", metavar="TRACE", help="a trace of any format")
    parser.add_argument("right", metavar="TRACE", help="the one to compare it with")
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="NAME[,…]",
        help="registers (rax), or pc, regs, dr, dr6, frame, vector, causes, events; repeatable",
    )
    parser.add_argument("--all", action="store_true", help="show every difference, not only the first")
    parser.add_argument("--left-run", metavar="RUN", help="which of several runs")
    parser.add_argument("--right-run", metavar="RUN", help="which of several runs")
    parser.epilog = EPILOG


def run(options: argparse.Namespace, words: tuple[str, ...]) -> int:
    from frontend.cli.diff import diff
    from frontend.cli.without_guest import run_without_guest

    return run_without_guest(lambda: diff(options))
