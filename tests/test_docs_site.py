"""The site of the documentation: its chapters hold every page, its check finds what it is there for, and it can be
built where its tools are installed (`make docs-site`)."""

from __future__ import annotations

import importlib.util
import re
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from tests.test_docs import DOCS, PAGES, ROOT

SITE = DOCS / "site"
DECISIONS = sorted((DOCS / "adr").glob("0*.md"))


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    return runpy.run_path(str(SITE / "conf.py"))


def matching(patterns: list[str]) -> set[Path]:
    return {page for pattern in patterns for page in ROOT.glob(pattern)}


def test_every_page_is_in_one_chapter(settings: dict[str, Any]) -> None:
    chapters = [f"{name}.md" for names in settings["NAVIGATION"].values() for name in names]
    named = [page for pattern in chapters for page in ROOT.glob(pattern)]
    pages = matching(settings["include_patterns"]) - {ROOT / f"{settings['root_doc']}.md"}
    assert sorted(named) == sorted(pages), "give a new page its place in docs/site/conf.py"


def test_every_page_of_the_documentation_is_in_the_site(settings: dict[str, Any]) -> None:
    assert matching(settings["include_patterns"]) == set(PAGES)


def test_the_list_of_decisions_has_each_with_its_number_and_title() -> None:
    listed = (DOCS / "adr" / "README.md").read_text(encoding="utf-8")
    rows = []
    for page in DECISIONS:
        head = page.read_text(encoding="utf-8").partition("\n")[0]
        number, _, title = head.removeprefix("# ").partition(". ")
        assert page.name.startswith(f"{int(number):04}-")
        rows.append(f"{number}. [{title}]({page.name})")
    assert re.findall(r"^\d+\. .*$", listed, flags=re.MULTILINE) == rows


@pytest.fixture(scope="module")
def broken() -> Callable[[Path], Iterator[str]]:
    return cast("Callable[[Path], Iterator[str]]", runpy.run_path(str(SITE / "check.py"))["broken"])


FAULTS = {
    '<a href="no.html">': "a.html links to no.html, which is not there",
    '<a href="b/c.html#no">': "a.html links to b/c.html#no, and c.html has no such anchor",
    '<a href="#no">': "a.html links to #no, and a.html has no such anchor",
    '<img src="no.svg">': "a.html links to no.svg, which is not there",
    '<script src="https://example.org/a.js"></script>': "a.html loads https://example.org/a.js, which is another's",
    '<link rel="stylesheet" href="//example.org/a.css">': "a.html loads //example.org/a.css, which is another's",
}
WHOLE = ('<a href="b/c.html#here">', '<a href="#">', '<a id="x" href="#x">', '<a href="https://example.org/">')


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c.html").write_text('<h1 id="here">C</h1> <a href="../a.html">')
    return tmp_path


@pytest.mark.parametrize(("markup", "sentence"), FAULTS.items())
def test_a_fault_in_a_page_is_found(
    markup: str, sentence: str, site: Path, broken: Callable[[Path], Iterator[str]]
) -> None:
    (site / "a.html").write_text(markup)
    assert list(broken(site)) == [sentence]


@pytest.mark.parametrize("markup", WHOLE)
def test_a_link_that_leads_somewhere_is_no_fault(
    markup: str, site: Path, broken: Callable[[Path], Iterator[str]]
) -> None:
    (site / "a.html").write_text(markup)
    assert list(broken(site)) == []


@pytest.mark.slow
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("sphinx", "myst_parser", "furo")),
    reason="not installed: the tools of the site (make docs-site installs them)",
)
def test_the_site_builds_without_a_warning_and_its_links_hold(
    tmp_path: Path, broken: Callable[[Path], Iterator[str]]
) -> None:
    options = ["--fail-on-warning", "--keep-going", "--nitpicky", "--quiet", "--conf-dir", str(SITE)]
    command = [sys.executable, "-m", "sphinx", "--builder", "html", *options]
    places = ["--doctree-dir", str(tmp_path / "doctrees"), str(ROOT), str(tmp_path / "site")]
    done = subprocess.run([*command, *places], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(broken(tmp_path / "site")) == []
    assert (tmp_path / "site" / "index.html").is_file()
