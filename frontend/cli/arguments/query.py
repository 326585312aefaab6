"""``dr6 query``."""

from __future__ import annotations

import argparse

VIEWS = """\
Views: rows, stops, events, insns, causes, branches, accesses, changes, runs; DESCRIBE NAME shows one's columns.
Unsigned 64-bit values (addresses, registers) are shown in hexadecimal; in SQL they are numbers, 0x100401 too.
Without SQL the views are listed.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("trace", metavar="TRACE", help="a folder .parquet, or a file .jsonl or .jsonl.zst")
    parser.add_argument("sql", metavar="SQL", nargs="?", help="one SELECT of DuckDB's SQL")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object a line")
    form.add_argument("--csv", action="store_true", help="CSV with a head line")
    parser.add_argument("--run", dest="of_run", metavar="RUN", help="one of several runs of a dataset (default: all)")
    parser.epilog = VIEWS


def run(options: argparse.Namespace, words: tuple[str, ...]) -> int:
    from frontend.cli.query import query
    from frontend.cli.without_guest import run_without_guest

    return run_without_guest(lambda: query(options))
