"""``dr6 doctor``."""

from __future__ import annotations

import argparse

from frontend.cli.arguments import groups


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target", metavar="TARGET", nargs="?", help="where a stub is; without it, dr6 tests a QEMU of its own"
    )
    groups.dom0(parser)
    parser.add_argument(
        "--probe",
        action="store_true",
        help="run the tests on the guest behind TARGET; its memory and registers are put back",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--backend", metavar="NAME", action=groups.TakesBackend)
    parser.add_argument("--record", metavar="FILE", help="write the conversation with TARGET down, for dr6 replay")
    parser.add_argument(
        "--leave",
        choices=("running", "stopped"),
        help="how the guest behind TARGET is left (default: running, but stopped if it waits to be started)",
    )
    groups.qemu(parser)
    parser.epilog = groups.TARGETS


def run(options: argparse.Namespace, words: tuple[str, ...]) -> int:
    from frontend.cli import doctor
    from frontend.cli.guarded import run_headless

    options.words = words
    doctor.check(options)
    return run_headless(lambda interrupts: doctor.run(options, interrupts))
