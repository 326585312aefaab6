"""``dr6 serve``."""

from __future__ import annotations

import argparse
from dataclasses import replace

from frontend.cli.arguments import groups
from frontend.cli.arguments.options import target_options


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
        metavar="N",
        help="how many stops are kept for why and events; plain steps go first (default: 10000)",
    )
    groups.clients(parser)
    groups.witness(parser)
    groups.session(parser)
    groups.leave(parser)


def run(options: argparse.Namespace, words: tuple[str, ...]) -> int:
    from frontend.cli import serve
    from frontend.cli.guarded import run_headless

    connection = target_options(options, words)
    if options.history is not None:
        connection = replace(connection, history=options.history)
    serving = serve.serving_of(options, options.listen)
    return run_headless(lambda interrupts: serve.run(serving, connection, interrupts))
