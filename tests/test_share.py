"""What lies below share/: it is what the command line gives, man renders it, and the shells complete with it."""

from __future__ import annotations

import os
import pty
import re
import runpy
import select
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from docs.command_line import KINDS, SCHEMES, WORDS, commands
from docs.manual import escape
from frontend.cli.arguments.groups import TARGETS
from frontend.cli.parser import COMMANDS

ROOT = Path(__file__).parents[1]
SHARE = ROOT / "share"
MANUAL = SHARE / "man/man1/dr6.1"
BASH = SHARE / "bash-completion/completions/dr6"
ZSH = SHARE / "zsh/site-functions/_dr6"
FISH = SHARE / "fish/vendor_completions.d/dr6.fish"
SHARED = ("man/man1/dr6.1", *(str(path.relative_to(SHARE)) for path in (BASH, ZSH, FISH)))

SECONDS = 30.0


def generated() -> dict[str, Callable[[], str]]:
    return cast("dict[str, Callable[[], str]]", runpy.run_path(str(ROOT / "docs" / "generate.py"))["SHARED"])


@pytest.mark.parametrize("name", SHARED)
def test_a_file_below_share_is_what_the_command_line_gives(name: str) -> None:
    assert (SHARE / name).read_text(encoding="utf-8") == generated()[name](), "run `make docs`"


def test_every_file_below_share_is_compared() -> None:
    assert {str(path.relative_to(SHARE)) for path in SHARE.rglob("*") if path.is_file()} == set(SHARED)
    assert set(generated()) == set(SHARED)


def test_every_command_option_and_argument_is_in_the_manual_page() -> None:
    page = MANUAL.read_text(encoding="utf-8")
    assert [command.name for command in commands()[1:]] == [row[0] for row in COMMANDS]
    for command in commands()[1:]:
        section = page.partition(f'.SS "dr6 {escape(command.name)}"\n')[2].partition("\n.S")[0]
        assert escape(command.help) in section
        for option in command.options:
            if "--help" not in option.names:
                assert all(rf"\fB{escape(name)}\fR" in section for name in option.names)
        assert all(rf"\fI{escape(place.value)}\fR" in section for place in command.places if place.help)


def test_every_kind_and_every_list_of_words_is_of_an_option_that_is_there() -> None:
    options = [option for command in commands() for option in command.options]
    places = [place for command in commands() for place in command.places]
    assert KINDS.keys() <= {option.value for option in options} | {place.value for place in places}
    assert WORDS.keys() <= {name for option in options for name in option.names}


def test_the_schemes_are_those_of_the_help() -> None:
    assert set(re.findall(r"\b([a-z]\w+):", TARGETS)) == set(SCHEMES)


RENDERERS = (
    ("man", "--warnings=w", "-l"),
    ("groff", "-man", "-ww", "-z"),
    ("mandoc", "-T", "lint", "-W", "warning"),
)


@pytest.mark.parametrize("command", RENDERERS, ids=lambda command: command[0])
def test_the_manual_page_renders_without_a_warning(command: tuple[str, ...]) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"not installed: {command[0]}")
    done = subprocess.run(
        [*command, str(MANUAL)], capture_output=True, text=True, check=False, env=os.environ | {"MANWIDTH": "80"}
    )
    assert (done.returncode, done.stderr) == (0, "")
    if command[0] == "mandoc":
        assert done.stdout == ""


@pytest.mark.skipif(shutil.which("man") is None, reason="not installed: man")
def test_the_manual_page_shows_what_can_be_copied() -> None:
    command = ["man", "-l", str(MANUAL)]
    environment = os.environ | {"MANWIDTH": "200", "LC_ALL": "C.UTF-8", "MAN_KEEP_FORMATTING": ""}
    text = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    assert "dr6 launch guest.elf --batch -ex 'catch db' -ex continue -ex why" in text


