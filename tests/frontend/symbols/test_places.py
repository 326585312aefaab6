"""What a name may stand for: sections, per-CPU areas, object files, Linux's own lists, and what is kept of them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from frontend.symbols import SymbolError, Symbols, cache, file_and_offset, load_file, loading, read_names
from frontend.symbols.symbol import Symbol

SOURCE = """
        .section .text, "ax"
        .globl first, last, outside
        .type first, @function
first:  nop
        ret
        .size first, . - first
last:
        .section .data..percpu, "aw"
counter: .quad 0
        .section .data, "aw"
datum:  .quad 0
        .set outside, first + 0x100000
        .set constant, 0x21
"""
SCRIPT = """
SECTIONS {
    .data..percpu 0 : { *(.data..percpu) }
    .text 0x10000 : { *(.text) }
    .data 0x20000 : { *(.data) }
    .note 0x30000 : { *(.note.*) }
}
"""
MAP = """\
0000000000000000 D __per_cpu_start
0000000000000028 D current_task
0000000000034000 D __per_cpu_end
0000000000000021 A fixed
ffffffff81000000 T _text
ffffffff81000040 t helper
ffffffff82a00000 D jiffies
ffffffffc0482000 t loop_init\t[loop]
"""


@pytest.fixture
def object_file(tmp_path: Path) -> Path:
    made = tmp_path / "made.o"
    subprocess.run(["as", "-o", str(made)], input=SOURCE.encode(), check=True)
    return made


@pytest.fixture
def program(object_file: Path) -> Path:
    script, linked = object_file.with_name("script"), object_file.with_name("program")
    script.write_text(SCRIPT)
    subprocess.run(["ld", "--build-id", "-T", str(script), "-o", str(linked), str(object_file)], check=True)
    return linked


def test_offsets_of_per_cpu_variables_and_numbers_name_no_address(program: Path) -> None:
    symbols = Symbols()
    symbols.add(program)
    assert symbols.find("counter") == Symbol(0, "counter", 0, "per-cpu", 0)
    assert symbols.lookup("constant") == 0x21
    assert [symbols.text(address) for address in (0, 0x21, 0xFFF0)] == ["", "", ""]


def test_a_name_ends_with_its_section(program: Path) -> None:
    symbols = Symbols()
    symbols.add(program)
    assert symbols.text(0x10001) == " <first+1>"
    assert symbols.text(0x10002) == " <last>", "at the end of the section it is that place alone"
    assert symbols.text(0x10003) == ""
    assert symbols.lookup("outside") == 0x110000
    assert symbols.text(0x110000) == ""
    assert symbols.text(0x20007) == " <datum+7>"
    assert symbols.text(0x20008) == ""


def test_what_is_no_address_does_not_move(program: Path) -> None:
    symbols = Symbols()
    symbols.add(program)
    symbols.move(str(program), 0xFFFF_0000_0000_0000)
    assert symbols.lookup("counter") == 0
    assert symbols.text(0xFFFF_0000_0001_0001) == " <first+1>"
    assert symbols.text(0x10001) == ""


def test_an_object_file_has_no_addresses_by_itself(object_file: Path) -> None:
    with pytest.raises(SymbolError, match=r"has no addresses of its own.*add-symbol-file"):
        Symbols().add(object_file)


def test_a_module_is_laid_out_by_its_sections(object_file: Path) -> None:
    symbols = Symbols()
    symbols.add_file(read_names(str(object_file), {".text": 0xC0000000, ".data": 0xC0008000}))
    assert symbols.text(0xC0000001) == " <first+1>"
    assert symbols.text(0xC0008001) == " <datum+1>"
    assert symbols.find("counter") is None, "its section has no place"


def test_linuxs_lists_are_read(tmp_path: Path) -> None:
    path = tmp_path / "System.map"
    path.write_text(MAP)
    symbols = Symbols()
    assert symbols.add(path) == 8
    assert symbols.text(0xFFFF_FFFF_8100_003F) == " <_text+63>"
    assert symbols.text(0xFFFF_FFFF_C048_2001) == " <loop_init+1>"
    assert symbols.find("current_task") == Symbol(0x28, "current_task", 0, "per-cpu", 0x28)
    assert symbols.text(0x28) == symbols.text(0x21) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"{'0' * 16} T _text\n{'0' * 16} t x\n", "the kernel hides them"),
        (f"{'f' * 16} T _text\nnonsense\n", "Line 2 of .* is none of a list of symbols: nonsense"),
        (
            f"{'f' * 16} B The real System.map is in the -dbg package\n",
            "Line 1 of .*The real System.map is in the -dbg",
        ),
    ],
)
def test_a_list_that_says_nothing_is_one_sentence(text: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "kallsyms"
    path.write_text(text)
    with pytest.raises(SymbolError, match=why):
        Symbols().add(path)


def test_an_offset_stands_behind_the_file(tmp_path: Path) -> None:
    assert file_and_offset("vmlinux@0x1000") == ("vmlinux", 0x1000)
    assert file_and_offset("vmlinux") == ("vmlinux", None)
    odd = tmp_path / "name@7"
    odd.touch()
    assert file_and_offset(str(odd)) == (str(odd), None)
    with pytest.raises(SymbolError, match="is no offset"):
        file_and_offset("vmlinux@here")


def test_large_files_come_from_the_cache_the_second_time(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(loading, "LARGE", 1)
    first = load_file(str(program))
    (kept,) = cache.folder().iterdir()
    assert kept.name == first.build_id.hex()
    monkeypatch.setattr(loading, "read_elf_names", None)  # not to be asked again
    again = load_file(str(program))
    assert list(again.symbols) == list(first.symbols)
    assert again.code == first.code


@pytest.mark.parametrize("damage", [b"", b"x", b"dr6 names 1\n"])
def test_a_damaged_cache_is_none(damage: bytes, tmp_path: Path) -> None:
    symbols = [Symbol(1, "a", 2, "function", 3), Symbol(1 << 63, "b", 0, "per-cpu", 0)]
    cache.store(b"\1\2", symbols, at=tmp_path)
    assert cache.load(b"\1\2", at=tmp_path) == symbols
    path = tmp_path / "0102"
    whole = path.read_bytes()
    path.write_bytes(damage + whole[len(damage) : -1] if damage else whole[:-1])
    assert cache.load(b"\1\2", at=tmp_path) is None
    path.write_bytes(whole[:-2] + bytes((whole[-2] ^ 1, whole[-1])))
    assert cache.load(b"\1\2", at=tmp_path) is None


def test_the_cache_keeps_so_many_files_and_no_more(tmp_path: Path) -> None:
    for number in range(cache.MOST_FILES + 3):
        cache.store(bytes((number,)), [], at=tmp_path)
        os.utime(tmp_path / f"{number:02x}", (number, number))
    assert len(list(tmp_path.iterdir())) <= cache.MOST_FILES
    assert cache.load(bytes((cache.MOST_FILES + 2,)), at=tmp_path) == []
