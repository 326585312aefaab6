"""``dr6 export``."""

from __future__ import annotations

import argparse

FORMATS = ("tenet", "drcov", "chrome")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("trace", metavar="TRACE", help="a trace of any format")
    parser.add_argument(
        "--format",
        choices=FORMATS,
        required=True,
        help="tenet: text of the Tenet explorer; drcov: coverage for Lighthouse and the like; chrome: trace events",
    )
    parser.add_argument("-o", "--output", metavar="FILE", required=True)
    parser.add_argument("--run", dest="of_run", metavar="RUN", help="which of several runs")


def run(options: argparse.Namespace, words: tuple[str, ...]) -> int:
    from frontend.cli.export import export
    from frontend.cli.without_guest import run_without_guest

    return run_without_guest(lambda: export(options))
