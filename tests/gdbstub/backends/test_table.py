"""The table of backends: how a stub finds its row, and that nobody else asks for names."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from frontend.cli.parser import make_parser
from gdbstub.backends import BACKENDS, Stub, backend_named, identify, platform_of
from gdbstub.backends.generic import GENERIC
from gdbstub.backends.interface import StateSource
from gdbstub.debugger.debugger import Debugger, DebuggerOptions
from gdbstub.errors import GdbError
from gdbstub.explain.evidence import Known
from gdbstub.explain.quirks.lookup import QUIRKS
from gdbstub.remote.handshake import greet
from gdbstub.remote.target import RemoteTarget
from tests.fakes.gdbsx import Domain, FakeGdbsx, attached
from tests.fakes.served import qemu
from tests.fakes.stub import FakeStub, connected

ROOT = Path(__file__).parents[3]
MAY_NAME = {"gdbstub/explain/quirks/table.py", "gdbstub/doctor/known.py", "frontend/demo_guest/measured.py"}
"""Tables of what was measured: their rows are of a platform."""
RULES_OF_XEN = "gdbstub/explain/"
TRANSPORT = "transports/endpoint.py"
"""It says by name whose address a TARGET is; `transports` knows nothing of `gdbstub`."""


def test_every_row_has_its_own_name_and_the_last_takes_any_stub(capsys: pytest.CaptureFixture[str]) -> None:
    assert all(name == backend.name for name, backend in BACKENDS.items())
    assert [*BACKENDS.values()][-1] is GENERIC
    with pytest.raises(SystemExit):
        make_parser().parse_args(["attach", "--help"])
    assert f"donotaskwhothestubis:{','.join(BACKENDS)}" in "".join(capsys.readouterr().out.split())


def test_a_name_in_no_row_is_refused_with_those_that_are() -> None:
    with pytest.raises(GdbError, match=f"no backend bochs; dr6 knows {', '.join(BACKENDS)}"):
        backend_named("bochs")


async def test_what_one_row_was_answered_no_other_row_asks_again() -> None:
    stub = qemu()
    async with connected(stub) as stream:
        remote = RemoteTarget(stream)
        await greet(remote, "fake")
        stub.log.clear()
        backend, found = await identify(Stub(remote, "fake"))
    assert (backend.name, found.name) == ("qemu-tcg", "qemu-tcg")
    asked = [bytes.fromhex(request[6:].decode()).decode() for request in stub.log if request.startswith(b"qRcmd,")]
    assert asked.count("info kvm") == 1
    assert len(asked) == len(set(asked))


async def test_gdbsx_and_a_stub_without_a_monitor_find_their_rows() -> None:
    async with attached(FakeGdbsx(Domain())) as stream:
        remote = RemoteTarget(stream)
        await greet(remote, "fake")
        assert (await identify(Stub(remote, "fake")))[0].name == "xen-gdbsx"
    async with connected(FakeStub()) as stream:
        remote = RemoteTarget(stream)
        await greet(remote, "fake")
        assert (await identify(Stub(remote, "fake")))[0] is GENERIC


@pytest.mark.parametrize("name", [name for name in BACKENDS if name != "xen-gdbsx"])
async def test_a_name_that_the_user_gives_counts_more_than_the_answers(name: str) -> None:
    async with connected(FakeStub()) as stream:
        debugger = Debugger(stream, "fake", DebuggerOptions(name))
        record = await debugger.attach()
    assert (debugger.backend.name, debugger.backend.profile) == (name, name)
    assert isinstance(record.evidence.platform.backend, Known)
    assert record.evidence.platform.backend.value == name
    assert record.evidence.platform == platform_of(debugger.backend)


def test_a_plain_row_shows_nothing_beside_g_and_says_so_in_its_capabilities() -> None:
    for backend in BACKENDS.values():
        source = backend.state_source(RemoteTarget(None))  # type: ignore[arg-type]  # nothing is sent
        assert (type(source) is not StateSource) == backend.capabilities.debug_registers
        assert source.shows_tables == backend.capabilities.debug_registers


def test_every_quirk_is_of_a_backend_of_the_table() -> None:
    assert {quirk.backend for quirk in QUIRKS.values() if quirk.backend is not None} <= BACKENDS.keys()


def _names_in(path: Path) -> list[str]:
    """String literals of a file that are the name of a row; its docstrings are none."""
    names = [*(name for name in BACKENDS if name != GENERIC.name)]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in names
    ]


def test_nobody_outside_the_backends_asks_for_a_name() -> None:
    found = {
        str(path.relative_to(ROOT))
        for top in ("gdbstub", "frontend", "transports")
        for path in (ROOT / top).rglob("*.py")
        if _names_in(path) and not str(path.relative_to(ROOT)).startswith(("gdbstub/backends/", RULES_OF_XEN))
    }
    assert found <= MAY_NAME | {TRANSPORT}
    assert TRANSPORT in found, "the search finds what is there"


def test_the_documentation_has_every_row() -> None:
    text = (ROOT / "docs" / "backends.md").read_text(encoding="utf-8")
    for backend in BACKENDS.values():
        assert backend is GENERIC or re.search(re.escape(backend.title.split()[-1]), text), backend.title
