"""Commands on files: what fails is one sentence on standard error and exit code 1."""

from __future__ import annotations

import sys
from collections.abc import Callable

from frontend.clean import clean
from frontend.cli.exit_codes import FAILED
from gdbstub.errors import GdbError


def run_without_guest(command: Callable[[], int]) -> int:
    """The exit code of ``command``."""
    try:
        return command()
    except GdbError as error:
        sys.stdout.flush()
        print(f"dr6: {clean(str(error))}", file=sys.stderr)
        return FAILED
