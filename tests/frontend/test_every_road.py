"""No text reaches a terminal but through `frontend.clean`: by the source, there is no other road; by a terminal that
keeps what it gets, none of the commands has found one."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from frontend.commands import COMMANDS
from tests.faults.sick_stub import EVIL
from tests.faults.verdict import UNPRINTABLE, run, sick

ROOT = Path(__file__).parents[2]
ROADS = {
    "frontend.cli.streams": "where it is cleaned",
    "frontend.cli.explain": "standard input",
    "gdbstub.trace.line_file": "rows of JSON in ASCII, lines that `frontend.clean.visible` made (`test_trace_text`)",
    "gdbstub.backends.xen.journal": "a file of its own",
    "transports.recording": "a file of its own",
    "transports.sockets": "a socket",
}
"""Modules that write bytes past `sys.stdout`, and why they may."""
WRITES = ("os.write", "os.writev", "os.sendfile", "os.dup2", "os.fdopen", "os.system", "os.posix_spawn")
STARTS = ("subprocess.run", "subprocess.Popen", "subprocess.call", "trio.run_process", "trio.lowlevel.open_process")
OWN_TEXT = ("frontend.cli.progress", "frontend.cli.doctor", "frontend.cli.streams")
"""Who moves the cursor: progress, of numbers and names of dr6's own."""


WORDS = EVIL.replace("\0", "")
"""As far as a command line can have it."""
ENDING = ("quit", "kill", "detach", "shell", "run")
STEPS = ("stepi", "nexti", f"advance {WORDS}", f"stepi {WORDS}")


@cache
def _modules() -> dict[str, ast.Module]:
    paths = [path for house in ("frontend", "gdbstub", "transports") for path in (ROOT / house).rglob("*.py")]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts): ast.parse(path.read_text()) for path in paths}


@cache
def _calls() -> tuple[tuple[str, str, ast.Call], ...]:
    """Each call: its module, what is called, and how."""
    return tuple(
        (name, _dotted(node.func), node)
        for name, tree in _modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    )


def _dotted(node: ast.expr) -> str:
    """As it is written, where it is names and dots; what comes in front of other things is left out."""
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def test_nothing_writes_past_the_streams_that_clean() -> None:
    past = {name for name, what, _ in _calls() if what in WRITES}
    past |= {
        name
        for name, tree in _modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("buffer", "__stdout__", "__stderr__", "detach")
        if _dotted(node).startswith("sys.")
    }
    assert past == ROADS.keys()


def test_only_progress_moves_the_cursor() -> None:
    assert {name for name, what, _ in _calls() if what.endswith("write_control")} == set(OWN_TEXT)


def test_no_program_that_dr6_starts_has_its_terminal() -> None:
    for name, what, call in _calls():
        given = {str(keyword.arg).removeprefix("capture_") for keyword in call.keywords}
        captured = given >= {"stdout", "stderr"} or "output" in given
        assert what not in STARTS or captured, (name, call.lineno)


def _evil_lines() -> list[str]:
    """Every command but those that end the session or wait for a guest that runs: with nothing, with what stands for
    it, and with what a terminal would obey."""
    calm = [row for row in COMMANDS if row.name not in ENDING and row.group != "running"]
    return [*STEPS, *(f"{row.name}{rest}" for row in calm for rest in ("", " $pc", f" {WORDS}"))]


TRIES = 3
"""On a machine that is very busy the stub's greeting may come too late for dr6, and then no command is run."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "sickness",
    ["memory-error-evil", "points-error-evil", "monitor-evil", "actions-evil"],
)
def test_no_command_lets_a_stub_or_its_own_words_command_the_terminal(sickness: str, tmp_path: Path) -> None:
    words = [word for line in _evil_lines() for word in ("-ex", line)]
    with sick(sickness, tmp_path) as target:
        for _ in range(TRIES):
            ended = run("attach", target, "--batch", *words, cwd=tmp_path)
            if "evi" in ended.out + ended.err:
                break
    assert "evi" in ended.out + ended.err
    assert (UNPRINTABLE.search(ended.out), UNPRINTABLE.search(ended.err)) == (None, None)
    assert ended.faults == [], ended.err[-2000:]
