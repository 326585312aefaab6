"""Linux's table of its own symbols, as it lies in the guest's memory: found without any file, and decoded.

scripts/kallsyms.c writes it, kernel/kallsyms.c reads it. Names are compressed by 256 tokens; each has a letter of nm(1)
in front. Behind each other, 8-aligned, are

* up to 6.3: addresses, base, count, names, markers, (6.2: the order by name), tokens, where each token begins;
* from 6.4: count, names, markers, tokens, where each token begins, addresses, base, the order by name;
* from 7.0 the same without a base.

Addresses are numbers of 64 bits, or of 32 bits above a base; below zero then and counted down, where per-CPU symbols
stand in front as the offsets that they are; from 7.0 counted from where each number lies.

The guest is a stranger: what is read is bounded, and what does not fit is no table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

from frontend.clean import clean
from frontend.symbols.numbers import MemoryNumbers
from frontend.symbols.symbol import MASK, SymbolError

Read = Callable[[int, int], bytes | None]
Row = tuple[int, str, str]
"""Address, letter of nm(1), name."""

STRIDE = 32 << 10
"""The addresses of 16,384 symbols fill two of these; a kernel has more."""
MOST_SYMBOLS = 1 << 20
FEWEST_SYMBOLS = 1 << 10
LONGEST_TOKEN = 128
LONGEST_NAME = 512
"""KSYM_NAME_LEN; what one of these bytes stands for may be longer, and is cut there."""
MOST_NAMES = 32 << 20
LONGEST_COMPRESSED = (1 << 15) + 2
CHUNK = 1 << 16
SAMPLE = 16
MOST_APART = 1 << 20
"""Bytes from one symbol to the sixteenth behind it."""
KERNEL_SPACE = 0xFFFF_FFFF_8000_0000
"""Where a kernel's image is: __START_KERNEL_map."""
NONE_FOUND = "There is no table of Linux's symbols (kallsyms) in the guest's memory"


class Tables(NamedTuple):
    """Where the tables are. ``base`` is None where there is none; ``symbols`` is how many there are."""

    addresses: int
    wide: bool
    base: int | None
    symbols: int
    names: int
    tokens: tuple[bytes, ...]


def find_tables(read: Read, first: int, last: int) -> Tables:
    """The tables between two addresses of the kernel's image, text in front. Raises `SymbolError`."""
    words = MemoryNumbers(read)
    at = first & -STRIDE
    while at < last:
        end = at
        for wide in (False, True):
            span = _array_at(words, at, wide)
            if span is not None:
                found = _newer(words, span[0], wide) or _older(words, span[1], wide)
                if found is not None:
                    return found
                end = max(end, span[1])
        at = (end & -STRIDE) + STRIDE
    raise SymbolError(f"{NONE_FOUND}.")


def decode(read: Read, tables: Tables) -> list[Row]:
    """All symbols in the order of their addresses. Raises `SymbolError` where the tables do not hold together."""
    words = MemoryNumbers(read)
    addresses = _addresses(words, tables)
    rows: list[Row] = []
    tokens = tables.tokens
    for name, address in zip(_compressed(words, tables.names, tables.symbols), addresses, strict=False):
        text = b"".join([tokens[one] for one in name])[: LONGEST_NAME + 1].decode("latin-1")
        rows.append((address, text[:1], text[1:] if text.isascii() and text.isprintable() else clean(text[1:])))
    if len(rows) < tables.symbols:
        raise SymbolError("The guest's table of symbols (kallsyms) is not whole: its names end early.")
    return rows


def _array_at(words: MemoryNumbers, at: int, wide: bool) -> tuple[int, int] | None:
    """Where the sorted numbers begin and end that ``at`` lies within; None where there are none."""
    size = 8 if wide else 4
    sample = words.signed(at, SAMPLE, size)
    if len(sample) < SAMPLE or len(set(sample)) < SAMPLE // 2 or abs(sample[-1] - sample[0]) > MOST_APART:
        return None
    if wide and not all(KERNEL_SPACE <= one & MASK < MASK for one in sample):
        return None
    falls = sample[0] > sample[-1]
    if not _is_sorted(sample, falls, size):
        return None
    return _reach(words, at, size, falls, -1), _reach(words, at, size, falls, 1)


def _is_sorted(numbers: list[int], falls: bool, size: int) -> bool:
    """Rising, also where each is counted from its own place; or falling from a base."""
    return all(_are_sorted(one, other, falls, size) for one, other in pairwise(numbers))


def _are_sorted(one: int, other: int, falls: bool, size: int) -> bool:
    if falls:
        return 0 > one >= other
    return one <= other < 0 if size == 8 else one <= other + 4


def _reach(words: MemoryNumbers, at: int, size: int, falls: bool, way: int) -> int:
    """How far the numbers around ``at`` stay sorted, to one side: the first address, or the one behind the last. In
    front of those that fall there are rising ones, of the per-CPU symbols."""
    step = 256
    count = 0
    while count < MOST_SYMBOLS:
        start = at if way > 0 else at - (step - 1) * size
        numbers = words.signed(start, step, size)
        if way < 0:
            if len(numbers) < step:  # memory begins here
                numbers = words.signed_up_to(at, size)
            numbers.reverse()
        if len(set(numbers)) <= 1:
            break  # so many symbols are at no address
        for one, other in pairwise(numbers):
            low, high = (one, other) if way > 0 else (other, one)
            if falls and way < 0 and low >= 0 > high:
                falls = False  # the border to the per-CPU symbols
            elif not _are_sorted(low, high, falls, size):
                return at + size if way > 0 else at
            at += way * size
        count += step
        if len(numbers) < step:
            break
    return at + size if way > 0 else at


