"""What `dr6 doctor` finds on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from frontend.cli import installed


def test_modules_are_found_where_sys_is_not_mounted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "modules").write_text("kvm_amd 1 2 - Live 0x0\nkvmgt 1 0 - Live 0x0\n")
    monkeypatch.setattr(installed, "SYS_MODULE", tmp_path / "none")
    monkeypatch.setattr(installed, "PROC_MODULES", tmp_path / "modules")
    assert installed.kvm().modules == ("kvm_amd",)
    monkeypatch.setattr(installed, "PROC_MODULES", tmp_path / "none")
    assert installed.kvm().modules == ()
    (tmp_path / "none" / "kvm_intel").mkdir(parents=True)
    assert installed.kvm().modules == ("kvm_intel",)