FOLDER = ("guest.elf", "gdb.sock", "steps here.jsonl", "sub/story.rec")
CASES: tuple[tuple[str, set[str]], ...] = (
    ("dr6 expl", {"explain"}),
    ("dr6 explain --mode ", {"16", "32", "64"}),
    ("dr6 explain --mode 3", {"32"}),
    ("dr6 explain --cause io", {"io-breakpoint"}),
    ("dr6 explain --dr6 0x1 --vendor ", {"intel", "amd"}),
    ("dr6 attach --leave ", {"running", "stopped"}),
    ("dr6 attach --leave=s", {"stopped"}),
    ("dr6 attach --backend qemu-", {"qemu-tcg", "qemu-kvm"}),
    ("dr6 attach un", {"unix:"}),
    ("dr6 attach g", {"gdbsx:", "gdb.sock", "guest.elf"}),
    ("dr6 attach unix:gdb", {"unix:gdb.sock"}),
    ("dr6 attach replay:sub/s", {"replay:sub/story.rec"}),
    ("dr6 attach unix:gdb.sock --ba", {"--backend", "--batch"}),
    ("dr6 attach :1234 --symbols gu", {"guest.elf"}),
    ("dr6 attach :1234 -ex thb", {"thbreak"}),
    ("dr6 launch gu", {"guest.elf"}),
    ("dr6 replay st", {"steps here.jsonl"}),
    ("dr6 serve :1 --listen u", {"unix:"}),
    ("dr6 serve :1 --listen unix:gd", {"unix:gdb.sock"}),
    ("dr6 trace :1 --catch p", {"pf"}),
    ("dr6 trace :1 --steps ", set()),
)
IDS = [line for line, _ in CASES]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with files to complete."""
    found = tmp_path_factory.mktemp("folder")
    for name in FOLDER:
        (found / name).parent.mkdir(exist_ok=True)
        (found / name).touch()
    return found


def readline_words(line: str) -> list[str]:
    """As bash splits it for completions: at blanks, and around what COMP_WORDBREAKS has."""
    return [part for word in line.split(" ") for part in (re.findall(r"[:=]+|[^:=]+", word) or [""])]


def in_bash(line: str, folder: Path, breaks: str = " \t\n\"'><=;|&(:", whole: str | None = None) -> set[str]:
    words = readline_words(line) if ":" in breaks else line.split(" ")
    script = [
        f"source {shlex.quote(str(BASH))}",
        f"COMP_WORDBREAKS={shlex.quote(breaks)}",
        f"COMP_LINE={shlex.quote(line if whole is None else whole)} COMP_POINT={len(line)}",
        f"COMP_WORDS=({shlex.join(words)}) COMP_CWORD={len(words) - 1}",
        "_dr6",
        r"printf '%s\n' ${COMPREPLY[@]+" + r'"${COMPREPLY[@]}"}',
    ]
    command = ["bash", "--norc", "-c", "\n".join(script)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return {row for row in done.stdout.splitlines() if row}


bash = pytest.mark.skipif(shutil.which("bash") is None, reason="not installed: bash")


@bash
@pytest.mark.parametrize(("line", "expected"), CASES, ids=IDS)
def test_bash_completes(line: str, expected: set[str], folder: Path) -> None:
    """It replaces what is behind the last colon or equals sign, so the answers are without what is in front."""
    behind = {re.split("[:=](?=.)", word)[-1] if re.search("[:=]", line.split(" ")[-1]) else word for word in expected}
    assert in_bash(line, folder) == behind


@bash
@pytest.mark.parametrize(("line", "expected"), CASES, ids=IDS)
def test_bash_completes_where_it_splits_at_blanks_only(line: str, expected: set[str], folder: Path) -> None:
    whole = {f"--leave={word}" for word in expected} if "--leave=" in line else expected
    assert in_bash(line, folder, breaks=" \t\n") == whole
    assert in_bash(line, folder, breaks=" \t\n", whole="") == whole, "without COMP_LINE"


@bash
def test_bash_offers_every_command_and_every_option_that_is_there(folder: Path) -> None:
    assert in_bash("dr6 ", folder) == {row[0] for row in COMMANDS}
    for command in commands():
        line = f"dr6 {command.name} -" if command.name else "dr6 -"
        assert in_bash(line, folder) == {name for option in command.options for name in option.names}


@pytest.mark.skipif(shutil.which("fish") is None, reason="not installed: fish")
@pytest.mark.parametrize(("line", "expected"), CASES, ids=IDS)
def test_fish_completes(line: str, expected: set[str], folder: Path) -> None:
    script = f"source {shlex.quote(str(FISH))}; complete -C {shlex.quote(line)}"
    command = ["fish", "--no-config", "-c", script]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    whole = {f"--leave={word}" for word in expected} if "--leave=" in line else expected
    assert {row.partition("\t")[0].replace("\\", "") for row in done.stdout.splitlines()} == whole


class Typed:
    """A shell on a terminal of its own."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self._terminal, theirs = pty.openpty()
        environment = os.environ | {"TERM": "dumb", "HISTFILE": "", "ZDOTDIR": str(folder), "HOME": str(folder)}
        self._shell = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)
        self.shown = ""

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def wait_for(self, text: str) -> None:
        end = time.monotonic() + SECONDS
        while text not in self.shown:
            left = end - time.monotonic()
            assert left > 0, f"{text!r} is not in {self.shown!r}"
            if select.select([self._terminal], [], [], left)[0]:
                self.shown += os.read(self._terminal, 65536).decode("utf-8", "replace")

    def close(self) -> None:
        self._shell.kill()
        self._shell.wait()
        os.close(self._terminal)


KEYS = (
    ("dr6 expl\t--vendor i\t", "dr6 explain --vendor intel "),
    ("dr6 attach --leave=s\t", "dr6 attach --leave=stopped "),
    ("dr6 attach unix:gdb\t--stri\t", "dr6 attach unix:gdb.sock --strict "),
    ("dr6 replay st\t", r"dr6 replay steps\ here.jsonl "),
)
SHELLS = {
    "bash": (["bash", "--norc", "-i"], f"source {shlex.quote(str(BASH))}"),
    "zsh": (
        ["zsh", "-f", "-i"],
        f"fpath=({shlex.quote(str(ZSH.parent))} $fpath); autoload -Uz compinit; compinit -u -D",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("keys", "line"), KEYS, ids=[line for _, line in KEYS])
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_on_a_terminal_completes_what_is_typed(shell: str, keys: str, line: str, folder: Path) -> None:
    """The line goes to a function in place of dr6, which prints what it was given."""
    if shutil.which(shell) is None:
        pytest.skip(f"not installed: {shell}")
    command, load = SHELLS[shell]
    typed = Typed(command, folder)
    try:
        typed.type(f"PS1='$ '; {load}; dr6() {{ printf '<%s>' \"$@\"; }}; echo rea''dy\n")
        typed.wait_for("ready")
        typed.type(f"{keys}\n")
        typed.wait_for("".join(f"<{word}>" for word in shlex.split(line)[1:]))
    finally:
        typed.close()
