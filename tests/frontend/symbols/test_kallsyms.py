"""Linux's own table of symbols is found in memory and read, in each form that it has had; what only looks like one is
none."""

from __future__ import annotations

import pytest

from frontend.symbols.kallsyms import decode, find_tables
from frontend.symbols.symbol import SymbolError
from tests.fakes.kallsyms import FORMS, TABLE, TEXT, Form, image, symbols


class Memory:
    """What is at `TEXT`, and nothing else; counts what was asked for."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.pages: set[int] = set()

    def read(self, address: int, length: int) -> bytes | None:
        at = address - TEXT
        self.pages.add(address >> 12)
        return self.data[at : at + length] if at >= 0 and at + length <= len(self.data) else None


def found(data: bytes) -> list[tuple[int, str, str]]:
    memory = Memory(data)
    return decode(memory.read, find_tables(memory.read, TEXT, TEXT + (1 << 26)))


@pytest.mark.parametrize(("form", "count"), [*((form, 9000) for form in FORMS), ("7.0", 9217), ("6.4", 9216)])
def test_every_form_gives_its_symbols(form: Form, count: int) -> None:
    """Also where the last marker stands for one name, and for 256."""
    rows = symbols(count, per_cpu="per-cpu" in form)
    assert found(image(form, rows)) == rows


def test_only_a_part_of_the_image_is_read() -> None:
    """Before the table one page in eight, of the table what it is."""
    data = image("based", symbols())
    memory = Memory(b"\xcc" * (1 << 22) + data)
    find_tables(memory.read, TEXT, TEXT + (1 << 26))
    assert len(memory.pages) < (1 << 22) // (32 << 10) + len(data) // 4096 + 8


@pytest.mark.parametrize(
    ("what", "data"),
    [
        ("nothing is there", b""),
        ("zeros", bytes(1 << 18)),
        ("what is sorted, and no table", b"".join((at * 8).to_bytes(4, "little") for at in range(1 << 16))),
        (
            "what falls, and no table",
            b"".join((-1 - at * 8 & 0xFFFFFFFF).to_bytes(4, "little") for at in range(1 << 16)),
        ),
    ],
)
def test_what_is_no_table_is_one_sentence(what: str, data: bytes) -> None:
    with pytest.raises(
        SymbolError, match=r"^There is no table of Linux's symbols \(kallsyms\) in the guest's memory\.$"
    ):
        found(data)


@pytest.mark.parametrize("form", FORMS)
def test_a_table_that_ends_early_is_none(form: Form) -> None:
    whole = image(form, symbols(per_cpu="per-cpu" in form))
    for share in (2, 5, 8):
        with pytest.raises(SymbolError):
            found(whole[: TABLE - TEXT + (len(whole) - 4096 - 3 * 9000 - (TABLE - TEXT)) * share // 10])


def test_a_name_with_control_characters_is_escaped() -> None:
    rows = symbols()
    data = image("based", rows).replace(b"T_text", b"T_t\x1b]t", 1)
    assert found(data)[0] == (TEXT, "T", "_t]t")
