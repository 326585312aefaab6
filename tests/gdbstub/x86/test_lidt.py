"""LIDT is found wherever it may begin."""

from __future__ import annotations

import pytest

from gdbstub.x86.lidt import find_lidt


@pytest.mark.parametrize(
    ("code", "places"),
    [
        ("900f0118", (1,)),  # lidt [rax]
        ("0f011d00000000", (0,)),  # lidt [rip]
        ("660f0118", (1, 0)),
        ("67662e480f0118", (4, 3, 2, 1, 0)),
        ("0f0110", ()),  # lgdt
        ("0f01d8", ()),  # vmrun
        ("0f01", ()),
        ("0f0118900f0118", (0, 4)),
        ("6666666666660f0118", (6, 5, 4, 3, 2)),
    ],
)
def test_lidt_is_found_with_its_prefixes(code: str, places: tuple[int, ...]) -> None:
    assert find_lidt(bytes.fromhex(code), 0x1000) == tuple(0x1000 + place for place in places)
