"""``dr6 xen-helper``."""

from __future__ import annotations

import argparse
import sys

from frontend.cli.exit_codes import DONE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "In dom0, with libxenctrl's headers (Debian: libxen-dev):\n"
        "  dr6 xen-helper >dr6-vcpu.c && cc -O2 -o /usr/local/sbin/dr6-vcpu dr6-vcpu.c -lxenctrl\n"
    )


def run(options: argparse.Namespace, words: tuple[str, ...]) -> int:
    from transports import helper_source

    sys.stdout.write(helper_source())
    return DONE
