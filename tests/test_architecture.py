"""The house keeps its shape: who may know whom, who touches the world, and what a headless command loads.

The rules are functions of the source; the last tests plant one fault for each and see it found.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.guests.build import build

ROOT = Path(__file__).parents[1]
HOUSE = ("transports", "gdbstub", "frontend")

ROOMS = (  # nothing looks down this list
    "transports",
    "gdbstub.errors",
    "gdbstub.protocol",
    "gdbstub.x86",
    "gdbstub.explain",
    "gdbstub.remote",
    "gdbstub.backends",
    "gdbstub.debugger",
    "gdbstub.sessions",
    "gdbstub.server",
    "gdbstub.doctor",
    "gdbstub.trace",
    "gdbstub",
    "frontend.version",
    "frontend.clean",
    "frontend.symbols",
    "frontend.commands",
    "frontend.demo_guest",
    "frontend.tui",
    "frontend.cli",
    "frontend",
)
PURE = (
    "gdbstub.errors",
    "gdbstub.protocol",
    "gdbstub.x86",
    "gdbstub.explain",
    "gdbstub.remote.capabilities",
)
"""Values in, values out, and so is all that they lean on: a recording replays through them without a guest."""
PLAIN = (
    "gdbstub.debugger.snapshot",
    "gdbstub.debugger.record",
    "gdbstub.debugger.events",
    "gdbstub.backends.generic",
    "gdbstub.backends.qemu.kvm",
    "gdbstub.backends.qemu.tcg",
    "gdbstub.backends.table",
    "gdbstub.backends.xen.gdbsx",
    "gdbstub.backends.qemu.monitor",
    "gdbstub.backends.xen.helpers",
    "frontend.tui.actions",
    "frontend.tui.arrangement",
    "frontend.clean",
    "frontend.tui.cursor",
    "frontend.tui.debug_bits",
    "frontend.tui.event_code",
    "frontend.tui.events",
    "frontend.commands.expressions",
    "frontend.commands.nodes",
    "frontend.commands.parser",
    "frontend.tui.keys",
    "frontend.commands.memory_format",
    "frontend.commands.page_walk",
    "frontend.tui.pane_controls",
    "frontend.tui.panes",
    "frontend.tui.preferences",
    "frontend.tui.stop_list",
    "frontend.commands.stop_text",
    "frontend.commands.values",
    "frontend.tui.update",
    "frontend.tui.view",
)
"""They use the types of rooms that do I/O, but do none themselves: tests draw every screen from values."""
WORLD = frozenset(
    {"trio", "asyncio", "socket", "select", "selectors", "subprocess", "threading", "multiprocessing", "signal"}
    | {"os", "pathlib", "shutil", "tempfile", "time", "logging"}
)
WORLDLY_CALLS = frozenset({"print", "open", "input"})

HOMES = {  # a library that only these modules import
    "capstone": {"gdbstub.x86.disassembler"},
    "defusedxml": {"gdbstub.protocol.target_xml"},
    "drgn": {"frontend.symbols.drgn_library"},
    "pygments": {"frontend.tui.highlight"},
    "pyarrow": {"gdbstub.trace.columns.arrow"},
    "duckdb": {"gdbstub.trace.query.database"},
    "asyncio": {"frontend.tui.host"},
    "prompt_toolkit": {
        "frontend.tui.app",
        "frontend.tui.completer",
        "frontend.tui.host",
        "frontend.tui.key_bindings",
        "frontend.tui.layout",
        "frontend.tui.pane_windows",
        "frontend.tui.painting",
        "frontend.tui.style",
        "frontend.tui.trace_app",
    },
}
SCREEN = ("frontend.tui",)
MOST_LINES = 300
TABLES = {
    "gdbstub.explain.quirks.table": "one row a quirk",
}
"""Modules that may be longer: nothing but rows, and what they are rows of."""
TWICE = {
    "LogPipe": "what gdbstub asks of one, and the one of transports: they are strangers",
    "Segment": "of an ELF file, and of the CPU: both specifications call it so",
}
"""Class names that occur in two modules, and why."""
DOORS = frozenset(
    {
        ("frontend.cli.attach", "frontend.tui.app"),
        ("frontend.cli.replay", "frontend.tui.window"),
        ("frontend.cli.walk", "frontend.tui.trace_app"),
    }
)
"""Who opens the screen from outside, inside a function: everything else works without a terminal."""
_DOORS_ARE = " and ".join(f"only {outside} opens {door}, inside a function" for outside, door in sorted(DOORS))


class Module(NamedTuple):
    """What one file imports: all of it, and what is imported when the module is. ``calls`` are plain names called,
    ``classes`` those that it defines, ``lines`` how long it is."""

    imports: frozenset[str]
    at_load: frozenset[str]
    calls: frozenset[str]
    classes: frozenset[str]
    lines: int


House = dict[str, Module]


def within(name: str, rooms: Iterable[str]) -> str | None:
    """The first of ``rooms`` that ``name`` is, or lies in."""
    return next((room for room in rooms if name == room or name.startswith(f"{room}.")), None)


def read_module(source: str, known: frozenset[str]) -> Module:
    """``known`` are the modules of the house: ``from a import b`` names a.b where that is one."""
    tree = ast.parse(source)
    everything = frozenset(_imported(ast.walk(tree), known))
    calls = (node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name))
    classes = frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    at_load = frozenset(_imported(_run_at_load(tree), known))
    return Module(everything, at_load, frozenset(calls), classes, len(source.splitlines()))


def _run_at_load(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes outside of functions and of ``if TYPE_CHECKING``: what loading the module loads. Who may know whom is
    asked of all imports, also of those in here."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _run_at_load(child)


def _imported(nodes: Iterable[ast.AST], known: frozenset[str]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute, so that the rooms can be read off them"
            for alias in node.names:
                deeper = f"{node.module}.{alias.name}"
                yield deeper if deeper in known else str(node.module)


def _module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def house() -> House:
    """Every module of the house, by its name."""
    paths = {_module_name(path): path for top in HOUSE for path in sorted((ROOT / top).rglob("*.py"))}
    known = frozenset(paths)
    return {name: read_module(path.read_text(encoding="utf-8"), known) for name, path in paths.items()}


def top_of(name: str) -> str:
    return name.partition(".")[0]


def strangers(house: House) -> list[str]:
    return [
        f"{me} imports {seen}: gdbstub and transports are strangers; both know trio.abc.Stream, and frontend "
        "introduces them, so that a new transport touches no debugger file"
        for me, module in house.items()
        for seen in sorted(module.imports)
        if {top_of(me), top_of(seen)} == {"gdbstub", "transports"}
    ]


def looks_down(house: House) -> list[str]:
    found = []
    for me, module in house.items():
        mine = within(me, ROOMS)
        for seen in sorted(module.imports):
            theirs = within(seen, ROOMS)
            if mine is not None and theirs is not None and ROOMS.index(theirs) > ROOMS.index(mine):
                found.append(f"{me} imports {seen}: {mine} stands above {theirs}, and imports point up only")
    return found


def without_a_room(house: House) -> list[str]:
    return [
        f"{me} has no room: give it its place in ROOMS, which says what it may know"
        for me in house
        if within(me, ROOMS) == "gdbstub" and me != "gdbstub"
    ]


def loose(house: House) -> list[str]:
    return [
        f"{me} lies loose in gdbstub: a file belongs into a room"
        for me in house
        if me.startswith("gdbstub.") and me.count(".") == 1 and me != "gdbstub.errors"
        if not any(name.startswith(f"{me}.") for name in house)
    ]


def too_long(house: House) -> list[str]:
    return [
        f"{me} has {module.lines} lines: more than {MOST_LINES} are two modules, or a table (TABLES)"
        for me, module in house.items()
        if module.lines > MOST_LINES and me not in TABLES
    ]


def long_no_more(house: House) -> list[str]:
    return [
        f"{me} is not longer than {MOST_LINES} lines: take it out of TABLES"
        for me in TABLES
        if me not in house or house[me].lines <= MOST_LINES
    ]


def named_twice(house: House) -> list[str]:
    homes: dict[str, list[str]] = {}
    for me, module in house.items():
        for name in module.classes:
            homes.setdefault(name, []).append(me)
    return [
        f"{name} is a class of {' and of '.join(sorted(where))}: one name, one meaning"
        for name, where in homes.items()
        if len(where) > 1 and name not in TWICE
    ]


def touches_the_world(house: House) -> list[str]:
    found = []
    for me, module in house.items():
        if within(me, PURE + PLAIN) is None:
            continue
        worldly = {seen for seen in module.imports if top_of(seen) in WORLD} | (module.calls & WORLDLY_CALLS)
        found += [f"{me} uses {seen}: it must stay a plain function of its input" for seen in sorted(worldly)]
    return found


def leans_on_the_world(house: House) -> list[str]:
    return [
        f"{me} imports {seen}: what a pure room leans on has to be pure too, and {seen} is not"
        for me, module in house.items()
        if within(me, PURE) is not None
        for seen in sorted(module.imports)
        if top_of(seen) in HOUSE and within(seen, PURE) is None
    ]


def away_from_home(house: House) -> list[str]:
    return [
        f"{me} imports {library}: only {', '.join(sorted(homes))} may, so that it can be replaced and loaded late"
        for library, homes in HOMES.items()
        for me, module in house.items()
        if me not in homes and library in {top_of(seen) for seen in module.imports}
    ]


def empty_homes(house: House) -> list[str]:
    return [
        f"{home} does not import {library}: take it out of HOMES"
        for library, homes in HOMES.items()
        for home in sorted(homes)
        if home not in house or library not in {top_of(seen) for seen in house[home].imports}
    ]


def opens_the_screen(house: House) -> list[str]:
    return [
        f"{me} imports {seen}: commands and sessions work without a screen; {_DOORS_ARE}"
        for me, module in house.items()
        if within(me, SCREEN) is None
        for seen in sorted(module.imports)
        if within(seen, SCREEN) is not None and (seen in module.at_load or (me, seen) not in DOORS)
    ]


def cycles(house: House) -> list[str]:
    """Imports for types and those inside functions count: who reads the one has to read the other."""
    graph = {me: (module.imports & house.keys()) - {me} for me, module in house.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [f"{' → '.join(error.args[1])}: a cycle; none of these modules can be read alone"]
    return []


RULES: tuple[Callable[[House], list[str]], ...] = (
    strangers,
    looks_down,
    without_a_room,
    loose,
    too_long,
    long_no_more,
    named_twice,
    touches_the_world,
    leans_on_the_world,
    away_from_home,
    empty_homes,
    opens_the_screen,
    cycles,
)


@pytest.mark.parametrize("rule", RULES)
def test_the_house_keeps_the_rule(rule: Callable[[House], list[str]]) -> None:
    broken = rule(house())
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("named", [PURE, PLAIN, ROOMS, SCREEN])
def test_every_name_in_the_rules_is_a_module(named: tuple[str, ...]) -> None:
    assert [name for name in named if name not in house()] == []


FAULTS = (
    (strangers, "gdbstub.fault", "from transports import open_endpoint"),
    (strangers, "transports.fault", "def late():\n    import gdbstub.errors"),
    (looks_down, "gdbstub.remote.target.fault", "from gdbstub import debugger"),
    (looks_down, "gdbstub.trace.fault", "import frontend.tui.view"),
    (looks_down, "gdbstub.protocol.fault", "if TYPE_CHECKING:\n    from gdbstub.debugger.record import StopRecord"),
    (without_a_room, "gdbstub.fault", ""),
    (loose, "gdbstub.fault", ""),
    (too_long, "gdbstub.trace.fault", "\n" * 301),
    (long_no_more, "gdbstub.explain.quirks.table", ""),
    (named_twice, "gdbstub.trace.fault", "class Link: ..."),
    (touches_the_world, "gdbstub.x86.fault", "import trio"),
    (touches_the_world, "gdbstub.protocol.fault", "def late():\n    from time import monotonic"),
    (touches_the_world, "frontend.tui.panes.fault", "print('drawn')"),
    (leans_on_the_world, "gdbstub.x86.fault", "from gdbstub.remote.target import RemoteTarget"),
    (away_from_home, "frontend.fault", "import asyncio.events"),
    (empty_homes, "frontend.tui.highlight", ""),
    (opens_the_screen, "frontend.commands.session", "from frontend.tui.view import update"),
    (opens_the_screen, "frontend.cli.attach", "import frontend.tui.app"),
    (cycles, "gdbstub.errors", "import gdbstub.remote.capabilities"),
    (cycles, "gdbstub.errors", "if TYPE_CHECKING:\n    import gdbstub.remote.capabilities"),
)


@pytest.mark.parametrize(("rule", "name", "source"), FAULTS)
def test_a_planted_fault_is_found(rule: Callable[[House], list[str]], name: str, source: str) -> None:
    planted = {name: source}
    if rule is cycles:
        planted["gdbstub.remote.capabilities"] = "import gdbstub.errors"
    known = frozenset(house()) | {name}
    faulty = house() | {me: read_module(text, known) for me, text in planted.items()}
    assert any(name in sentence for sentence in rule(faulty))


HEAVY = ("asyncio", "prompt_toolkit", "pygments")
LOADED = """
import json, sys
from frontend.cli.parser import main
sys.argv[0] = "dr6"
code = 0
try:
    code = main()
