"""``xen:DOMAIN`` says what is missing, in the order in which one would look for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from transports import CannotOpen, Xen, open_endpoint
from transports.xen import what_is_missing


async def test_outside_a_dom0_it_cannot_be_opened() -> None:
    with pytest.raises(CannotOpen) as caught:
        async with open_endpoint(Xen("guest")):
            pass
    assert str(caught.value).startswith("xen:guest can only be opened in the dom0")


def test_in_a_dom0_it_names_the_tools_and_then_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    capabilities = tmp_path / "capabilities"
    capabilities.write_text("control_d\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "needs xl and gdbsx, not found on PATH" in what_is_missing("guest", capabilities)
    for tool in ("xl", "gdbsx"):
        (tmp_path / tool).touch(mode=0o755)
    assert "run 'gdbsx -a DOMID 64 9999' for guest" in what_is_missing("guest", capabilities)
    capabilities.write_text("\n")
    assert "dom0" in what_is_missing("guest", capabilities)
