"""gdb's own testsuite on gdbserver, directly and through `dr6 serve`: the two lists of results are compared.

The suite is that of Debian's gdb source, run by dejagnu with this machine's gdb and gdbserver; it stays in the cache,
as do its two folders of results (``gdb.sum``, ``gdb.log``). ``DR6_GDBSUITE`` names other files than `FILES`.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path

from tests.labs.apt import Apt
from tests.labs.cache import cache_root, cached, locked
from tests.labs.errors import LabError, LabSkipped
from tests.labs.progress import Progress

SOURCE = "gdb"
FILES = (
    *(f"gdb.base/{name}*.exp" for name in ("break", "watchpoint", "hbreak", "step-test", "display", "call-", "return")),
    *(f"gdb.base/{name}*.exp" for name in ("finish", "setvar", "memattr", "dump")),
    "gdb.server/*.exp",
    *(f"gdb.threads/{name}.exp" for name in ("print-threads", "pthreads", "thread-specific", "threadapply", "step")),
    *(f"gdb.threads/{name}.exp" for name in ("thread_check", "schedlock", "multi-create", "watchthreads", "tls")),
    *(f"gdb.threads/{name}.exp" for name in ("continue-pending-status", "switch-threads", "siginfo-threads", "execl")),
)
KNOWN: dict[str, str] = {
    "gdb.base/break-main-file-remove-fail.exp: .*failure to remove breakpoint warns": "z is answered before it is "
    "carried out, when the guest goes (server/client_breakpoints.py)",
    "gdb.threads/execl.exp: .*": "exec is no event (exec-events is not offered)",
    "gdb.server/server-mon.exp: monitor$": "an empty qRcmd: the stub's own words and dr6's",
    "gdb.server/stop-reply-no-thread.*: .*(t_nonstop|target-non-stop)=on": "no non-stop mode (QNonStop)",
    "gdb.server/server-connect.exp: .*(tcp6|udp)": "the stand-in for gdbserver listens at 127.0.0.1 alone",
}
"""Results that differ, and why: what is due through dr6 is none of these."""
RESULT = re.compile(r"^(PASS|FAIL|KPASS|KFAIL|XPASS|XFAIL|UNRESOLVED|UNTESTED|UNSUPPORTED|ERROR): (.*)$", re.MULTILINE)
BOARD = """\
set_board_info gdb_server_prog $::env(DR6_GDBSUITE_STUB)
load_generic_config "gdbserver"
load_board_description "gdbserver-base"
load_board_description "local-board"
set_board_info gdb,do_reload_on_run 1
set_board_info use_gdb_stub 1
set_board_info exit_is_reliable 1
set_board_info gdb_protocol "remote"
"""
SITE = """\
set srcdir {suite}
set objdir {folder}
set boards_dir {{{folder}/boards}}
lappend boards_dir "{suite}/boards"
set tool gdb
set GDB /usr/bin/gdb
set INTERNAL_GDBFLAGS "-nw -nx -iex {{set height 0}} -iex {{set width 0}} -data-directory /usr/share/gdb"
"""


def gdbsuite(progress: Progress, record: bool) -> None:
    """Nothing is recorded: what is compared is the suite's own verdicts."""
    missing = [tool for tool in ("gdb", "gdbserver", "gcc", "runtest") if shutil.which(tool) is None]
    if missing:
        raise LabSkipped(f"not installed: {', '.join(missing)}")
    progress.step("gdb's source is fetched, where it is not there yet")
    suite = next(cached("source/gdb", _fetch).glob("gdb-*/gdb/testsuite"))
    wanted = shlex.split(os.environ.get("DR6_GDBSUITE", "")) or list(FILES)
    files = sorted({str(path.relative_to(suite)) for form in wanted for path in suite.glob(form)})
    with locked("gdbsuite"):
        results = []
        for name, stub in (("directly", "/usr/bin/gdbserver"), ("through dr6", str(_stand_in()))):
            progress.step(f"{len(files)} files of gdb's testsuite run {name}")
            results.append(_run(suite, cache_root() / "gdbsuite" / name.replace(" ", "-"), stub, files))
    differences = compare(*results)
    for name, why in KNOWN.items():
        known = [line for line in differences if re.search(name, line)]
        if known:
            progress.say(f"{len(known)} results differ: {why}")
        differences = [line for line in differences if line not in known]
    progress.say(f"{results[0].total()} results directly, {results[1].total()} through dr6")
    if differences:
        raise LabError(f"{len(differences)} results differ:\n" + "\n".join(differences[:50]))


def results_of(text: str) -> Counter[str]:
    """``FAIL: FILE: TEST``, and how often; file names of this machine are not in them."""
    return Counter(f"{verdict}: {name}" for verdict, name in RESULT.findall(text))


def compare(directly: Counter[str], through: Counter[str]) -> list[str]:
    """What came out otherwise through dr6: its own verdicts, and names of tests that it did not come to."""
    names = {line.partition(": ")[2] for line in through}
    missed = [f"missing: {line.partition(': ')[2]}" for line in directly if line.partition(": ")[2] not in names]
    worse = [line for line in through - directly if not line.startswith(("PASS", "XPASS", "KPASS"))]
    return sorted(worse) + sorted(missed)


def _stand_in() -> Path:
    """A program that is run without arguments of its own."""
    path = cache_root() / "gdbsuite" / "gdbserver"
    path.parent.mkdir(exist_ok=True)
    script = Path(__file__).with_name("gdbsuite_stub.py")
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(script))} "$@"\n')
    path.chmod(0o755)
    return path


def _run(suite: Path, folder: Path, stub: str, files: list[str]) -> Counter[str]:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "boards").mkdir(parents=True)
    subprocess.run([suite / "configure", f"--srcdir={suite}"], cwd=folder, check=True, capture_output=True)
    (folder / "boards" / "dr6.exp").write_text(BOARD)
    (folder / "site.exp").write_text(SITE.format(suite=suite, folder=folder))
    with (folder / "run.log").open("w") as log:
        subprocess.run(
            ["nice", "-n", "19", "runtest", "--tool", "gdb", "--target_board=dr6", *files],
            cwd=folder,
            env=os.environ | {"DR6_GDBSUITE_STUB": stub},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,  # 1 where a test failed
        )
    return results_of((folder / "gdb.sum").read_text(errors="replace"))


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
