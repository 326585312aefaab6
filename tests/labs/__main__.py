"""``python -m tests.labs [NAME…]``: run these labs, or all; ``make labs``.

Exit code 0 where each lab showed what it has to show or was skipped, 1 where one did not, 2 for a name that is none.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from collections.abc import Sequence

from tests.labs.errors import LabError, LabSkipped
from tests.labs.progress import Progress
from tests.labs.table import LABS, Lab

DONE, FAILED, INTERRUPTED = 0, 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    chosen = [lab for lab in LABS if not options.names or lab.name in options.names]
    results = [_run(lab, options.record) for lab in chosen]
    return FAILED if False in results else DONE


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    names = "\n".join(f"  {lab.name:12}{lab.sentence}" for lab in LABS)
    parser = argparse.ArgumentParser(
        "python -m tests.labs",
        description="Run real hypervisors, and compare what dr6 says there with what is known.",
        epilog=f"labs:\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="the labs to run; all, where none is named")
    parser.add_argument("--record", action="store_true", help="write the recordings in tests/golden anew")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - {lab.name for lab in LABS}
    if unknown:
        parser.error(f"there is no lab {', '.join(sorted(unknown))}")
    return options


def _run(lab: Lab, record: bool) -> bool:
    """Whether it showed what it has to show, or could not be tried here."""
    with Progress(lab.name) as progress:
        try:
            lab.run(progress, record)
        except LabSkipped as reason:
            progress.say(f"skipped: {reason}")
        except (LabError, OSError, subprocess.CalledProcessError) as error:
            progress.say(f"FAILED after {progress.seconds:.1f} s: {error}")
            return False
        else:
            progress.say(f"done in {progress.seconds:.1f} s")
    return True


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that what a lab made is taken away
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
