"""A drgn Program for a guest: its memory through dr6's stub, its kernel, modules and programs from the user's files.

drgn walks Linux's page tables by itself, in physical memory; the lower half is read with the vCPU's own tables. Before
the kernel has filled its vmcoreinfo, six lines of it do.
"""

from __future__ import annotations

import os.path
from typing import NamedTuple

from frontend.clean import clean
from frontend.symbols import cache
from frontend.symbols.btf import MOST_BYTES
from frontend.symbols.drgn_guest import attach
from frontend.symbols.drgn_library import Architecture, FaultError, Platform, Program
from frontend.symbols.engine import NoDebugInfo
from frontend.symbols.guest_memory import GuestMemory
from frontend.symbols.names import Table

LOWER_HALF, UPPER_HALF = 1 << 56, (1 << 64) - (1 << 57)
"""Of 5-level paging, which covers that of 4-level paging."""
_PHYSICAL = 1 << 52
TYPES = ".btf"
"""Of a name in the cache."""
SAMPLES, SAMPLE = 16, 256
"""Any guest can say that it has any build ID."""


class ImageFile(NamedTuple):
    """A program with debug information: where its first and behind its last address are in the guest."""

    path: str
    first: int
    last: int


class KernelFile(NamedTuple):
    """A Linux kernel. ``vmcoreinfo`` is the guest's own, or six lines that stand for it (`early_vmcoreinfo`); ``first``
    and ``last`` are as for an `ImageFile`."""

    path: str
    build_id: bytes
    vmcoreinfo: bytes
    modules: tuple[str, ...]


class KernelOfGuest(NamedTuple):
    """A Linux kernel of which there is no file: its own table of symbols, where it runs; ``types`` are its BTF's, where
    those can be had."""

    names: Table
    vmcoreinfo: bytes
    types: bool


class Facts(NamedTuple):
    """What a Program is made of; another one needs another Program. ``physical``: can physical memory be read?"""

    kernel: KernelFile | KernelOfGuest | None
    images: tuple[ImageFile, ...]
    physical: bool


def early_vmcoreinfo(build_id: bytes, slide: int, page_table: int, physical_base: int, five_level: bool) -> bytes:
    """What drgn needs to know of a kernel that has no vmcoreinfo yet (kernel/crash_core.c has the names)."""
    return (
        f"OSRELEASE=unknown\nBUILD-ID={build_id.hex()}\nPAGESIZE=4096\nSYMBOL(swapper_pg_dir)={page_table:x}\n"
        f"NUMBER(phys_base)={physical_base}\nNUMBER(pgtable_l5_enabled)={int(five_level)}\nKERNELOFFSET={slide:x}\n"
    ).encode()


def said_build_id(vmcoreinfo: bytes) -> bytes:
    """The build ID of the kernel that runs, b"" where it says none."""
    for line in vmcoreinfo.splitlines():
        key, _, value = line.partition(b"=")
        if key == b"BUILD-ID":
            try:
                return bytes.fromhex(value.decode("ascii"))
            except ValueError:
                return b""
    return b""


def open_program(facts: Facts, memory: GuestMemory) -> Program:
    """Load the files. Takes a second for a kernel; for a worker thread. Raises `NoDebugInfo`."""
    program = Program(Platform(Architecture.X86_64))

    def linear(address: int, length: int, offset: int, physical: bool) -> bytes:
        return _found(memory.read_linear(address, length), address)

    def physical(address: int, length: int, offset: int, physical: bool) -> bytes:
        return _found(memory.read_physical(address, length), address)

    if facts.kernel is not None:
        if isinstance(facts.kernel, KernelFile):
            _check(facts.kernel)
        if facts.physical:
            program.add_memory_segment(0, _PHYSICAL, physical, True)
        program.set_linux_kernel_custom(facts.kernel.vmcoreinfo.decode("latin-1"), True)
    if facts.kernel is None or not facts.physical:
        program.add_memory_segment(UPPER_HALF, (1 << 64) - 1 - UPPER_HALF, linear, False)
    program.add_memory_segment(0, LOWER_HALF, linear, False)
    if isinstance(facts.kernel, KernelOfGuest):
        attach(program, facts.kernel.names, _types(program, facts.kernel))
    elif facts.kernel is not None:
        paths = [facts.kernel.path, *facts.kernel.modules]
        program.load_debug_info([os.path.expanduser(path) for path in paths])
    for number, image in enumerate(facts.images):
        module = program.extra_module(os.path.expanduser(image.path), number, create=True)
        module.address_ranges = [(image.first, image.last)]
        module.try_file(os.path.expanduser(image.path), force=True)
    return program


def _types(program: Program, kernel: KernelOfGuest) -> bytes:
    """The guest's BTF, b"" where it has none; read once for each build ID, and then only compared in places."""
    first, last = (kernel.names.find(name) for name in ("__start_BTF", "__stop_BTF"))
    if not kernel.types or first is None or last is None:
        return b""
    size = max(0, min(last.address - first.address, MOST_BYTES))
    build_id = kernel.names.file.build_id
    kept = cache.load_bytes(build_id, TYPES) if build_id else None
    if kept is not None and len(kept) == size:
        places = range(0, size - SAMPLE, max(1, size // SAMPLES))
        if all(program.read(first.address + at, SAMPLE) == kept[at : at + SAMPLE] for at in places):
            return kept
    data = bytes(program.read(first.address, size))
    if build_id:
        cache.store_bytes(build_id, data, TYPES)
    return data


def _found(data: bytes | None, address: int) -> bytes:
    if data is None:
        raise FaultError("the guest's memory cannot be read", address)
    return data


def _check(kernel: KernelFile) -> None:
    """drgn skips the file of another kernel with a line in its log."""
    runs = said_build_id(kernel.vmcoreinfo)
    if runs and kernel.build_id and runs != kernel.build_id:
        raise NoDebugInfo(
            f"{clean(kernel.path)} is not the kernel that runs: its build ID is {kernel.build_id.hex()}, the guest's "
            f"is {runs.hex()}; types, lines and traces of it would be wrong."
        )
