"""gdb's own testsuite on gdbserver, directly and through `dr6 serve`: the two lists of results are compared.

The suite is that of Debian's gdb source, run by dejagnu with this machine's gdb and gdbserver; it stays in the cache,
as do its two folders of results (``outputs/FILE/gdb.sum`` and ``gdb.log``). ``DR6_GDBSUITE`` names other files than
`FILES`. What is known to differ is in `gdbsuite_known`.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import tarfile
from pathlib import Path

from tests.labs.apt import Apt
from tests.labs.cache import cache_root, cached, locked
from tests.labs.errors import LabError, LabSkipped
from tests.labs.gdbsuite_known import known_lines, unknown
from tests.labs.gdbsuite_run import Both, Side, run_both
from tests.labs.progress import Progress

SOURCE = "gdb"
BETTER = ("PASS", "XPASS", "KPASS")
FILES = (
    *(f"gdb.base/{name}*.exp" for name in ("break", "watchpoint", "hbreak", "step-test", "display", "call-", "return")),
    *(f"gdb.base/{name}*.exp" for name in ("finish", "setvar", "memattr", "dump")),
    "gdb.server/*.exp",
    *(f"gdb.threads/{name}.exp" for name in ("print-threads", "pthreads", "thread-specific", "threadapply", "step")),
    *(f"gdb.threads/{name}.exp" for name in ("thread_check", "schedlock", "multi-create", "watchthreads", "tls")),
    *(f"gdb.threads/{name}.exp" for name in ("continue-pending-status", "switch-threads", "siginfo-threads", "execl")),
)
SECONDS = 600.0
"""For one file, on either side; ``DR6_GDBSUITE_SECONDS`` says another figure."""


def gdbsuite(progress: Progress, record: bool) -> None:
    """Nothing is recorded: what is compared is the suite's own verdicts."""
    missing = [tool for tool in ("gdb", "gdbserver", "gcc", "runtest") if shutil.which(tool) is None]
    if missing:
        raise LabSkipped(f"not installed: {', '.join(missing)}")
    progress.step("gdb's source is fetched, where it is not there yet")
    suite = next(cached("source/gdb", _fetch).glob("gdb-*/gdb/testsuite"))
    wanted = shlex.split(os.environ.get("DR6_GDBSUITE", "")) or list(FILES)
    files = sorted({str(path.relative_to(suite)) for form in wanted for path in suite.glob(form)})
    seconds = float(os.environ.get("DR6_GDBSUITE_SECONDS", SECONDS))
    with locked("gdbsuite"):
        root = cache_root() / "gdbsuite"
        sides = (Side(root / "directly", Path("/usr/bin/gdbserver")), Side(root / "through-dr6", _stand_in()))
        for side in sides:
            side.prepare(suite)
        progress.step(f"{len(files)} files of gdb's testsuite run, directly and through dr6")
        both = run_both(files, sides, seconds, progress.detail)
    for file in (file for file, (directly, _) in both.items() if not directly.ended):
        progress.say(f"{file} is not through in {seconds:g} s, directly")
    for line in known_lines(differences := compare(both)):
        progress.say(line)
    directly, through = (sum(run.results.total() for run in side) for side in zip(*both.values(), strict=True))
    progress.say(f"{directly} results directly, {through} through dr6")
    if unlisted := unknown(differences):
        raise LabError(f"{len(unlisted)} results differ:\n" + "\n".join(unlisted))


def compare(both: Both) -> list[str]:
    """What came out otherwise through dr6: its own verdicts, tests that it did not come to, files without an end.

    A file that did not come to its end directly is compared as far as both came.
    """
    found = []
    for file, (directly, through) in both.items():
        if directly.ended and not through.ended:
            found.append(f"no end: {file}: ")
        come_to = {name_in(line) for line in directly.results}
        missed = come_to - {name_in(line) for line in through.results}
        worse = [line for line in through.results - directly.results if not line.startswith(BETTER)]
        found += sorted(line for line in worse if directly.ended or name_in(line) in come_to)
        found += sorted(f"missing: {name}" for name in missed if directly.ended)
    return found


def name_in(line: str) -> str:
    """``FILE: TEST``, without what dejagnu says behind it of how it went: ``(timeout)``."""
    return re.sub(r" \([^()]*\)$", "", line.partition(": ")[2])


def _stand_in() -> Path:
    """A program that is run without arguments of its own."""
    path = cache_root() / "gdbsuite" / "gdbserver"
    path.parent.mkdir(exist_ok=True)
    script = Path(__file__).with_name("gdbsuite_stub.py")
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(script))} "$@"\n')
    path.chmod(0o755)
    return path


def _fetch(folder: Path) -> None:
    with locked("apt"):
        apt = Apt("deb-src")
        apt.update()
        apt.download_source(folder, SOURCE)
    for archive in folder.glob("*.orig.tar.*z"):
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    for rest in folder.glob("*.*z"):
        rest.unlink()
