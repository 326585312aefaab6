"""A session does not let cycles pile up, though dr6 is loaded with few looks for them."""

from __future__ import annotations

import gc

from frontend.cli.guarded import AS_USUAL, guarded


def test_a_session_collects_as_python_does() -> None:
    before = gc.get_threshold()
    found = []

    def work() -> int:
        found.append(gc.get_threshold())
        return 0

    try:
        gc.set_threshold(50_000)
        assert guarded(work) == 0
    finally:
        gc.set_threshold(*before)
    assert found == [AS_USUAL]
