"""Stock gdb through `dr6 serve` against the same gdb on QEMU's own stub, each on a fresh guest, in turns."""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.bench.contenders import DR6, ROOT, run
from tests.guests.build import build
from tests.live.machine import machine

SCRIPT = str(ROOT / "tests" / "bench" / "serve_job.py")


class Compared(NamedTuple):
    """Things per second, medians, and how many times as fast gdb is through dr6."""

    name: str
    unit: str
    direct: float
    served: float
    target: float | None

    @property
    def ratio(self) -> float:
        return self.served / self.direct


JOBS: tuple[tuple[str, str, str, float | None], ...] = (
    ("stepi", "stepi 1000", "steps/s", 0.9),
    ("registers", "stepi and info registers", "stops/s", None),
    ("dump", "dump memory, 16 MB", "MB/s", 1.5),
    ("conditions", "hbreak … if", "hits/s", 5.0),
)


@contextmanager
def _direct() -> Iterator[Path]:
    with (
        tempfile.TemporaryDirectory(prefix="dr6-bench-") as directory,
        machine(Path(directory), build("loop"), "-m", "32") as guest,
    ):
        yield guest.path


@contextmanager
def _served() -> Iterator[Path]:
    with _direct() as stub:
        path = stub.with_name("clients")
        command = [*DR6, "serve", f"unix:{stub}", "--listen", f"unix:{path}"]
        server = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            assert server.stderr is not None
            assert b"is served at" in server.stderr.readline()
            yield path
        finally:
            server.terminate()
            server.communicate()


def compare(rounds: int) -> list[Compared]:
    """Each way ``rounds`` times."""
    image = str(build("loop"))
    rates: dict[bool, list[dict[str, float]]] = {False: [], True: []}
    for _ in range(rounds):
        for through, way in ((False, _direct), (True, _served)):
            with way() as path:
                done = run(("gdb", "-nx", "-batch", "-ex", f"source {SCRIPT}", image), BENCH_SOCKET=str(path))
            rates[through].append(json.loads(done.output.splitlines()[-1]))

    def median(through: bool, job: str) -> float:
        return statistics.median(turn[job] for turn in rates[through])

    return [Compared(name, unit, median(False, job), median(True, job), goal) for job, name, unit, goal in JOBS]
