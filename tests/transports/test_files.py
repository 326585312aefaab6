"""Files that others made, or named: nothing is waited for, and what is no file says so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from transports.files import open_regular, open_to_write


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_what_can_be_no_name_is_a_file_that_cannot_be_opened(name: str) -> None:
    for open_ in (open_regular, open_to_write):
        with pytest.raises(OSError, match="no file can have this name"):
            open_(name)


def test_a_pipe_that_nobody_reads_is_not_waited_for_and_one_that_somebody_reads_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="nobody reads"):
        open_to_write(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    writer = open_to_write(pipe)
    assert os.get_blocking(writer)
    os.write(writer, b"row\n")
    assert os.read(reader, 9) == b"row\n"
    os.close(writer)
    os.close(reader)


def test_what_is_no_regular_file_is_not_even_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    monkeypatch.setattr(os, "open", lambda *words, **more: opened.append(words))
    with pytest.raises(OSError, match="no regular file"):
        open_regular("/dev/null")
    assert opened == []
