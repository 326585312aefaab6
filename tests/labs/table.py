"""The labs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.labs.progress import Progress


class Lab(NamedTuple):
    """``run(progress, record)`` returns where the lab showed what it has to show.

    It raises `LabError` where it did not, and `LabSkipped` where it can't be tried on this machine. With ``record``
    it also writes its recordings into ``tests/golden``.
    """

    name: str
    sentence: str
    run: Callable[[Progress, bool], None]


LABS: tuple[Lab, ...] = ()
