"""What a kernel's file tells of its code, for whoever reads such files."""

from __future__ import annotations

from typing import NamedTuple


class LidtPlaces(NamedTuple):
    """``candidates``: linear addresses at which an LIDT may stand; ``sure``: those of them that are proven to be
    one."""

    candidates: tuple[int, ...]
    sure: tuple[int, ...]


class KernelCode(NamedTuple):
    """``lidt``: linear addresses at which an LIDT may stand once it is loaded; ``entry``: where it is entered."""

    lidt: tuple[int, ...]
    entry: int | None


NO_CODE = KernelCode((), None)


def no_code(path: str) -> KernelCode:
    """For who reads no such files."""
    return NO_CODE
