"""How much higher than it was linked a Linux kernel runs (KASLR): its handlers, which the IDT names, against its
symbols.

arch/x86/kernel/idt.c: until `idt_setup_early_traps` all gates lead into ``early_idt_handler_array``, one entry of
EARLY_IDT_HANDLER_SIZE bytes a vector; then to the handlers, which are called ``asm_exc_…`` since 5.8. The slide is a
multiple of CONFIG_PHYSICAL_ALIGN, 2 MiB at least, and lies in the GiB of the kernel's image (boot/compressed/kaslr.c).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

ALIGNMENT = 0x20_0000
MOST = 1 << 30
HANDLERS: dict[int, tuple[str, ...]] = {
    0: ("asm_exc_divide_error", "divide_error"),
    1: ("asm_exc_debug", "debug"),
    2: ("asm_exc_nmi", "nmi"),
    3: ("asm_exc_int3", "int3"),
    6: ("asm_exc_invalid_op", "invalid_op"),
    13: ("asm_exc_general_protection", "general_protection"),
    14: ("asm_exc_page_fault", "page_fault"),
}
EARLY, EARLY_SIZES = "early_idt_handler_array", (9, 13)
"""Without and with ENDBR in front."""
FEWEST = 4
"""Handlers that have to agree."""
ENTRY = "x86_64_start_kernel"
"""The first C function that runs where the kernel is linked to, plus its slide."""
FIRST, LAST = "_text", "_end"

Lookup = Callable[[str], int | None]


class Found(NamedTuple):
    """The slide in bytes, and how many of the handlers that were looked at say so."""

    slide: int
    agree: int
    asked: int


def is_kernel(lookup: Lookup) -> bool:
    """Are these the symbols of a Linux for x86-64?"""
    return all(lookup(name) is not None for name in (FIRST, LAST, ENTRY))


def find_slide(handlers: Mapping[int, int], lookup: Lookup) -> Found | None:
    """``handlers``: vector → address in the guest's IDT; ``lookup``: name → address that it was linked to."""
    votes: Counter[int] = Counter()
    for vector, names in HANDLERS.items():
        if vector in handlers:
            linked = {at for name in names if (at := lookup(name)) is not None}
            early = lookup(EARLY)
            if early is not None:
                linked |= {early + size * vector for size in EARLY_SIZES}
            votes.update({handlers[vector] - at for at in linked if _is_possible(handlers[vector] - at)})
    if not votes:
        return None
    (slide, agree), *others = votes.most_common(2)
    if agree < FEWEST or (others and others[0][1] == agree):
        return None
    return Found(slide, agree, sum(vector in handlers for vector in HANDLERS))


def possible_slides() -> range:
    """Every slide that a kernel can have."""
    return range(0, MOST, ALIGNMENT)


def _is_possible(slide: int) -> bool:
    return 0 <= slide < MOST and slide % ALIGNMENT == 0
