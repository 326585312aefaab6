"""The firmware of `bochs_rom.s`: what a Bochs that was given its memory needs to enter it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tests.labs.rom import assemble

SOURCE = Path(__file__).with_name("bochs_rom.s")


class Touch(NamedTuple):
    """The RAM that Bochs loads in one piece: physical addresses, the end exclusive."""

    start: int
    end: int


def bochs_rom(rom: Path, entry: int, start_info: int, touch: Touch) -> None:
    """Write 64 KiB, to end at 4 GiB, that enter ``entry`` (physical) in 32-bit protected mode, paging off, %ebx =
    ``start_info``."""
    symbols = {"ENTRY": entry, "START_INFO": start_info, "TOUCH_FROM": touch.start, "TOUCH_END": touch.end}
    assemble(SOURCE, rom, symbols)
