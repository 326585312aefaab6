"""Code in its file: read where it is, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from frontend.symbols import Symbols, read_kernel
from tests.fakes.elf import Entry, write_elf


@pytest.mark.parametrize("offset", [1 << 62, 1 << 63, (1 << 64) - 1])
def test_a_segment_that_begins_where_no_file_reaches_has_no_code(tmp_path: Path, offset: int) -> None:
    path = write_elf(tmp_path / "far.elf", [Entry(b"start", 0x100000, 4, 2)])
    data = bytearray(path.read_bytes())
    data[0x48:0x50] = offset.to_bytes(8, "little")  # p_offset of the first program header (elf.h)
    path.write_bytes(data)
    symbols = Symbols()
    symbols.add(path)
    assert symbols.code_around(0x100000) is None
    assert read_kernel(str(path)).lidt == ()
