"""The journal of int3s: a row is there whole or not at all, and nobody else's files are read or written."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gdbstub.backends.xen.journal import CannotKeep, Int3, Journal
from gdbstub.backends.xen.left_behind import MOST_BYTES, left_behind

ONE, TWO, THREE = (Int3(at, 0x90, b"\x90" * 7) for at in (0x1000, 0x2000, 0x3000))
HEAD = {"kind": "target", "target": "xen:guest", "domain": None, "pid": 7}
ROW = {"kind": "planted", "address": "0x1000", "original": "90", "behind": "9090"}


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """No file of ours grows beyond ``size``: what fits is written, the rest refused (setrlimit(2), RLIMIT_FSIZE)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def journal(folder: Path) -> Journal:
    return Journal(folder, "xen:guest")


def forsaken(made: Journal) -> None:
    """Its dr6 is killed: the lock goes, the file stays."""
    assert made._fd is not None
    os.close(made._fd)
    made._fd = None


def left(folder: Path) -> list[int]:
    return [int3.address for one in left_behind(folder, "xen:guest", None) for int3 in one.int3s]


def written(folder: Path, *rows: object, name: str = "x.jsonl") -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("room", range(1, 60, 7))
def test_a_row_that_does_not_fit_is_refused_and_takes_no_other_along(tmp_path: Path, room: int) -> None:
    folder = tmp_path / "planted"
    made = journal(folder)
    made.insert(ONE)
    (path,) = folder.iterdir()
    with files_up_to(path.stat().st_size + room), pytest.raises(CannotKeep, match="No breakpoint was set"):
        made.insert(TWO)
    made.insert(THREE)
    forsaken(made)
    assert left(folder) == [ONE.address, THREE.address]


def test_a_first_row_that_does_not_fit_leaves_no_file(tmp_path: Path) -> None:
    folder = tmp_path / "planted"
    made = journal(folder)
    with files_up_to(10), pytest.raises(CannotKeep):
        made.insert(ONE)
    assert list(folder.iterdir()) == []
    made.insert(ONE)
    forsaken(made)
    assert left(folder) == [ONE.address]


def test_names_that_lead_elsewhere_are_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "planted"
    folder.mkdir(mode=0o700)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    name = f"xen%3Aguest.{os.getpid()}"
    (folder / f"{name}.jsonl").symlink_to(victim)
    (folder / f"{name}-1.jsonl").symlink_to(tmp_path / "nowhere")
    made = journal(folder)
    made.insert(ONE)
    made.remove(ONE.address)
    made.close()
    assert len(list(folder.iterdir())) == 2
    made = journal(folder)
    made.insert(ONE)
    forsaken(made)
    assert left(folder) == [ONE.address]
    assert victim.read_text() == "precious"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_folder_that_others_can_write_is_not_used(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "planted"
    written(folder, HEAD, ROW)
    assert left(folder) == [0x1000]
    folder.chmod(mode)
    assert left(folder) == []
    with pytest.raises(CannotKeep, match="others can write"):
        journal(folder).insert(ONE)


def test_a_folder_behind_a_link_is_not_used(tmp_path: Path) -> None:
    written(tmp_path / "real", HEAD, ROW)
    (tmp_path / "planted").symlink_to(tmp_path / "real")
    assert left(tmp_path / "planted") == []
    with pytest.raises(CannotKeep):
        journal(tmp_path / "planted").insert(ONE)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_another_users_file_is_not_read(tmp_path: Path) -> None:
    path = written(tmp_path / "planted", HEAD, ROW)
    os.chown(path, 1, 1)
    assert left(tmp_path / "planted") == []
    os.chown(path, 0, 0)
    path.chmod(0o666)
    assert left(tmp_path / "planted") == []


def test_what_is_no_plain_file_or_too_long_is_passed_over_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "planted"
    written(folder, HEAD, ROW)
    (folder / "a.jsonl").symlink_to("/dev/zero")
    os.mkfifo(folder / "b.jsonl", 0o600)
    (folder / "c.jsonl").mkdir()
    with written(folder, name="d.jsonl").open("r+b") as file:
        file.truncate(MOST_BYTES + 1)
    assert left(folder) == [0x1000]


@pytest.mark.parametrize(
    "row",
    [
        ROW | {"original": "190"},
        ROW | {"original": "-1"},
        ROW | {"address": "-0x1000"},
        ROW | {"address": "0x1" + "0" * 16},
        ROW | {"behind": "zz"},
        ROW | {"address": None},
        {"kind": "kept", "cpu": -1, "own": ["0x0"] * 6, "slots": []},
        {"kind": "kept", "cpu": 0, "own": ["0x1" + "0" * 16] * 6, "slots": []},
        {"kind": "kept", "cpu": 0, "own": ["0x0"] * 6, "slots": [[7, "execute", "0x0", 1]]},
        [],
        None,
        7,
    ],
)
def test_a_row_that_cannot_be_true_counts_as_not_written(tmp_path: Path, row: object) -> None:
    folder = tmp_path / "planted"
    written(folder, HEAD, row, ROW | {"address": "0x5000"})
    (one,) = left_behind(folder, "xen:guest", None)
    assert ([int3.address for int3 in one.int3s], one.kept) == ([0x5000], ())


@pytest.mark.parametrize("pid", [-1, 1 << 40, True, "x", 1.5])
def test_a_process_number_that_cannot_be_is_none_of_ours(tmp_path: Path, pid: object) -> None:
    written(tmp_path / "planted", HEAD | {"pid": pid}, ROW)
    assert left(tmp_path / "planted") == []


def test_nesting_without_end_is_a_row_that_was_not_written(tmp_path: Path) -> None:
    path = written(tmp_path / "planted", HEAD, ROW)
    path.write_text("[" * 200_000 + "\n" + path.read_text())
    path.chmod(0o600)
    assert left(tmp_path / "planted") == [0x1000]
