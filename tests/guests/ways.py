"""Guests that count their own #DBs, booted in every way that a user's guest may be: what is missed is a number.

`build_way` makes the image, `arguments` are QEMU's for it, and `taken` reads the count that the guest left in the file
of its debug console.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.guests.build import images

_SOURCE = Path(__file__).parent
SECTOR = 512
ROM_HALF = 0x8000


class Way(NamedTuple):
    """How a guest is booted (``container``), and what is odd about it (the symbols that its source is built with)."""

    container: str
    symbols: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "-".join((self.container, *(name.lower().replace("_", "-") for name in self.symbols)))


WAYS = (
    Way("multiboot"),
    Way("multiboot", ("COPIED",)),
    Way("multiboot", ("LATE",)),
    Way("multiboot", ("ALIAS",)),
    Way("multiboot", ("TASK_GATE",)),
    Way("disk"),
    Way("disk", ("COPIED",)),
    Way("rom"),
    Way("rom", ("LATE",)),
    Way("real"),
)


@cache
def build_way(way: Way) -> Path:
    """The image of a way, built once in this process."""
    folder = Path(images().name)
    image = folder / f"way-{way}"
    if way.container == "real":
        image.write_bytes(_assembled("ways_real.s", 0x7C00))
        return image
    kernel = _assembled("ways.s", 0x100000, dict.fromkeys(way.symbols, 1))
    if way.container == "disk":
        sectors = -(-len(kernel) // SECTOR)
        whole = _assembled("ways_disk.s", 0x7C00, {"SECTORS": sectors}) + kernel.ljust(sectors * SECTOR, b"\0")
        image.write_bytes(whole.ljust(63 * 16 * SECTOR, b"\0"))
    elif way.container == "rom":
        assert len(kernel) <= ROM_HALF
        image.write_bytes(kernel.ljust(ROM_HALF, b"\0") + _assembled("ways_rom.s", 0)[ROM_HALF:])
    else:
        image.write_bytes(kernel)
    return image


def arguments(way: Way, console: Path) -> tuple[str, ...]:
    """QEMU's, beside those of the stub. The guest's count goes to ``console``."""
    image = build_way(way)
    boots = {
        "multiboot": ("-kernel", str(image)),
        "rom": ("-bios", str(image)),
    }.get(way.container, ("-drive", f"format=raw,file={image},snapshot=on,if=none,id=disk", *_DISK))
    return (*boots, "-debugcon", f"file:{console}", "-net", "none")


_DISK = ("-device", "ide-hd,drive=disk")


def taken(console: Path) -> int:
    """How many #DBs the guest counted. Raises ValueError where it did not come to its end."""
    said = console.read_bytes()
    if len(said) < 2:
        raise ValueError(f"the guest did not say how many #DBs it took: {said!r}")
    return int.from_bytes(said[-2:], "little")  # SeaBIOS writes to the console, too


def _assembled(source: str, address: int, symbols: Mapping[str, int] = {}) -> bytes:
    folder = Path(images().name)
    made, flat = folder / f"{source}.o", folder / f"{source}.bin"
    defined = [word for name, value in symbols.items() for word in ("--defsym", f"{name}={value}")]
    subprocess.run(["as", "--32", "--fatal-warnings", *defined, "-o", made, str(_SOURCE / source)], check=True)
    linked = ["ld", "-m", "elf_i386", "--oformat", "binary", "-e", "0", f"-Ttext={address:#x}"]
    subprocess.run([*linked, "-o", flat, made], check=True, stderr=subprocess.PIPE)
    return flat.read_bytes()
