"""The slide of a kernel is what most of its handlers say, and nothing where they do not agree."""

from __future__ import annotations

from frontend.symbols.kaslr import ALIGNMENT, EARLY, HANDLERS, MOST, find_slide, is_kernel

LINKED = {names[0]: 0xFFFF_FFFF_81C0_0000 + 0x40 * at for at, names in HANDLERS.items()} | {
    EARLY: 0xFFFF_FFFF_8300_0000
}
SLIDE = 7 * ALIGNMENT


def up(slide: int) -> dict[int, int]:
    return {vector: LINKED[names[0]] + slide for vector, names in HANDLERS.items()}


def test_handlers_that_agree_say_the_slide() -> None:
    found = find_slide(up(SLIDE), LINKED.get)
    assert found is not None
    assert (found.slide, found.agree, found.asked) == (SLIDE, len(HANDLERS), len(HANDLERS))
    still = find_slide(up(0), LINKED.get)
    assert still is not None
    assert still.slide == 0


def test_the_early_table_says_it_too_whatever_the_size_of_its_entries() -> None:
    for size in (9, 13):
        early = {vector: LINKED[EARLY] + SLIDE + size * vector for vector in range(32)}
        mixed = early | {1: up(SLIDE)[1], 3: up(SLIDE)[3]}  # idt_setup_early_traps
        for handlers in (early, mixed):
            found = find_slide(handlers, LINKED.get)
            assert found is not None
            assert found.slide == SLIDE


def test_handlers_of_another_program_say_nothing() -> None:
    assert find_slide({vector: 0x10_0000 + 16 * vector for vector in range(32)}, LINKED.get) is None
    assert find_slide(up(SLIDE + 0x1000), LINKED.get) is None
    assert find_slide(up(MOST), LINKED.get) is None
    assert find_slide({1: LINKED["asm_exc_debug"]}, LINKED.get) is None
    torn = up(SLIDE) | {vector: at for vector, at in up(0).items() if vector in (0, 1, 2)}
    found = find_slide(torn, LINKED.get)
    assert found is not None
    assert (found.slide, found.agree) == (SLIDE, 4), "four against three"


def test_a_kernel_is_known_by_its_names() -> None:
    assert is_kernel({"_text": 1, "_end": 2, "x86_64_start_kernel": 3}.get)
    assert not is_kernel({"_text": 1, "_end": 2}.get)
