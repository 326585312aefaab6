"""The boot ROM of the labs (`rom.s`): it takes the demo guest's machine from reset to the guest's PVH entry."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.segments import NoteSegment

from tests.labs.cache import cached

SOURCE = Path(__file__).with_name("rom.s")
PHYS32_ENTRY = 18
"""The type of the ELF note: https://xenbits.xen.org/docs/unstable/misc/pvh.html"""


def boot_rom(image: Path) -> Path:
    """64 KiB for QEMU's ``-bios``; the guest ``image`` is to be in memory already."""
    with image.open("rb") as file:
        entry = pvh_entry(ELFFile(file))
    name = hashlib.sha256(SOURCE.read_bytes() + entry.to_bytes(8, "little")).hexdigest()[:12]
    return cached(f"rom/{name}", lambda folder: assemble(SOURCE, folder / "boot.rom", {"entry": entry})) / "boot.rom"


def pvh_entry(elf: ELFFile) -> int:
    """The address of the 32-bit entry that the image's PVH note names. Raises ValueError where there is none."""
    for segment in elf.iter_segments("PT_NOTE"):
        assert isinstance(segment, NoteSegment)
        for note in segment.iter_notes():
            if note["n_name"] == "Xen" and note["n_type"] in (PHYS32_ENTRY, "XEN_ELFNOTE_PHYS32_ENTRY"):
                return int.from_bytes(note["n_descdata"], "little")
    raise ValueError("the image has no PVH note")


def assemble(source: Path, rom: Path, symbols: Mapping[str, int]) -> None:
    """Write firmware at ``rom``: ``source`` with ``symbols`` defined, linked at 0."""
    made = rom.with_suffix(".o")
    defined = [word for name, value in symbols.items() for word in ("--defsym", f"{name}={value:#x}")]
    subprocess.run(["as", "--32", "--fatal-warnings", *defined, "-o", made, source], check=True)
    linked = ["ld", "-m", "elf_i386", "--oformat", "binary", "-e", "enter", "-Ttext", "0"]
    subprocess.run([*linked, "-o", rom, made], check=True)
    made.unlink()
