"""``dr6 report``."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("trace", metavar="TRACE", help="a trace of any format")
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="an HTML page that needs nothing else")
    parser.add_argument("--against", metavar="TRACE", help="what differs from this trace is on the page, too")
    parser.add_argument(
        "--ignore", action="append", default=[], metavar="NAME[,…]", help="with --against: as in dr6 diff; repeatable"
    )
    parser.add_argument("--run", dest="of_run", metavar="RUN", help="which of several runs")


def run(options: argparse.Namespace, words: tuple[str, ...]) -> int:
    from frontend.cli.report import report
    from frontend.cli.without_guest import run_without_guest

    return run_without_guest(lambda: report(options))
