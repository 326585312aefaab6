"""Terminals over the fake debugger."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.frontend.programs import CALLER, LOOP, caller_symbols
from tests.frontend.terminal import Terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """A guest with a caller, a function and an INT1, its symbols, and an IRETQ at its #DB handler 0x3000."""
    made = Terminal(CALLER, caller_symbols(tmp_path))
    made.fake.memory[0x2000:0x2002] = bytes.fromhex("48cf")
    made.fake.registers["rdi"] = 0x4000
    return made


@pytest.fixture
def loop() -> Terminal:
    """A guest that loops three times, fills four bytes, and ends."""
    made = Terminal(LOOP)
    made.fake.registers |= {"rcx": 3, "rdi": 0x4000}
    return made
