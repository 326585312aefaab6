"""``dr6 replay``."""

from __future__ import annotations

import argparse

from frontend.cli.arguments import groups


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a trace of any format, or what --record wrote")
    parser.add_argument(
        "--allow-files",
        action="store_true",
        help="let commands and the recorded command line read and write files of this machine (symbols, record, trace, "
        "source); without it nothing but FILE and your own --symbols is touched",
    )
    parser.add_argument(
        "--symbols", metavar="FILE", action="append", default=[], help="ELF file with the guest's symbols; repeatable"
    )
    parser.add_argument("--run", dest="of_run", metavar="RUN", help="a trace: which of several runs")
    groups.script(parser)
