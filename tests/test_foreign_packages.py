"""Packages of other people with the names of ours, in one environment with dr6, before it or after it: dr6 works, or
says in one sentence what it found; it runs none of their code, and there is no traceback."""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import dr6
from frontend.clean import clean
from frontend.cli.parser import main
from frontend.version import version
from gdbstub.errors import GdbError
from gdbstub.explain.explain import explain
from tests.distributions import ROOT
from transports import parse_target

pytestmark = pytest.mark.slow

THEIRS = "raise SystemExit('their code ran')\n"
FAILS = "import a_library_that_is_not_here\n"


def file_of(thing: type | Callable[..., object]) -> str:
    """The file of ours in which it is defined."""
    return str(Path(inspect.getfile(thing)).relative_to(ROOT))


OVERWRITING = {
    "a whole package": {"transports/__init__.py": FAILS, "transports/client.py": FAILS},
    "a package that is empty": {"gdbstub/__init__.py": ""},
    "a package that does no harm": {"gdbstub/__init__.py": "__version__ = '1'\n"},
    "a package that ends the program": {"gdbstub/__init__.py": THEIRS},
    "one module": {file_of(parse_target): FAILS},
    "a module that is loaded late": {file_of(explain): "def explain(): ...\n"},
    "the command line": {"frontend/__init__.py": "", file_of(main): FAILS},
    "two packages": {file_of(version): FAILS, file_of(GdbError): FAILS},
}
SHADOWING = {
    "a folder for a module": {"frontend/__init__.py": "", file_of(clean).replace(".py", "/__init__.py"): THEIRS},
    "a shared object for a module": {file_of(parse_target).replace(".py", ".abi3.so"): "not even ELF"},
    "a shared object for a package": {"gdbstub/__init__.abi3.so": "not even ELF"},
}
HARMLESS = {
    "other files": {"transports/hub.py": FAILS, "frontend/static/index.html": "<html>"},
    "a folder without modules": {file_of(clean).replace(".py", "/README"): ""},
    "an __init__.py that is as empty as ours": {"frontend/__init__.py": ""},
}
COMMANDS = (("--help",), ("explain", "--dr6", "0xffff4ff0"), ("attach", "unix:/nowhere", "--batch"))
"""The last one loads most of dr6."""
SCRIPT = ("-c", "import sys; from dr6 import main; sys.exit(main())")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    directory = tmp_path / "site"
    directory.mkdir()
    return directory


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's files, with their bytecode, as pip writes them."""
    directory = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(directory)
    works(SCRIPT, directory)  # which compiles what it loads
    return directory


def install_dr6(unpacked: Path, site: Path) -> None:
    """pip writes over what is there, and so does this."""
    shutil.copytree(unpacked, site, dirs_exist_ok=True, copy_function=link)


def link(source: str, target: str) -> None:
    """The same file once more, in place of what is there."""
    Path(target).unlink(missing_ok=True)
    os.link(source, target)


def install(files: dict[str, str], site: Path) -> None:
    for name, text in files.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # it may be a link
        path.write_text(text)


