"""Runs files of gdb's testsuite, each in a process of its own, and none for ever.

A file is run as the suite's own parallel mode does it (``GDB_PARALLEL``, an ``--outdir`` a file), directly and through
dr6 at the same time. Who is not through when its time is over is ended with all that it started.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.processes import kill

JOBS = 4
"""Most of what a file does is to wait."""

Results = Counter[str]
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
set timeout 30
set gdb_test_timeout 30
set GDB /usr/bin/gdb
set INTERNAL_GDBFLAGS "-nw -nx -iex {{set height 0}} -iex {{set width 0}} -data-directory /usr/share/gdb"
"""


class Run(NamedTuple):
    """One file: its verdicts, and whether it came to its end."""

    results: Results
    ended: bool


class Side(NamedTuple):
    """One of the two: where its files go, and the program that it takes for gdbserver."""

    folder: Path
    stub: Path

    def prepare(self, suite: Path) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "boards").mkdir(parents=True)
        subprocess.run([suite / "configure", f"--srcdir={suite}"], cwd=self.folder, check=True, capture_output=True)
        (self.folder / "boards" / "dr6.exp").write_text(BOARD)
        (self.folder / "site.exp").write_text(SITE.format(suite=suite, folder=self.folder))

    def run(self, file: str, seconds: float) -> Run:
        """The verdicts of ``file`` that there are after ``seconds`` at most."""
        out = self.folder / "outputs" / file.removesuffix(".exp")
        out.mkdir(parents=True)
        mark = f"DR6_GDBSUITE_{secrets.token_hex(8)}"  # gdb's suite gives each program a session of its own
        command = ["runtest", "--tool", "gdb", "--target_board=dr6", "GDB_PARALLEL=yes", f"--outdir={out}", file]
        with (out / "run.log").open("w") as log:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=os.environ | {"DR6_GDBSUITE_STUB": str(self.stub), mark: ""},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            try:
                process.wait(seconds)
                ended = True
            except subprocess.TimeoutExpired:
                ended = False
            finally:
                kill(mark)  # what a file leaves behind would hold its ports, and the machine
                process.wait()
        summary = out / "gdb.sum"
        return Run(results_of(summary.read_text(errors="replace") if summary.exists() else ""), ended)


Both = dict[str, tuple[Run, Run]]


def run_both(files: Iterable[str], sides: tuple[Side, Side], seconds: float, told: Callable[[str], None]) -> Both:
    """Each of ``files`` on both sides at once, `JOBS` files at a time; ``told`` hears the name of each that is over."""

    def run(file: str) -> tuple[str, tuple[Run, Run]]:
        with ThreadPoolExecutor(2) as pair:
            first, second = (pair.submit(side.run, file, seconds) for side in sides)
            both = (first.result(), second.result())
        told(file)
        return file, both

    with ThreadPoolExecutor(JOBS) as pool:
        return dict(pool.map(run, files))


def results_of(text: str) -> Results:
    """``FAIL: FILE: TEST``, and how often; file names of this machine are not in them."""
    return Counter(f"{verdict}: {name}" for verdict, name in RESULT.findall(text))
