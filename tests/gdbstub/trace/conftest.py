"""Datasets of many parts, without many rows."""

from __future__ import annotations

import pytest

from gdbstub.trace.columns import parts
from gdbstub.trace.columns import writer as writer_module


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "ROWS_A_PART", 500)
    monkeypatch.setattr(writer_module, "ROWS_WAITING", 100)
