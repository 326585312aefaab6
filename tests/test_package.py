"""What a user gets: the wheel holds the three packages with the demo guest, and works away from the checkout; the
source archive holds what makes the same wheel."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from docs.manual import CHANGELOG
from frontend.version import FALLBACK
from tests.distributions import ROOT, build

PACKAGES = ("frontend", "gdbstub", "transports")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(directory)
    return directory


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked source archive."""
    directory = tmp_path_factory.mktemp("sources")
    with tarfile.open(build(ROOT, "sdist", tmp_path_factory.mktemp("sdist"))) as archive:
        archive.extractall(directory, filter="data")
    (unpacked,) = directory.iterdir()
    return unpacked


def run(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``dr6 ARGUMENTS`` from the unpacked wheel, in a directory that is not the checkout."""
    environment = os.environ | {"PYTHONPATH": str(installed)}
    command = [sys.executable, "-m", "dr6", *arguments]
    return subprocess.run(
        command, cwd=installed, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def test_the_wheel_holds_the_three_packages_with_their_entry_and_nothing_else(installed: Path) -> None:
    (metadata,) = installed.glob("*.dist-info")
    (data,) = installed.glob("*.data")
    assert {path.name for path in installed.iterdir()} == {*PACKAGES, "dr6.py", metadata.name, data.name}
    assert (metadata / "licenses" / "LICENSE").is_file()
    assert "dr6 = dr6:main" in (metadata / "entry_points.txt").read_text().splitlines()


def test_the_wheel_holds_every_file_of_the_packages(installed: Path) -> None:
    for package in PACKAGES:
        assert _files(installed / package) == _files(ROOT / package)


def test_the_wheel_installs_the_manual_page_and_the_completions(installed: Path) -> None:
    (share,) = installed.glob("*.data/data/share")
    assert _files(share) == _files(ROOT / "share")


def test_the_packages_that_others_may_import_ship_their_types(installed: Path) -> None:
    assert {path.parent.name for path in installed.rglob("py.typed")} == {"gdbstub", "transports"}


def test_the_source_archive_holds_what_dr6_is_made_from_and_no_tests(sources: Path) -> None:
    made = {"PKG-INFO", "pyproject.toml", ".gitignore", "LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"}
    assert {path.name for path in sources.iterdir()} == {*PACKAGES, "dr6.py", "share", "docs", "guests", *made}
    pages = [path for path in (sources / "docs").rglob("*") if path.is_file() and path.parent.name != "examples"]
    assert {path.suffix for path in pages} == {".md", ".svg"}
    assert _files(sources / "docs" / "examples") == _files(ROOT / "docs" / "examples")
    for folder in (*PACKAGES, "share"):
        assert _files(sources / folder) == _files(ROOT / folder)


def test_the_wheel_from_the_source_archive_is_that_from_the_checkout(
    wheel: Path, sources: Path, tmp_path: Path
) -> None:
    again = build(sources, "wheel", tmp_path)
    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()


def test_every_place_that_names_the_version_names_the_same() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    versions = re.findall(r"^## \[(\d[^]]*)\]", CHANGELOG.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert (versions[0], FALLBACK) == (project["version"],) * 2


def _files(directory: Path) -> set[str]:
    return {
        str(path.relative_to(directory))
        for path in directory.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_installed_program_runs_from_its_own_files(installed: Path) -> None:
    where = "import frontend; print(frontend.__file__)"
    environment = os.environ | {"PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", where]
    shown = subprocess.run(command, cwd=installed, env=environment, capture_output=True, text=True, check=True).stdout
    assert Path(shown.strip()) == installed / "frontend" / "__init__.py"
    assert run(installed, "explain", "--dr6", "0xffff4ff0").returncode == 0


@pytest.mark.live
def test_the_demo_runs_from_the_wheel(installed: Path) -> None:
    done = run(installed, "demo")
    assert done.returncode == 0, done.stderr
    assert "single-step" in done.stdout