def run(entry: tuple[str, ...], words: tuple[str, ...], *path: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path))}
    command = [sys.executable, *entry, *words]
    return subprocess.run(
        command,
        cwd=path[0] if path[0].is_dir() else None,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def says(done: subprocess.CompletedProcess[str], *files: Path) -> None:
    """It names one of ``files``, with its package and what to do, and nothing else happened."""
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr in [
        f"dr6: found another package named {package} at {file}: install dr6 in an environment of its own: "
        "pipx install dr6\n"
        for file in files
        for package in dr6.PACKAGES
        if package in file.parts
    ]


def works(entry: tuple[str, ...], *path: Path) -> None:
    done = run(entry, COMMANDS[-1], *path)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("files", OVERWRITING.values(), ids=OVERWRITING)
def test_what_was_written_over_is_named(files: dict[str, str], unpacked: Path, site: Path) -> None:
    install_dr6(unpacked, site)
    install(files, site)
    says(run(SCRIPT, COMMANDS[1], site), *(site / name for name in files))


@pytest.mark.parametrize("files", OVERWRITING.values(), ids=OVERWRITING)
def test_dr6_works_where_its_files_were_written_last(files: dict[str, str], unpacked: Path, site: Path) -> None:
    install(files, site)
    install_dr6(unpacked, site)
    works(SCRIPT, site)


@pytest.mark.parametrize("ours_first", [True, False], ids=["ours first", "theirs first"])
@pytest.mark.parametrize("files", SHADOWING.values(), ids=SHADOWING)
def test_what_the_import_system_would_take_for_a_file_of_ours_is_named(
    files: dict[str, str], ours_first: bool, unpacked: Path, site: Path
) -> None:
    if ours_first:
        install_dr6(unpacked, site)
    install(files, site)
    if not ours_first:
        install_dr6(unpacked, site)
    says(run(SCRIPT, COMMANDS[0], site), *(site / name for name in files))


@pytest.mark.parametrize("files", HARMLESS.values(), ids=HARMLESS)
def test_files_that_are_in_nobodys_way_are_passed_over(files: dict[str, str], unpacked: Path, site: Path) -> None:
    install_dr6(unpacked, site)
    install(files, site)
    works(SCRIPT, site)


@pytest.mark.parametrize("entry", [SCRIPT, ("-m", "dr6"), ("-m", "frontend")], ids=["dr6", "-m dr6", "-m frontend"])
def test_every_entry_looks_first(entry: tuple[str, ...], unpacked: Path, site: Path) -> None:
    install_dr6(unpacked, site)
    works(entry, site)
    install({"transports/__init__.py": FAILS}, site)
    says(run(entry, COMMANDS[0], site), site / "transports" / "__init__.py")


def test_what_a_removed_package_took_with_it_is_named(unpacked: Path, site: Path) -> None:
    install_dr6(unpacked, site)
    gone = site / "transports" / "__init__.py"
    gone.unlink()
    done = run(SCRIPT, COMMANDS[0], site)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"dr6: {gone} is gone, as it is when another package named transports was removed: install dr6 in an "
        "environment of its own: pipx install dr6\n"
    )


@pytest.mark.parametrize("name", dr6.PACKAGES)
def test_packages_elsewhere_on_the_path_are_passed_over(name: str, unpacked: Path, site: Path, tmp_path: Path) -> None:
    """Those of PYTHONPATH, of the working directory, and of an environment that has dr6 as an editable checkout."""
    install_dr6(unpacked, site)
    elsewhere = tmp_path / "elsewhere"
    install({f"{name}/__init__.py": THEIRS}, elsewhere)
    works(SCRIPT, elsewhere, site)


def test_a_package_that_was_loaded_before_dr6_is_named(unpacked: Path, site: Path, tmp_path: Path) -> None:
    install_dr6(unpacked, site)
    elsewhere = tmp_path / "elsewhere"
    install({"transports/__init__.py": ""}, elsewhere)
    early = ("-c", f"import transports; {SCRIPT[1]}")
    says(run(early, COMMANDS[0], elsewhere, site), elsewhere / "transports" / "__init__.py")


@pytest.mark.parametrize("record", [None, "of an older dr6"])
def test_dr6_works_without_a_record_of_its_files_and_beside_an_old_one(
    record: str | None, unpacked: Path, site: Path
) -> None:
    install_dr6(unpacked, site)
    if record is None:
        (written,) = site.glob("dr6-*.dist-info/RECORD")
        written.unlink()
    else:
        install({"dr6-0.0.1.dist-info/RECORD": "frontend/gone.py,sha256=x,12\n\n"}, site)
    works(SCRIPT, site)


def test_nothing_is_looked_for_in_a_checkout_and_in_an_archive(wheel: Path) -> None:
    assert dr6.trouble(dr6.HERE) is None
    works(SCRIPT, wheel)


@pytest.mark.parametrize("ours_first", [True, False], ids=["ours first", "theirs first"])
def test_pip_lets_both_in_and_the_script_looks_first(ours_first: bool, wheel: Path, tmp_path: Path) -> None:
    theirs = foreign_wheel(tmp_path)
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    for archive in (wheel, theirs) if ours_first else (theirs, wheel):
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-index"]
        subprocess.run([*pip, "--no-deps", "--no-compile", str(archive)], check=True, capture_output=True)
    (site,) = tmp_path.glob("venv/lib/python*/site-packages")
    (site / "libraries.pth").write_text(f"{Path(pytest.__file__).parents[1]}\n")  # those that dr6 needs

    command = [str(python.with_name("dr6")), *COMMANDS[1]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    if ours_first:
        says(done, site / "transports" / "__init__.py")
    else:
        assert (done.returncode, done.stderr) == (0, "")


def foreign_wheel(directory: Path) -> Path:
    path = directory / "transports-1.0-py3-none-any.whl"
    info = "transports-1.0.dist-info"
    files = {
        "transports/__init__.py": FAILS,
        "transports/hub.py": FAILS,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: transports\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path
