"""The parts of the Xen lab that need no Xen: the guests, the way into dom0, what is said of a build that fails."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.guests.build import build
from tests.guests.image import read_image
from tests.labs.apt import Source, sources
from tests.labs.errors import LabError
from tests.labs.xen.dom0 import checked_folder
from tests.labs.xen.hypervisor import complaint
from tests.labs.xen.own_events import MOVES_ON, OWN_EVENTS
from tests.labs.xen.self_check import PATH, PATH_STEPS

HERE = Path(__file__).parent


@pytest.mark.parametrize("name", ["xen_pv", "xen_pvh"])
def test_both_guests_have_every_symbol_that_the_check_names(name: str) -> None:
    symbols = read_image(build("xen_pv" if name == "xen_pv" else "xen_pvh")).symbols
    named = {place for event in OWN_EVENTS for place in (*event.pv, *event.pvh)} | {*MOVES_ON, *MOVES_ON.values()}
    variables = {"events", "other_events", "other_count", "plain_count", "seen"}
    code = {"main_loop", "plain_loop", "plain_counted", "round_done"}
    assert named | variables | code | {*PATH} <= symbols.keys()


def test_the_pv_guest_is_linked_as_far_above_the_virtual_base_as_it_is_loaded() -> None:
    image = read_image(build("xen_pv"))
    base = image.symbols["virtual_base"]
    assert {segment.address - segment.physical for segment in image.segments} == {base}


def test_the_path_of_the_check_is_as_long_as_it_says() -> None:
    disassembled = subprocess.run(["objdump", "-d", build("xen_pv")], capture_output=True, text=True, check=True).stdout
    lines = disassembled.split(f"<{PATH[0]}>:\n")[1].splitlines()
    code = [line.split("\t")[-1] for line in lines if "\t" in line and len(line.split("\t")) == 3]
    assert f"<{PATH[1]}>" in code[PATH_STEPS - 1]


def test_source_packages_come_from_the_release_alone() -> None:
    own = [Source("ftp:a", "bookworm"), Source("ftp:a", "bookworm-updates"), Source("ftp:s", "bookworm-security")]
    text = sources(own, "deb-src")
    assert text.count("Types:") == text.count("Types: deb-src\nURIs: ftp:a\nSuites: bookworm\n") == 1


def test_a_build_that_fails_is_named_by_its_first_error() -> None:
    said = b"  CC a.o\ndomain.c:5: error: no such thing\nmake: *** [Makefile:1: a.o] Error 1\n"
    assert complaint(said) == "domain.c:5: error: no such thing"
    assert complaint(b"  CC a.o\nKilled\n") == "Killed"
    assert complaint(b"") == "it said nothing"


@pytest.mark.parametrize("name", ["a b", "a,b"])
def test_a_temporary_folder_that_multiboot_cannot_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(LabError, match="TMPDIR"):
        checked_folder(tmp_path / name)


def in_dom0(port: int, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-IS", str(HERE / "in_dom0.py"), str(port), *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """The server of dom0 on this machine, at the port that is yielded."""
    if shutil.which("gcc") is None:
        pytest.skip("not installed: gcc")
    program = folder / "command_server"
    subprocess.run(["gcc", "-o", program, HERE / "command_server.c"], check=True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    process = subprocess.Popen([program, str(port)])
    try:
        while process.poll() is None:
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", port)) == 0:
                    break
        yield port
    finally:
        process.kill()
        process.wait()


@pytest.mark.live
def test_a_command_of_dom0_has_its_own_outputs_and_status(tmp_path: Path) -> None:
    with served(tmp_path) as port:
        done = in_dom0(port, "sh", "-c", "echo out; echo err >&2; exit 3")
        assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 3)
        words = in_dom0(port, "printf", "%s|", "a b", "$HOME", "")
        assert (words.stdout, words.returncode) == ("a b|$HOME||", 0)
        argv = [sys.executable, "-IS", str(HERE / "in_dom0.py"), str(port), "cat"]
        echoed = subprocess.run(argv, input="x" * 300_000, capture_output=True, text=True, timeout=60)
        assert (echoed.stdout, echoed.returncode) == ("x" * 300_000, 0)
        missing = in_dom0(port, "no-such-program")
        assert (missing.stderr, missing.returncode) == ("no-such-program: No such file or directory\n", 127)
        killed = in_dom0(port, "sh", "-c", "kill -9 $$")
        assert killed.returncode == 128 + 9
        long = in_dom0(port, "head", "-c", "300000", "/dev/zero")
        assert len(long.stdout) == 300000


@pytest.mark.live
def test_what_a_command_leaves_running_does_not_hold_it_up(tmp_path: Path) -> None:
    with served(tmp_path) as port:
        done = in_dom0(port, "sh", "-c", "sleep 30 & echo $!")
        subprocess.run(["kill", done.stdout.strip()], check=True)  # it is still there, and the command is over


def test_a_dom0_that_is_not_there_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        done = in_dom0(taken.getsockname()[1], "true")
    assert done.returncode == 255
    assert done.stderr.startswith("in_dom0: port ")
    assert done.stderr.count("\n") == 1