except SystemExit as end:
    code = end.code
print(json.dumps([code or 0, sorted(sys.modules)]), file=sys.stderr)
"""


def loads(*arguments: str) -> tuple[int, set[str]]:
    """Run ``dr6 ARGUMENTS`` without a terminal: its exit code, and the modules that it loaded."""
    command = [sys.executable, "-c", LOADED, *arguments]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    code, modules = json.loads(done.stderr.splitlines()[-1])
    return code, set(modules)


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("trace", "--help"), ("attach", "--help"), ("explain", "--dr6", "0xffff4ff0", "--json")],
)
def test_what_needs_no_guest_loads_no_loop_and_no_screen(arguments: tuple[str, ...]) -> None:
    code, modules = loads(*arguments)
    assert code == 0
    assert modules.isdisjoint({*HEAVY, "trio"}), "an import of trio takes longer than the answer"


@pytest.mark.parametrize("command", [("trace",), ("attach", "--batch"), ("doctor",)])
def test_a_headless_command_loads_no_screen(command: tuple[str, ...], tmp_path: Path) -> None:
    code, modules = loads(*command, f"unix:{tmp_path / 'nobody'}")
    assert code == 3
    assert "trio" in modules
    assert modules.isdisjoint(HEAVY), "without a screen dr6 runs under plain trio"


@pytest.mark.live
@pytest.mark.slow
def test_a_trace_of_a_real_guest_loads_no_screen() -> None:
    qemu = f"|exec qemu-system-x86_64 -accel tcg -display none -nodefaults -S -gdb stdio -kernel {build('loop')}"
    code, modules = loads("trace", qemu, "--steps", "5", "--output", "-")
    assert code == 0
    assert "capstone" in modules
    assert modules.isdisjoint(HEAVY), "without a screen dr6 runs under plain trio"
