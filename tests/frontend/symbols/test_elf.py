"""ELF files whose headers promise more than there is: read in proportion to the file, or refused with a sentence."""

from __future__ import annotations

import os
import random
import resource
import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontend.symbols.names import SymbolError, Symbols
from tests.fakes.elf import Entry, write_elf

ENTRIES = [Entry(b"start", 0x100000, 4, 2), Entry(b"data", 0x100010, 0, 1)]
PHOFF, SHOFF, PHNUM, SHENTSIZE, SHNUM = (32, "<Q"), (40, "<Q"), (56, "<H"), (58, "<H"), (60, "<H")
P_FILESZ, P_OFFSET = (64 + 32, "<Q"), (64 + 8, "<Q")


def image(tmp_path: Path) -> bytearray:
    return bytearray(write_elf(tmp_path / "guest", ENTRIES).read_bytes())


def load(tmp_path: Path, data: bytes | bytearray) -> Symbols:
    path = tmp_path / "changed"
    path.write_bytes(data)
    symbols = Symbols()
    symbols.add(path)
    return symbols


def test_a_segment_of_any_size_has_the_bytes_that_the_file_has(tmp_path: Path) -> None:
    data = image(tmp_path)
    struct.pack_into(P_FILESZ[1], data, P_FILESZ[0], (1 << 63) - 1)
    symbols = load(tmp_path, data)
    assert symbols.lookup("start") == 0x100000
    assert len(symbols.code[0].data) <= len(data)
    struct.pack_into(P_OFFSET[1], data, P_OFFSET[0], 1 << 62)
    assert load(tmp_path, data).code[0].data == b""


@pytest.mark.parametrize(
    ("place", "value"), [(PHNUM, 0xFFFF), (SHNUM, 0), (SHNUM, 0xFFFF), (SHOFF, 1 << 63), (PHOFF, 9)]
)
def test_counts_and_places_that_the_file_cannot_have_are_refused(
    tmp_path: Path, place: tuple[int, str], value: int
) -> None:
    data = image(tmp_path)
    struct.pack_into("<Q", data, struct.unpack_from("<Q", data, 40)[0] + 32, 1 << 60)  # the count in section 0
    struct.pack_into(place[1], data, place[0], value)
    with suppress(SymbolError):
        assert len(load(tmp_path, data)) <= 2


def test_names_that_all_lie_in_one_another_are_refused(tmp_path: Path) -> None:
    names = b"\0" + b"B" * 100_000 + b"\0"
    table = bytes(24) + b"".join(struct.pack("<IBBHQQ", 1 + n, 2, 0, 1, 0x1000 + n, 0) for n in range(2000))
    titles = b"\0.symtab\0.strtab\0.shstrtab\0"
    at_table, at_names = 64, 64 + len(table)
    at_titles = at_names + len(names)
    head = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, 0x1000, 0, at_titles + len(titles), 0, 64, 56, 0, 64, 4, 3
    )
    rows = (
        (0, 0, 0, 0, 0),
        (1, 2, at_table, len(table), 2),
        (9, 3, at_names, len(names), 0),
        (17, 3, at_titles, 25, 0),
    )
    sections = b"".join(struct.pack("<IIQQQQIIQQ", n, t, 0, 0, at, size, to, 1, 1, 24) for n, t, at, size, to in rows)
    with pytest.raises(SymbolError, match="its names overlap"):
        load(tmp_path, head + table + names + titles + sections)


def test_code_that_is_nothing_but_candidates_takes_no_time_to_speak_of(tmp_path: Path) -> None:
    """One symbol in front of 60,000 LIDTs: each is looked at once, not once for each behind it."""
    code = bytes.fromhex("0f0118") * 60_000
    path = write_elf(tmp_path / "guest", [Entry(b"start", 0x100000, len(code), 2)], code)
    symbols = Symbols()
    symbols.add(path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    assert len(symbols.lidt_places().sure) > 100
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 10


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_bytes_changed_anywhere_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp()
    changed = image(folder)
    chosen = random.Random(data.draw(st.integers(0, 1 << 32)))
    for _ in range(chosen.randint(1, 6)):
        at, width = chosen.randrange(len(changed) - 8), chosen.choice((1, 2, 4, 8))
        changed[at : at + width] = chosen.choice((b"\xff", b"\x00", b"\x7f", chosen.randbytes(1))) * width
    with suppress(SymbolError):
        load(folder, changed)


@pytest.mark.parametrize("kind", ["fifo", "zero", "folder"])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = {"fifo": tmp_path / "fifo", "zero": tmp_path / "zero", "folder": tmp_path / "folder"}[kind]
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "zero":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises(SymbolError, match="no regular file"):
        Symbols().add(path)
