"""What `info` can be asked about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from frontend.commands.session import Session


class Subject(NamedTuple):
    """One ``info SUBJECT``."""

    name: str
    short: tuple[str, ...]
    help: str
    handler: Callable[[Session, str], Awaitable[None]]
    stopped: bool = True
