"""Symbols answer by name and by address, from files that nobody has to trust."""

from __future__ import annotations

from pathlib import Path

import pytest

from frontend.symbols import loading
from frontend.symbols.names import SymbolError, Symbols
from tests.fakes.elf import Entry, write_elf

ENTRIES = [
    Entry(b"start", 0x100000, 0, 0),
    Entry(b"handler", 0x100010, 8, 2),
    Entry(b"inner", 0x100012, 0, 0),
    Entry(b"counter", 0x100030, 4, 1),
    Entry(b"alias_label", 0x100010, 0, 0),
    Entry(b"end_of_all", 0x100040, 0, 0),
]


@pytest.fixture(params=[True, False], ids=["64 bit", "32 bit"])
def symbols(request: pytest.FixtureRequest, tmp_path: Path) -> Symbols:
    loaded = Symbols()
    assert loaded.add(write_elf(tmp_path / "guest", ENTRIES, wide=request.param)) == 6
    return loaded


def test_names_have_addresses(symbols: Symbols) -> None:
    assert symbols.lookup("handler") == 0x100010
    assert symbols.lookup("nowhere") is None


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (0xFFFFF, None),
        (0x100000, ("start", 0)),
        (0x10000F, ("start", 15)),
        (0x100010, ("handler", 0)),
        (0x100011, ("handler", 1)),
        (0x100012, ("inner", 0)),
        (0x100030, ("counter", 0)),
        (0x100034, None),
        (0x10003F, None),
        (0x100040, ("end_of_all", 0)),
        (0x100041, None),
        (1 << 63, None),
    ],
)
def test_an_address_gets_the_nearest_name_that_covers_it(
    symbols: Symbols, address: int, name: tuple[str, int] | None
) -> None:
    """``inner`` has no size and ends where the next symbol begins; ``counter`` has four bytes and no more."""
    assert symbols.nearest(address) == name


def test_an_address_is_written_as_gdb_writes_it(symbols: Symbols) -> None:
    assert symbols.text(0x100010) == " <handler>"
    assert symbols.text(0x100011) == " <handler+1>"
    assert symbols.text(0) == ""


def test_a_slide_moves_every_name(tmp_path: Path) -> None:
    symbols = Symbols()
    symbols.add(write_elf(tmp_path / "guest", ENTRIES), 0x1000)
    assert symbols.lookup("handler") == 0x101010
    assert symbols.nearest(0x101011) == ("handler", 1)


def test_a_later_file_wins_and_both_cover_their_addresses(tmp_path: Path) -> None:
    symbols = Symbols()
    symbols.add(write_elf(tmp_path / "one", ENTRIES))
    symbols.add(write_elf(tmp_path / "two", [Entry(b"handler", 0x200000, 4, 2)], base=0x200000))
    assert symbols.lookup("handler") == 0x200000
    assert symbols.nearest(0x100010) == ("handler", 0)
    assert len(symbols.files) == 2


async def test_files_win_in_the_order_in_which_they_were_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in that in which they were read: a large one comes later."""
    large = write_elf(tmp_path / "large", ENTRIES, code=bytes(4096))
    small = write_elf(tmp_path / "small", [Entry(b"handler", 0x200000, 4, 2)], base=0x200000)
    monkeypatch.setattr(loading, "LARGE", 4096)
    for files, wins in (((large, small), 0x200000), ((small, large), 0x100010)):
        symbols = Symbols()
        work = loading.Loading(symbols, [*map(str, files)])
        assert symbols.files == [str(small)]
        work.start()
        await work.wait()
        assert symbols.files == [*map(str, files)]
        assert symbols.lookup("handler") == wins


def test_completion_goes_by_prefix_in_order(symbols: Symbols) -> None:
    assert symbols.starting_with("") == ["alias_label", "counter", "end_of_all", "handler", "inner", "start"]
    assert symbols.starting_with("ha") == ["handler"]
    assert symbols.starting_with("", limit=2) == ["alias_label", "counter"]
    assert symbols.starting_with("zz") == []


def test_a_name_with_control_characters_is_escaped(tmp_path: Path) -> None:
    symbols = Symbols()
    symbols.add(write_elf(tmp_path / "guest", [Entry(b"evil\x1b[2J", 0x100000, 4, 2)]))
    assert symbols.text(0x100000) == r" <evil\x1b[2J>"


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"#!/bin/sh\n", b"\x7fELF\x02\x01\x01" + b"\xff" * 200])
def test_what_is_no_elf_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(SymbolError, match="is not a whole ELF file"):
        Symbols().add(path)


def test_a_file_that_ends_early_is_one_sentence(tmp_path: Path) -> None:
    whole = write_elf(tmp_path / "guest", ENTRIES).read_bytes()
    for length in range(0, len(whole), 7):
        (tmp_path / "cut").write_bytes(whole[:length])
        with pytest.raises(SymbolError):
            Symbols().add(tmp_path / "cut")


def test_a_missing_file_is_one_sentence() -> None:
    with pytest.raises(SymbolError, match="Cannot read symbols from /nowhere/x: No such file"):
        Symbols().add("/nowhere/x")


def test_lidt_is_found_at_its_linear_and_its_physical_address(tmp_path: Path) -> None:
    """LIDT [rax] is 0F 01 18; 0F 01 D8 (VMRUN) and 0F 01 10 (LGDT) are not LIDT."""
    code = bytes.fromhex("90 0f0118 0f01d8 0f0110 0f015d00 0f011c25ffff0000")
    symbols = Symbols()
    symbols.add(write_elf(tmp_path / "guest", [], code, base=0xFFFF_8000_0000_0000, physical=0x100000))
    offsets = (1, 10, 14)
    assert symbols.lidt_places().candidates == tuple(
        sorted(base + at for base in (0x100000, 0xFFFF_8000_0000_0000) for at in offsets)
    )


@pytest.mark.parametrize(
    ("code", "offsets", "why"),
    [
        ("90 0f0118 c3", (1,), "the code from the symbol on comes by"),
        ("b8 00 0f0118 00 c3", (), "it is a part of an immediate"),
        ("48 0f0118 c3", (), "with REX in 64-bit code, behind DEC in 32-bit code"),
        ("0f01d8 c3", (), "VMRUN"),
    ],
)
def test_an_lidt_is_sure_where_the_code_from_its_symbol_on_comes_by_in_both_modes(
    code: str, offsets: tuple[int, ...], why: str, tmp_path: Path
) -> None:
    symbols, base, physical = Symbols(), 0xFFFF_8000_0000_0000, 0x100000
    symbols.add(write_elf(tmp_path / "guest", [Entry(b"f", base, 0, 2)], bytes.fromhex(code), base, physical))
    assert symbols.lidt_places().sure == tuple(start + at for start in (physical, base) for at in offsets), why


def test_without_a_symbol_no_lidt_is_sure(tmp_path: Path) -> None:
    symbols = Symbols()
    symbols.add(write_elf(tmp_path / "guest", [], bytes.fromhex("0f0118")))
    assert symbols.lidt_places().candidates == (0x100000,)
    assert symbols.lidt_places().sure == ()
