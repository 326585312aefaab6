"""``dr6 serve``."""

from __future__ import annotations

import argparse
from dataclasses import replace

from frontend.cli.arguments import groups
from frontend.cli.arguments.options import target_options

HISTORY = 10_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    groups.target(parser)
    parser.add_argument(
        "--listen",
        metavar="ADDR",
        required=True,
        help="where clients connect: :PORT or HOST:PORT (0: any free port), unix:PATH",
    )
    parser.add_argument(
        "--history",
        type=groups.positive,
        default=HISTORY,
        metavar="N",
        help=f"how many stops are kept for why and events; plain steps go first (default: {HISTORY})",
    )
    groups.clients(parser)
    groups.witness(parser)
    groups.session(parser)
    groups.leave(parser)


def run(options: argparse.Namespace, words: tuple[str, ...]) -> int:
    from frontend.cli import serve
    from frontend.cli.guarded import run_headless

    connection = replace(target_options(options, words), history=options.history)
    serving = serve.serving_of(options, options.listen)
    return run_headless(lambda interrupts: serve.run(serving, connection, interrupts))