def _newer(words: MemoryNumbers, start: int, wide: bool) -> Tables | None:
    """From 6.4: the tokens' places lie in front of the addresses."""
    index = words.numbers(start - 512, 256, 2)
    found = _tokens_before(words, start - 512, index)
    if found is None:
        return None
    place, tokens = found
    markers = _markers_before(words, place)
    if markers is None:
        return None
    first, marks = markers
    for names in range(first - marks[-1] - 8 & -8, first - marks[-1] - 256 * (LONGEST_NAME + 2), -8):
        count = words.number(names - 8, 8)
        if count is None:
            return None
        if (len(marks) - 1) * 256 < count <= len(marks) * 256 and _names_end(words, names, count, marks, first):
            base = None
            if not wide:
                behind = words.number(_aligned(start + 4 * count), 8)
                base = behind if behind is not None and behind >= KERNEL_SPACE and behind % 4096 == 0 else None
            return Tables(start, wide, base, count, names, tokens)
    return None


def _older(words: MemoryNumbers, end: int, wide: bool) -> Tables | None:
    """Up to 6.3: the names lie behind the addresses."""
    for place in range((end & -8) - 8, end + 16, 8):
        base = None if wide else words.number(place, 8)
        if not wide and (base is None or base < KERNEL_SPACE or base % 4096):
            continue
        at = place if wide else place + 8
        count = words.number(at, 8)
        if count is None or not FEWEST_SYMBOLS <= count <= MOST_SYMBOLS:
            continue
        names = at + 8
        behind = _walk(words, names, count)
        if behind is None:
            continue
        markers = _aligned(behind)
        after = _aligned(markers + (count + 255) // 256 * 4)
        for tokens_at in (after, _aligned(after + 3 * count), _aligned(after + 4 * count)):
            tokens = _tokens_at(words, tokens_at)
            if tokens is not None:
                return Tables(place - _aligned((8 if wide else 4) * count), wide, base, count, names, tokens)
    return None


def _tokens_before(words: MemoryNumbers, index_at: int, index: list[int]) -> tuple[int, tuple[bytes, ...]] | None:
    """The tokens in front of the numbers that say where each begins."""
    if len(index) < 256 or index[0] or any(one >= other for one, other in pairwise(index)):
        return None
    for length in range(1, LONGEST_TOKEN + 2, 8):
        place = index_at - _aligned(index[-1] + length)
        tokens = _tokens_at(words, place)
        if tokens is not None:
            return place, tokens
    return None


def _tokens_at(words: MemoryNumbers, place: int) -> tuple[bytes, ...] | None:
    """256 strings, and behind them the numbers that say where each begins."""
    data = words.bytes(place, 256 * (LONGEST_TOKEN + 1) + 8 + 512, short=True)
    found: list[bytes] = []
    begins: list[int] = []
    at = 0
    for _ in range(256):
        end = data.find(b"\0", at, at + LONGEST_TOKEN + 1)
        if end < 0:
            return None
        begins.append(at)
        found.append(data[at:end])
        at = end + 1
    index = words.numbers(_aligned(place + at), 256, 2)
    return tuple(found) if index == begins else None


def _markers_before(words: MemoryNumbers, end: int) -> tuple[int, list[int]] | None:
    """Where each 256th name begins, in front of the tokens: (their place, themselves)."""
    at = end - 4
    if words.number(at, 4) == 0:
        at -= 4
    marks: list[int] = []
    while len(marks) <= MOST_SYMBOLS // 256:
        number = words.number(at, 4)
        if number is None or (marks and number >= marks[-1]):
            return None
        marks.append(number)
        if number == 0:
            return (at, marks[::-1]) if at % 8 == 0 and len(marks) > 1 else None
        at -= 4
    return None


def _names_end(words: MemoryNumbers, names: int, count: int, marks: list[int], first: int) -> bool:
    """Do the names that the last marker leaves end where the markers begin?"""
    rest = count - (len(marks) - 1) * 256
    end = _walk(words, names + marks[-1], rest)
    return end is not None and _aligned(end) == first


def _walk(words: MemoryNumbers, names: int, count: int) -> int | None:
    """Where so many names end; None where a name has no letters, or memory ends."""
    end, found = names, 0
    for name in _compressed(words, names, count):
        end += len(name) + (1 if len(name) < 0x80 else 2)
        found += 1
    return end if found == count else None


def _compressed(words: MemoryNumbers, at: int, count: int) -> Iterator[bytes]:
    """``count`` names, fewer where they end early: a length of one byte, or of two from 6.1 on, then a byte a token."""
    data, place, most = b"", 0, at + MOST_NAMES
    for _ in range(count):
        if len(data) - place < LONGEST_COMPRESSED and at < most:
            more = words.bytes(at, CHUNK, short=True)
            data, place, at = data[place:] + more, 0, at + len(more) if more else most
        length = data[place] if place < len(data) else 0
        place += 1
        if length >= 0x80 and place < len(data):
            length = length & 0x7F | data[place] << 7
            place += 1
        if not length or place + length > len(data):
            return
        yield data[place : place + length]
        place += length


def _addresses(words: MemoryNumbers, tables: Tables) -> Iterator[int]:
    numbers = words.signed(tables.addresses, tables.symbols, 8 if tables.wide else 4)
    if len(numbers) < tables.symbols:
        raise SymbolError("The guest's table of symbols (kallsyms) is not whole: its addresses cannot be read.")
    if tables.wide:
        return (one & MASK for one in numbers)
    base = tables.base
    if base is None:
        return ((tables.addresses + 4 * at + one) & MASK for at, one in enumerate(numbers))
    if numbers[-1] < 0:
        return ((base - 1 - one if one < 0 else one) & MASK for one in numbers)
    return ((base + one) & MASK for one in numbers)


def _aligned(address: int) -> int:
    return address + 7 & -8
