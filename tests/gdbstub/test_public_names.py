"""The door of the library: its names are where they are said to be, and loading them costs no more than they need."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import gdbstub

ROOT = Path(gdbstub.__file__).parents[1]
ROOMS = {"explain", "protocol"}


def for_types() -> dict[str, str]:
    """What a type checker reads: name and module."""
    tree = ast.parse(Path(gdbstub.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    found = [node for node in ast.walk(block) if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in found for alias in node.names}


def test_the_names_for_types_are_those_for_the_interpreter() -> None:
    assert set(for_types()) == set(gdbstub.__all__)
    for name, home in for_types().items():
        there = importlib.import_module(f"{home}.{name}" if name in ROOMS else home)
        assert getattr(gdbstub, name) is (there if name in ROOMS else getattr(there, name))
    assert set(dir(gdbstub)) >= set(gdbstub.__all__)


def test_what_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'gdbstub' has no attribute 'Nobody'"):
        _ = gdbstub.Nobody  # type: ignore[attr-defined]  # that is what is tested
    assert not hasattr(gdbstub, "__wrapped__")


def test_no_name_is_that_of_a_module_which_would_take_its_place_when_it_is_loaded() -> None:
    modules = {path.stem for path in Path(gdbstub.__file__).parent.iterdir()} - {"__init__"}
    assert modules & set(gdbstub.__all__) == ROOMS


LOADED = """
import json, sys
before = set(sys.modules)
exec(sys.argv[1])
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loads(statement: str) -> set[str]:
    command = [sys.executable, "-c", LOADED, statement]
    return set(json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout))


def test_to_import_the_library_loads_nothing_else_of_it() -> None:
    modules = loads("import gdbstub")
    assert {name for name in modules if name.startswith("gdbstub")} == {"gdbstub"}
    assert modules.isdisjoint({"trio", "capstone", "asyncio", "socket", "defusedxml"})


@pytest.mark.parametrize(
    "statement",
    [
        "from gdbstub.protocol import Link, Role; Link(Role.SERVER)",
        "import gdbstub; gdbstub.protocol.parse_stop(b'S05')",
        "import gdbstub; gdbstub.explain.explain(gdbstub.explain.Evidence())",
        "from gdbstub import BreakpointKind, CpuState, GdbError, vector",
    ],
)
def test_what_does_no_io_loads_no_loop(statement: str) -> None:
    assert loads(statement).isdisjoint({"trio", "asyncio", "socket", "gdbstub.debugger"})


def test_a_name_is_the_same_however_it_was_come_by() -> None:
    statement = "import gdbstub.debugger.debugger as there; import gdbstub; assert gdbstub.Debugger is there.Debugger"
    assert "trio" in loads(f"{statement}; assert gdbstub.explain.explain(gdbstub.explain.Evidence()).causes")
