"""Linux and its root file system as one piece of memory, ready to be entered: no boot loader, no disk, no unpacking.

The layout is PVH's (https://xenbits.xen.org/docs/unstable/misc/pvh.html): the ELF's segments where its program headers
say, and an hvm_start_info that names the command line, the initrd and the memory.
"""

from __future__ import annotations

import io
import struct
import subprocess
from collections.abc import Iterable
from typing import NamedTuple

from elftools.elf.elffile import ELFFile

from tests.labs.errors import LabError
from tests.labs.packages import command, unpacked
from tests.labs.rom import pvh_entry

KIB, MIB = 1 << 10, 1 << 20
START = 16 * MIB - 128 * KIB
"""Where the image begins: the start info, and then the kernel at 16 MiB. The block size of Bochs's RAM divides it."""
COMMAND_LINE, MODULES, MEMORY_MAP = START + 0x400, START + 0x100, START + 0x200
INITRD_ALIGN = 4 * MIB
START_MAGIC, START_VERSION = 0x336EC578, 1
RAM, RESERVED = 1, 2
LZ4_LEGACY = b"\x02\x21\x4c\x18"
SIZE_BYTES = 4


class Piece(NamedTuple):
    """Bytes at a physical address."""

    address: int
    data: bytes

    @property
    def end(self) -> int:
        return self.address + len(self.data)


class FlatImage(NamedTuple):
    """``data`` is to be in memory from `START` on; ``entry`` is entered in 32-bit mode with %ebx = `START`."""

    data: bytes
    entry: int


def flat_image(vmlinux: bytes, initrd: bytes, words: str, memory: int) -> FlatImage:
    """``vmlinux`` is an ELF with a PVH note, ``words`` the kernel's command line, ``memory`` bytes are there."""
    elf = ELFFile(io.BytesIO(vmlinux))
    kernel = [Piece(s["p_paddr"], s.data()) for s in elf.iter_segments("PT_LOAD")]
    end = max(s["p_paddr"] + s["p_memsz"] for s in elf.iter_segments("PT_LOAD"))
    unpacked_at = -(-end // INITRD_ALIGN) * INITRD_ALIGN
    pieces = [*_start_info(unpacked_at, len(initrd), words, memory), *kernel, Piece(unpacked_at, initrd)]
    return FlatImage(_joined(pieces), pvh_entry(elf))


def _start_info(initrd: int, size: int, words: str, memory: int) -> Iterable[Piece]:
    regions = [(0, 0x9F000, RAM), (0xF0000, 0x10000, RESERVED), (MIB, memory - MIB, RAM)]
    head = (START_MAGIC, START_VERSION, 0, 1, MODULES, COMMAND_LINE, 0, MEMORY_MAP, len(regions), 0)
    yield Piece(START, struct.pack("<4I4Q2I", *head))
    yield Piece(MODULES, struct.pack("<4Q", initrd, size, 0, 0))
    yield Piece(MEMORY_MAP, b"".join(struct.pack("<2Q2I", *region, 0) for region in regions))
    yield Piece(COMMAND_LINE, words.encode("ascii") + b"\0")


def _joined(pieces: Iterable[Piece]) -> bytes:
    """All of ``pieces`` from `START` on, zeroes between them."""
    listed = sorted(piece for piece in pieces if piece.data)
    parts, at = [], START
    for piece in listed:
        if piece.address < at:
            raise LabError(
                f"The lab's memory image has two pieces at {piece.address:#x}; flat_image.py has to move one."
            )
        parts += [bytes(piece.address - at), piece.data]
        at = piece.end
    return b"".join(parts)


def vmlinux(bzimage: bytes) -> bytes:
    """The ELF inside a bzImage (Documentation/arch/x86/boot.rst, ``payload_offset``), decompressed."""
    packed = payload(bzimage)
    if not packed.startswith(LZ4_LEGACY):
        raise LabError(
            f"The lab unpacks kernels that are packed with LZ4, and this one begins with {packed[:4].hex()}."
        )
    tool = command(unpacked("lz4"), "usr/bin/lz4")
    # the last four bytes are the size of what was packed, for the kernel's own decompressor
    done = subprocess.run([*tool, "-dc"], input=packed[:-SIZE_BYTES], capture_output=True)
    size = int.from_bytes(packed[-SIZE_BYTES:], "little")
    if done.returncode or len(done.stdout) != size:
        raise LabError(f"lz4 could not unpack the kernel: {done.stderr.decode(errors='replace').strip()[-200:]}")
    return done.stdout


def payload(bzimage: bytes) -> bytes:
    """The packed kernel of a bzImage."""
    if bzimage[0x202:0x206] != b"HdrS":
        raise LabError("The lab's kernel is no bzImage.")
    setup_sectors = bzimage[0x1F1] or 4
    offset, length = struct.unpack_from("<2I", bzimage, 0x248)
    start: int = (setup_sectors + 1) * 512 + offset
    return bzimage[start : start + length]
