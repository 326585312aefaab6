"""The small guests do what tests rely on; stock gdb is the witness."""

from __future__ import annotations

import pytest

from tests.guests.build import build
from tests.guests.image import read_image
from tests.guests.machine import gdb

pytestmark = [pytest.mark.live, pytest.mark.slow]

STEPS = 300


def ran(rows: list[str]) -> list[str]:
    """The rows without those of steps that ran nothing: TCG reports one where a timer of its own ended the step."""
    assert len(rows) == STEPS
    return [row for row, before in zip(rows, ["", *rows], strict=False) if row != before]


async def test_the_loop_does_the_same_in_every_run() -> None:
    commands = (
        "hbreak *main_loop",
        "continue",
        "delete",
        "set $i = 0",
        f"python\nfor i in range({STEPS}):\n"
        " gdb.execute('stepi', to_string=True)\n"
        " gdb.execute('printf \"= %lx %lx %lx %lx %x\\\\n\", $pc, $rax, $rcx, $rdx, $eflags')\nend",
    )
    first, second = [ran(await gdb(build("loop"), *commands)) for _ in range(2)]
    assert min(len(first), len(second)) > STEPS * 0.9
    assert all(one == other for one, other in zip(first, second, strict=False))
    symbols = read_image(build("loop")).symbols
    reached = {int(line.split()[1], 16) for line in first}
    assert {symbols[name] for name in ("main_loop", "next_random", "touch", "copy", "inner_loop")} <= reached


async def test_modes_runs_in_16_then_32_then_64_bit_mode_and_halts() -> None:
    show = 'printf "= %lx %lx %x\\n", $cr0 & 1, $efer & 0x400, $cs'
    visits = [c for name in ("real", "protected", "long") for c in (f"hbreak *{name}_loop", "continue", show)]
    end = (
        "delete",
        "hbreak *modes_end",
        "continue",
        'printf "= %d %d\\n", *(int*)&protected_sum, *(int*)&long_sum',
    )
    seen = await gdb(build("modes"), *visits[:3], "delete", *visits[3:6], "delete", *visits[6:], *end)
    assert seen == ["= 0 0 800", "= 1 0 18", "= 1 400 8", "= 5050 5050"]


async def test_both_vcpus_of_smp_count() -> None:
    seen = await gdb(
        build("smp"),
        "hbreak *other_loop",
        "ignore 1 20",
        "continue",
        "delete",
        "hbreak *first_loop",
        "ignore 2 20",
        "continue",
        'printf "= %d %d\\n", *(long*)&counters >= 20, *((long*)&counters + 1) >= 20',
        qemu="-smp 2",
    )
    assert seen == ["= 1 1"]
