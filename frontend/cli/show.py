"""``dr6 show``: one row of a trace, all of it."""

from __future__ import annotations

import argparse

from frontend.clean import clean
from frontend.cli.exit_codes import DONE
from frontend.cli.row_text import whole_row
from gdbstub.trace import TraceReader


def show(options: argparse.Namespace) -> int:
    """Print it; raises `TraceError`."""
    with TraceReader(options.trace, options.of_run) as trace:
        before, row = trace.pair(options.row)
        for line in whole_row(row, before, trace.accesses(options.row)):
            print(clean(line))
    return DONE
