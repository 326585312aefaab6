"""``dr6 export``: a trace for another tool."""

from __future__ import annotations

import argparse
import sys

from frontend.clean import clean
from frontend.cli.exit_codes import DONE
from gdbstub.trace import TraceReader
from gdbstub.trace.errors import cannot_write
from gdbstub.trace.exports import EXPORTS


def export(options: argparse.Namespace) -> int:
    """Write it; raises `TraceError`."""
    with TraceReader(options.trace, options.of_run) as trace:
        try:
            with open(options.output, "wb") as file:
                for piece in EXPORTS[options.format](trace):
                    file.write(piece)
        except OSError as error:
            raise cannot_write(options.output, error) from error
        if trace.cut_off is not None:
            print(f"dr6: {clean(trace.cut_off)}", file=sys.stderr)
    return DONE
