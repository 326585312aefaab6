"""``dr6 plugin``."""

from __future__ import annotations

import argparse
import shutil
import sys

from frontend.clean import clean
from frontend.cli.exit_codes import DONE, FAILED

QEMU = "qemu-system-x86_64"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--qemu", metavar="PATH", default=QEMU, help=f"the QEMU that is to load it (default: {QEMU})")
    parser.epilog = (
        'A QEMU of your own, for dr6 trace --engine plugin:\n  qemu-system-x86_64 -plugin "$(dr6 plugin)" ...\n'
    )


def run(options: argparse.Namespace, words: tuple[str, ...]) -> int:
    from transports import CannotOpen, plugin_for

    found = shutil.which(options.qemu)
    try:
        if found is None:
            raise CannotOpen(f"There is no program {options.qemu!r}; name QEMU with --qemu.")
        print(plugin_for(found))
    except CannotOpen as error:
        print(f"dr6: {clean(str(error))}", file=sys.stderr)
        return FAILED
    return DONE
