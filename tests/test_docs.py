"""The documentation is true where a test can tell: generated pages, links, command lines, rooms, and the picture."""

from __future__ import annotations

import ast
import html
import re
import runpy
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

import gdbstub
from docs import api_page
from docs.source import definitions, members
from frontend.cli.parser import COMMANDS, parse
from gdbstub import Debugger
from gdbstub.protocol import Link
from tests.test_architecture import ROOMS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
EXAMPLES = sorted((DOCS / "examples").glob("*.py"))
PAGES = sorted(
    page
    for page in ROOT.rglob("*.md")
    if not any(part.startswith(".") or part in ("build", "node_modules") for part in page.relative_to(ROOT).parts)
)
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
SHELL = {"|", "||", "&", "&&", ";", ">", ">>", "<"}


def generated() -> dict[str, Callable[[], str]]:
    return cast("dict[str, Callable[[], str]]", runpy.run_path(str(DOCS / "generate.py"))["PAGES"])


GENERATED = ("api.md", "backends.md", "causes.md", "commands.md", "keys.md", "packets.md", "quirks.md")


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_page_is_what_its_table_gives(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == generated()[name](), "run `make docs`"


def test_every_generated_page_is_compared() -> None:
    assert set(generated()) == set(GENERATED)


@pytest.mark.parametrize("module", api_page.public())
def test_every_public_class_and_function_says_what_it_is(module: str) -> None:
    for name in api_page.public()[module]:
        node, docstring = definitions(module)[name]
        assert docstring or isinstance(node, ast.Assign | ast.AnnAssign), f"{module}.{name} has no docstring"


@pytest.mark.parametrize(("name", "whole"), [("Debugger", Debugger), ("Link", Link)])
def test_the_public_members_of_a_class_are_there_and_say_what_they_are(name: str, whole: type) -> None:
    (module,) = (module for module, names in api_page.public().items() if name in names)
    listed = [member for members in api_page.MEMBERS[name].values() for member in members]
    assert len(set(listed)) == len(listed)
    for member in listed:
        node, docstring = members(name, module)[member]
        assert docstring, member
        assert hasattr(whole, member) or isinstance(node, ast.Assign | ast.AnnAssign), member


@pytest.mark.parametrize("example", EXAMPLES, ids=[path.name for path in EXAMPLES])
def test_an_example_uses_what_is_public(example: Path) -> None:
    tree = ast.parse(example.read_text(encoding="utf-8"))
    public = {"gdbstub": {*gdbstub.__all__}, "transports": {*api_page.WITH_STREAMS}, "sys": None, "socket": None}
    public |= {"gdbstub.protocol": {*gdbstub.protocol.__all__}, "gdbstub.explain": {*gdbstub.explain.__all__}}
    public["trio"] = {"run"}
    debugger = {member for group in api_page.MEMBERS["Debugger"].values() for member in group}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert {alias.name for alias in node.names} <= (public[str(node.module)] or set())
        elif isinstance(node, ast.Import):
            assert {alias.name for alias in node.names} <= public.keys()
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            of = debugger if node.value.id == "debugger" else public.get(node.value.id)
            assert of is None or node.attr in of, ast.unparse(node)


def prose(page: Path) -> str:
    """The page without its code."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    heads = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def command_lines(page: Path) -> Iterator[str]:
    """Every `dr6 …` of code blocks."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    blocks += re.findall(r"^(?: {4}.*\n)+", text, flags=re.MULTILINE)
    for block in blocks:
        yield from re.findall(r"^ *(?:\$ )?(dr6 .*)$", block.replace("\\\n", " "), flags=re.MULTILINE)


def arguments(line: str) -> list[str]:
    """What the shell would hand to dr6."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words = list(lexer)
    end = next((n for n, word in enumerate(words) if word in SHELL), len(words))
    return words[1:end]


def accepts(words: list[str], capsys: pytest.CaptureFixture[str]) -> bool:
    try:
        parse(words)
    except SystemExit as end:
        capsys.readouterr()
        return end.code in (0, None)  # --help, --version
    return True


LINES = [(name, line) for name, page in zip(NAMES, PAGES, strict=True) for line in command_lines(page)]


@pytest.mark.parametrize(("page", "line"), LINES)
def test_every_command_line_that_is_shown_can_be_given(
    page: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert accepts(arguments(line), capsys), f"{page}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_the_text_names_no_command_that_is_not_there(page: Path) -> None:
    names = {row[0] for row in COMMANDS}
    for name in re.findall(r"`dr6 ([a-z][-\w]*)", page.read_text(encoding="utf-8")):
        assert name in names


def test_every_command_is_shown_in_a_code_block_or_named_in_the_readme() -> None:
    shown = {words[0] for _, line in LINES if (words := arguments(line))} | {"demo"}
    assert shown >= {row[0] for row in COMMANDS}
    assert "`dr6 demo`" in (DOCS / "start.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("line", ["dr6 serve :1", "dr6 trace :1 --steps many", "dr6 attach"])
def test_a_command_line_that_dr6_does_not_know_is_found(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert not accepts(arguments(line), capsys)


def test_the_page_of_the_architecture_has_the_rooms_in_their_order() -> None:
    table = (DOCS / "architecture.md").read_text(encoding="utf-8").partition("<!-- rooms -->")[2]
    rooms = re.findall(r"^\| `([\w.]+)` \|", table, flags=re.MULTILINE)
    assert rooms == [room for room in ROOMS if room != "gdbstub"]


def test_the_text_of_the_readme_is_that_of_the_picture() -> None:
    picture = (DOCS / "screen.svg").read_text(encoding="utf-8")
    shown = {html.unescape(text).strip() for text in re.findall(r">([^<>]+)</text>", picture)}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    excerpt = readme.partition("as text:\n\n```\n")[2].partition("```")[0].split("\n")
    whole = "".join("".join(sorted(shown)).split())
    assert len(excerpt) > 5
    for line in filter(None, excerpt):
        assert all(word in whole for word in line.split()), line


@pytest.mark.parametrize("page", [*PAGES, DOCS / "screen.svg"], ids=[*NAMES, "docs/screen.svg"])
def test_no_page_names_a_path_of_the_machine_that_it_was_written_on(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for path in (str(ROOT), str(Path.home())):
        assert path == "/" or path not in text


def test_the_screenshot_script_draws_colours_and_refuses_what_it_cannot_draw() -> None:
    svg = cast("Callable[[str], str]", runpy.run_path(str(DOCS / "screenshot.py"))["svg"])

    drawn = svg("a\x1b[1;31mb <\x1b[0m c")

    assert ">a</text>" in drawn
    assert 'fill="#e06c75" font-weight="bold">b &lt;</text>' in drawn
    with pytest.raises(ValueError, match="SGR 53"):
        svg("\x1b[53mover")
