"""``dr6 attach`` and ``dr6 launch``."""

from __future__ import annotations

import argparse
import sys

from frontend.cli.arguments import groups
from frontend.cli.arguments.options import serving_beside, target_options
from frontend.cli.exit_codes import USAGE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    groups.target(parser)
    groups.script(parser)
    groups.plain(parser)
    groups.init(parser)
    groups.beside(parser)
    groups.witness(parser)
    groups.session(parser)
    groups.leave(parser)


def add_launch_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE", help="kernel (ELF, multiboot, bzImage), boot disk or .iso")
    groups.script(parser)
    groups.plain(parser)
    groups.init(parser)
    groups.beside(parser)
    groups.witness(parser)
    groups.session(parser)
    parser.add_argument(
        "--record-replay",
        metavar="FILE",
        help="QEMU's record and replay (one vCPU, TCG): where FILE is not there the run is written into it, else the "
        "run in it takes place again, instruction for instruction",
    )
    parser.add_argument(
        "--plugin",
        action="store_true",
        help="with dr6's plugin in QEMU (TCG; built by cc at first use), for dr6 trace --engine plugin through --serve "
        "with --monitor all; the session's own trace steps",
    )
    groups.qemu(parser)


def run(options: argparse.Namespace, words: tuple[str, ...]) -> int:
    """``attach`` and ``launch``."""
    from frontend.cli.attach import asking, batch, has_screen, screen, script
    from frontend.cli.guarded import run_headless
    from frontend.cli.init_file import startup

    lines = (*(() if options.nx else startup()), *script(options))
    connection = target_options(options, words)
    if not options.batch and has_screen() and not options.plain:
        return screen(asking(connection), lines, serving_beside(options))
    if options.serve is not None:
        print("dr6: --serve is for the screen; without one, use dr6 serve.", file=sys.stderr)
        return USAGE
    if not options.batch:
        from frontend.cli.plain import plain

        return run_headless(lambda interrupts: plain(asking(connection), lines, interrupts))
    return run_headless(lambda interrupts: batch(connection, lines, options.strict, interrupts))
