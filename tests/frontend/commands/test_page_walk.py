"""Page walks in all four paging modes, over tables that are written down here."""

from __future__ import annotations

import pytest

from frontend.commands.page_walk import PageWalk, entry_text, may_write, paging_mode, walk

PG, PAE, PSE, LA57, LMA = 0x80000001, 1 << 5, 1 << 4, 1 << 12, 1 << 10


async def walked(
    linear: int, words: dict[int, int], cr4: int, efer: int = 0, cr0: int = PG, cr3: int = 0x1000
) -> PageWalk:
    async def read(address: int, size: int) -> int:
        return words.get(address, 0) & ((1 << size * 8) - 1)

    return await walk(linear, cr0, cr3, cr4, efer, read)


@pytest.mark.parametrize(
    ("cr0", "cr4", "efer", "mode"),
    [
        (1, PAE, LMA, "none"),
        (PG, 0, 0, "32-bit"),
        (PG, PAE, 0, "PAE"),
        (PG, PAE, LMA, "4-level"),
        (PG, PAE | LA57, LMA, "5-level"),
        (PG, PAE | LA57, 0, "PAE"),
    ],
)
def test_control_registers_say_the_paging_mode(cr0: int, cr4: int, efer: int, mode: str) -> None:
    assert paging_mode(cr0, cr4, efer) == mode


LONG = {
    0x1000 + 8 * 1: 0x2003,
    0x2000 + 8 * 2: 0x3003,
    0x3000 + 8 * 3: 0x4027,
    0x4000 + 8 * 4: 0x8000_0000_0000_5063,
    0x2000 + 8 * 5: 0x4000_0083,
    0x3000 + 8 * 6: 0x0060_00E7,
}


def at(*indexes: int) -> int:
    linear = 0
    for index in indexes:
        linear = linear << 9 | index
    return linear << 12 + 9 * (4 - len(indexes))


@pytest.mark.parametrize(
    ("linear", "physical", "page"),
    [
        (at(1, 2, 3, 4) + 0x123, 0x5123, 1 << 12),
        (at(1, 5) + 0x123456, 0x4012_3456, 1 << 30),
        (at(1, 2, 6) + 0x12345, 0x61_2345, 1 << 21),
    ],
)
async def test_four_levels_end_in_pages_of_three_sizes(linear: int, physical: int, page: int) -> None:
    found = await walked(linear, LONG, PAE, LMA)
    assert (found.mode, found.physical, found.page) == ("4-level", physical, page)


async def test_each_entry_of_a_walk_is_kept_and_written() -> None:
    found = await walked(at(1, 2, 3, 4), LONG, PAE, LMA)
    assert [entry_text(entry, wide=True) for entry in found.entries] == [
        "PML4E[1] at 0x1008 = 0x2003: 0x2000 W S",
        "PDPTE[2] at 0x2010 = 0x3003: 0x3000 W S",
        "PDE[3] at 0x3018 = 0x4027: 0x4000 W U A",
        "PTE[4] at 0x4020 = 0x8000000000005063: 0x5000 W S A D NX",
    ]


async def test_an_entry_that_is_not_present_ends_the_walk() -> None:
    found = await walked(at(1, 3), LONG, PAE, LMA)
    assert found.physical is None
    assert found.why == "the PDPTE is not present"
    assert entry_text(found.entries[-1], wide=True) == "PDPTE[3] at 0x2018 = 0x0: not present"


@pytest.mark.parametrize(
    ("linear", "cr4", "canonical"),
    [
        (0x0000_7FFF_FFFF_FFFF, PAE, True),
        (0x0000_8000_0000_0000, PAE, False),
        (0xFFFF_8000_0000_0000, PAE, True),
        (0x0000_8000_0000_0000, PAE | LA57, True),
        (0x0100_0000_0000_0000, PAE | LA57, False),
        (0xFF00_0000_0000_0000, PAE | LA57, True),
    ],
)
async def test_only_canonical_addresses_are_walked(linear: int, cr4: int, canonical: bool) -> None:
    found = await walked(linear, {}, cr4, LMA)
    assert (found.why == "the address is not canonical") is not canonical


async def test_five_levels_begin_at_the_pml5() -> None:
    words = {0x1000 + 8 * 7: 0x6003, 0x6008: 0x2003, 0x2028: 0x4000_0083}
    found = await walked(7 << 48 | at(1, 5) | 0x10, words, PAE | LA57, LMA)
    assert (found.physical, len(found.entries)) == (0x4000_0010, 3)


async def test_pae_has_four_pdptes_and_two_megabyte_pages() -> None:
    words = {0x1008: 0x2001, 0x2010: 0x60_0083, 0x2018: 0x3003, 0x3000 + 8 * 4: 0x5003}
    found = await walked(0x4040_1234, words, PAE)
    assert (found.physical, found.page) == (0x60_1234, 1 << 21)
    found = await walked(0x4060_4567, words, PAE)
    assert (found.physical, found.page) == (0x5567, 1 << 12)


async def test_thirty_two_bit_paging_has_large_pages_only_with_pse() -> None:
    words = {0x1004: 0x0080_0083 | 1 << 13, 0x80_0000 + 4 * 1: 0x9003}
    large = await walked(0x0040_1234, words, PSE)
    assert (large.physical, large.page) == (0x1_0080_1234, 1 << 22)
    words = {0x1004: 0x80_0083, 0x80_0004: 0x9003}
    small = await walked(0x0040_1234, words, 0)
    assert (small.physical, small.page) == (0x9234, 1 << 12)


async def test_outside_long_mode_addresses_have_32_bits() -> None:
    assert (await walked(1 << 32, {}, 0)).why == "linear addresses have 32 bits outside long mode"
    assert (await walked(0x1234, {}, 0, cr0=1)).physical == 0x1234


WP = 1 << 16
READ_ONLY, SUPERVISOR = {0x3000 + 8 * 3: 0x4025}, {0x2000 + 8 * 2: 0x3003}
USER_PAGE = {0x1000 + 8 * 1: 0x2007, 0x2000 + 8 * 2: 0x3007, 0x3000 + 8 * 3: 0x4027, 0x4000 + 8 * 4: 0x5067}


@pytest.mark.parametrize(
    ("changed", "cr0", "user", "may"),
    [
        ({}, PG | WP, False, True),
        ({}, PG | WP, True, True),
        (READ_ONLY, PG | WP, False, False),
        (READ_ONLY, PG, False, True),
        (READ_ONLY, PG, True, False),
        (SUPERVISOR, PG | WP, True, False),
        (SUPERVISOR, PG | WP, False, True),
        ({0x4000 + 8 * 4: 0}, PG, False, False),
    ],
)
async def test_a_write_needs_the_flag_of_every_level_but_for_a_kernel_without_wp(
    changed: dict[int, int], cr0: int, user: bool, may: bool
) -> None:
    linear = 1 << 39 | 2 << 30 | 3 << 21 | 4 << 12
    found = await walked(linear, USER_PAGE | changed, PAE, LMA, cr0)
    assert may_write(found, cr0, user=user) is may


async def test_the_first_level_of_pae_has_no_such_flags() -> None:
    found = await walked(0, {0x1000: 0x2001, 0x2000: 0xE7}, PAE, 0)
    assert found.mode == "PAE"
    assert may_write(found, PG | WP, user=True)


async def test_without_paging_everything_may_be_written() -> None:
    assert may_write(await walked(0x1234, {}, 0, cr0=1), 1, user=False)
