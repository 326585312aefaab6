"""What a user gets: the wheel holds the three packages with the demo guest, and works away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("frontend", "gdbstub", "transports")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by the backend that pyproject.toml names, as it is installed here."""
    directory = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = directory.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(directory)
    return directory


def run(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``dr6 ARGUMENTS`` from the unpacked wheel, in a directory that is not the checkout."""
    environment = os.environ | {"PYTHONPATH": str(installed)}
    command = [sys.executable, "-m", "frontend", *arguments]
    return subprocess.run(
        command, cwd=installed, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def test_the_wheel_holds_the_three_packages_and_nothing_else(installed: Path) -> None:
    (metadata,) = installed.glob("*.dist-info")
    assert {path.name for path in installed.iterdir()} == {*PACKAGES, metadata.name}
    assert (metadata / "licenses" / "LICENSE").is_file()
    assert "dr6 = frontend.cli.parser:main" in (metadata / "entry_points.txt").read_text().splitlines()


def test_the_wheel_holds_every_file_of_the_packages(installed: Path) -> None:
    for package in PACKAGES:
        assert _files(installed / package) == _files(ROOT / package)


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
