"""``dr6 show``."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("trace", metavar="TRACE", help="a trace of any format")
    parser.add_argument("row", metavar="ROW", type=int, help="its number")
    parser.add_argument("--run", dest="of_run", metavar="RUN", help="which of several runs")


def run(options: argparse.Namespace, words: tuple[str, ...]) -> int:
    from frontend.cli.show import show
    from frontend.cli.without_guest import run_without_guest

    return run_without_guest(lambda: show(options))
