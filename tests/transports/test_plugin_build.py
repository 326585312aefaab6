"""dr6's plugin for QEMU: which level, built once, and what is said where it can't be."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from transports import CannotOpen, plugin_for, plugin_memory
from transports.plugin_build import build_plugin, level_of, version_of


@pytest.mark.parametrize(("version", "level"), [((6, 0), 1), ((7, 2), 1), ((8, 2), 1), ((9, 0), 2), ((10, 0), 2)])
def test_the_level_of_a_release(version: tuple[int, int], level: int) -> None:
    assert level_of(version) == level


def test_a_release_without_is_refused() -> None:
    with pytest.raises(CannotOpen, match=r"QEMU 5\.2 is too old"):
        level_of((5, 2))


@pytest.mark.parametrize("level", [1, 2])
def test_it_is_built_once(level: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    built = build_plugin(level)
    assert built.parent == tmp_path / "dr6"
    assert list(built.parent.iterdir()) == [built]
    monkeypatch.setenv("CC", "no-such-compiler")
    assert build_plugin(level) == built


@pytest.mark.parametrize(
    ("compiler", "why"),
    [("no-such-compiler", "there is no C compiler no-such-compiler"), ("false", "false ended with 1")],
)
def test_without_a_compiler_that_works_there_is_a_sentence(
    compiler: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CC", compiler)
    with pytest.raises(CannotOpen, match=why):
        build_plugin(1)


def test_a_cache_that_can_not_be_made_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dr6").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(CannotOpen, match="can't be built in"):
        build_plugin(1)


def test_what_is_no_qemu_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotOpen, match="does not say which version of QEMU it is"):
        plugin_for(sys.executable)
    with pytest.raises(CannotOpen, match="does not say which version it is"):
        version_of(str(tmp_path / "nothing"))


def test_a_process_without_it_shares_nothing() -> None:
    assert plugin_memory(os.getpid()) is None
    assert plugin_memory(2**22 + 1) is None
