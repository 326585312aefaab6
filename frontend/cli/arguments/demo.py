"""``dr6 demo``."""

from __future__ import annotations

import argparse

from frontend.cli.arguments import groups
from frontend.cli.arguments.options import serving_beside, target_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--record", metavar="FILE", help="write the whole session down, for dr6 replay")
    parser.add_argument("-batch", "--batch", action="store_true", help="print each explained stop, no screen")
    groups.beside(parser)
    groups.qemu(parser)


def run(options: argparse.Namespace, words: tuple[str, ...]) -> int:
    from frontend.cli.attach import has_screen, screen
    from frontend.cli.demo import STARTUP, WELCOME, demo
    from frontend.cli.guarded import run_headless
    from frontend.demo_guest import DEMO_IMAGE

    options.image = str(DEMO_IMAGE)
    connection = target_options(options, words)
    if has_screen() and not options.batch:
        return screen(connection, STARTUP, serving_beside(options), WELCOME)
    return run_headless(lambda interrupts: demo(connection, interrupts))
