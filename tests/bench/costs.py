"""What is measured without a rival: start-up, memory, one call of `explain`."""

from __future__ import annotations

import statistics
import time
import timeit
from pathlib import Path
from typing import NamedTuple

import trio

from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.record import StopRecord
from gdbstub.explain.explain import explain
from gdbstub.x86.decode import predecessors_cached, shape
from tests.bench.contenders import DR6, dr6, run
from tests.bench.guest import stopped_guest
from tests.bench.random_evidence import evidences

MILLION = 1_000_000


class Memory(NamedTuple):
    """Peak resident bytes of a trace of ``rows`` rows, and of a ``longer`` one."""

    rows: int
    peak: int
    longer: int
    longer_peak: int

    @property
    def at_a_million(self) -> float:
        """On the straight line through both."""
        return self.peak + (self.longer_peak - self.peak) / (self.longer - self.rows) * (MILLION - self.rows)


def memory(rows: int, longer: int, output: Path) -> Memory:
    return Memory(rows, dr6(rows, output).peak, longer, dr6(longer, output).peak)


def help_seconds(times: int) -> float:
    """The median wall time of ``dr6 --help``, once the files are in the page cache."""
    return statistics.median(run((*DR6, "--help")).seconds for _ in range(times))


def explain_seconds(steps: int, rounds: int) -> float:
    """One call of `explain`, with the evidence of ``steps`` real stops; the best of ``rounds``."""
    records: list[StopRecord] = []
    with stopped_guest() as path:
        trio.run(_step, path, steps, records)
    evidences = [record.evidence for record in records]

    def explain_all() -> None:
        for evidence in evidences:
            explain(evidence)

    return min(timeit.repeat(explain_all, number=1, repeat=rounds)) / steps


class Explained(NamedTuple):
    """Seconds of one call of `explain`, over evidence of all kinds; each call the best of three, decoding anew."""

    calls: int
    median: float
    slowest: float


def explain_anything(count: int) -> Explained:
    """`explain` on random evidence; no call may raise."""
    rows = list(evidences(count))
    explain(rows[0])  # capstone is loaded by the first
    best = [float("inf")] * count
    for _ in range(3):
        shape.cache_clear()
        predecessors_cached.cache_clear()
        for n, evidence in enumerate(rows):
            began = time.perf_counter()
            explain(evidence)
            best[n] = min(best[n], time.perf_counter() - began)
    return Explained(count, statistics.median(best), max(best))


async def _step(path: Path, steps: int, records: list[StopRecord]) -> None:
    stream = await trio.open_unix_socket(str(path))
    debugger = Debugger(stream, "bench")
    await debugger.attach()
    await debugger.run_steps(steps, records.append)
    await debugger.detach(resume=False)
