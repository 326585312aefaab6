"""Every row of a trace is what a naive client reads of the same guest, one request at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gdbstub.trace import TraceReader
from tests.guests.build import GuestName, build
from tests.guests.image import read_image
from tests.live.machine import dr6, machine
from tests.live.naive import Naive, Row

pytestmark = [pytest.mark.live, pytest.mark.slow]


def naive_rows(path: Path, start: int | None, cpu: int, steps: int) -> Iterator[Row]:
    with Naive(path) as client:
        client.greet()
        if start is not None:
            client.run_to(start)
        for _ in range(steps):
            assert client.ask(b"vCont;s:p1.%x" % (cpu + 1)).startswith(b"T05")
            yield client.row(cpu)


def traced_rows(path: Path) -> Iterator[Row]:
    def numbers(values: dict[str, str]) -> dict[str, int]:
        return {name: int(value, 16) for name, value in values.items() if name != "source"}

    with TraceReader(path) as trace:
        for row in trace:
            assert row["dr"]["source"] == "monitor"
            yield Row(int(row["pc"], 16), numbers(row["regs"]), numbers(row["dr"]))
        assert trace.end is not None
        assert trace.end["reason"] == "steps"


@pytest.mark.parametrize(
    ("guest", "start", "cpu", "steps", "smp"),
    [
        ("loop", None, 0, 2_500, 1),
        ("modes", "real_loop", 0, 600, 1),
        ("modes", "protected_loop", 0, 600, 1),
        ("smp", "other_loop", 1, 200, 2),
    ],
)
def test_a_trace_says_of_every_step_what_a_naive_client_reads(
    tmp_path: Path, guest: GuestName, start: str | None, cpu: int, steps: int, smp: int
) -> None:
    image, output = build(guest), tmp_path / "t.jsonl"
    words = ["--steps", str(steps), "--output", str(output), "--cpu", str(cpu), "--symbols", str(image)]
    with machine(tmp_path, image, "-smp", str(smp)) as qemu:
        ran = dr6("trace", qemu.target, *words, *(("--from", start) if start else ()))
    assert (ran.code, ran.err) == (0, f"{steps} stops, ended: steps\n")
    where = None if start is None else read_image(image).symbols[start]
    with machine(tmp_path, image, "-smp", str(smp)) as qemu:
        theirs = progress(naive_rows(qemu.path, where, cpu, steps), where)
        count = 0
        for number, (ours, wanted) in enumerate(zip(progress(traced_rows(output), where), theirs, strict=False)):
            assert ours == wanted, f"row {number}"
            count += 1
    assert count >= steps - 5


def progress(rows: Iterator[Row], start: int | None) -> Iterator[Row]:
    """``rows`` without those of steps that ran nothing: QEMU reports such a step now and then, to any client, the first
    one at the breakpoint where the trace began."""
    last = None
    for row in rows:
        if row != last and not (last is None and row.pc == start):
            yield row
        last = row
