"""The helper for debug registers between its transport, a recording, and the program that prints its source."""

from __future__ import annotations

import pytest

from frontend.cli import parser
from frontend.cli.xen_helpers import LiveHelpers, recorded
from gdbstub.errors import Refused
from transports import Dom0Programs, Domain, helper_source


async def test_what_it_answers_is_in_a_recording() -> None:
    notes: list[str] = []
    domain = Domain(Dom0Programs(), 3, "web", "f00d", True, {"dr6-vcpu": "/bin/echo"})
    live = LiveHelpers(domain, lambda kind, text: notes.append(text))
    assert live.sets_debug_registers
    assert await live.vcpu("3", "0:dr0=1") == "3 0:dr0=1\n"
    again = recorded(tuple(notes))
    assert again is not None
    assert again.sets_debug_registers
    assert await again.vcpu("3", "0:dr0=1") == "3 0:dr0=1\n"
    with pytest.raises(Refused, match="no answer of dom0's"):
        await again.vcpu("3")


def test_a_recording_from_before_the_helper_has_none() -> None:
    again = recorded(('{"domain": 3, "identity": null}',))
    assert again is not None
    assert not again.sets_debug_registers


def test_its_source_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert parser.main(("xen-helper",)) == 0
    printed = capsys.readouterr().out
    assert printed == helper_source()
    assert "cc -O2 -o dr6-vcpu dr6-vcpu.c -lxenctrl" in printed
