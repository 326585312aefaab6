"""The parts that all labs are made of: the cache, apt's sources, the root file system, the progress."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest

from tests.labs.__main__ import main
from tests.labs.apt import Source, sources
from tests.labs.cache import cached
from tests.labs.errors import LabError
from tests.labs.initrd import newc
from tests.labs.progress import Progress
from tests.labs.table import Lab


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_folder_is_made_once(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "file").write_text("content")

    first, second = cached("a/b", make), cached("a/b", make)
    assert first == second == tmp_path / "cache/dr6/labs/a/b"
    assert len(made) == 1
    assert (first / "file").read_text() == "content"


def test_a_folder_whose_making_fails_is_not_there(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        (folder / "file").write_text("half")
        raise LabError("no network")

    with pytest.raises(LabError, match="no network"):
        cached("a/b", make)
    assert list((tmp_path / "cache/dr6/labs/a").iterdir()) == []


def test_two_runs_at_once_make_a_folder_once() -> None:
    made: list[Path] = []
    begun, go_on = threading.Event(), threading.Event()

    def make(folder: Path) -> None:
        made.append(folder)
        begun.set()
        assert go_on.wait(20)

    threads = [threading.Thread(target=cached, args=("a", make)) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert begun.wait(20)
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert len(made) == 1


def test_a_cache_that_cannot_be_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(LabError, match="set XDG_CACHE_HOME"):
        cached("a", lambda folder: None)


DEBIAN_12 = [Source("ftp:a", "bookworm"), Source("ftp:a", "bookworm-updates"), Source("ftp:s", "bookworm-security")]


def suites(text: str) -> set[tuple[str, str]]:
    lines = dict(line.split(": ", 1) for line in text.splitlines() if line)
    assert {"Types", "URIs", "Suites", "Components"} <= lines.keys()
    return {
        (fields["URIs"], fields["Suites"])
        for block in text.strip().split("\n\n")
        for fields in [dict(line.split(": ", 1) for line in block.splitlines())]
    }


def test_the_backports_come_from_where_the_release_comes_from() -> None:
    assert suites(sources(DEBIAN_12)) == {*DEBIAN_12, ("ftp:a", "bookworm-backports")}


def test_another_release_of_debian_gives_the_archive_only() -> None:
    own = [
        Source("ftp:a", "trixie"),
        Source("ftp:a", "trixie-updates"),
        Source("ftp:s/debian-security", "trixie-security"),
    ]
    assert suites(sources(own)) == {("ftp:a", "bookworm"), ("ftp:a", "bookworm-backports")}


def test_without_a_source_there_is_a_sentence() -> None:
    with pytest.raises(LabError, match="no source"):
        sources([])


def entries(archive: bytes) -> dict[str, tuple[int, bytes]]:
    """Name → (mode, content), read as the kernel does."""
    found, at = {}, 0
    while True:
        head = archive[at : at + 110]
        assert head[:6] == b"070701"
        fields = [int(head[6 + 8 * n : 14 + 8 * n], 16) for n in range(13)]
        name = archive[at + 110 : at + 110 + fields[11] - 1].decode()
        start = at + 110 + fields[11]
        start += -start % 4
        found[name] = fields[1], archive[start : start + fields[6]]
        at = start + fields[6]
        at += -at % 4
        if name == "TRAILER!!!":
            assert at == len(archive)
            return found


def test_a_root_file_system_has_its_folders_before_what_is_in_them(tmp_path: Path) -> None:
    copied = tmp_path / "tool"
    copied.write_bytes(b"ELF..")
    read = entries(newc({"init": b"#!/bin/sh\n", "usr/bin/tool": copied}, {"bin/sh": "busybox"}))
    del read["TRAILER!!!"]
    assert read == {
        "bin": (0o40755, b""),
        "usr": (0o40755, b""),
        "usr/bin": (0o40755, b""),
        "bin/sh": (0o120777, b"busybox"),
        "init": (0o100755, b"#!/bin/sh\n"),
        "usr/bin/tool": (0o100755, b"ELF.."),
    }
    assert list(read).index("usr/bin") < list(read).index("usr/bin/tool")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_plain_lines_in_a_log_and_one_line_on_a_terminal() -> None:
    for out in (io.StringIO(), Terminal()):
        with Progress("lab", out) as progress:
            progress.step("Linux boots")
            progress.step("the guest runs")
            progress.say("42 events")
        text = out.getvalue()
        assert ("\x1b" in text) == out.isatty()
        assert text.count("\n") == (1 if out.isatty() else 3)
        assert "lab: 42 events\n" in text


def test_a_lab_that_is_none_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["nonsense"])
    assert end.value.code == 2
    assert "there is no lab nonsense" in capsys.readouterr().err


def test_a_machine_without_kvm_skips_its_lab_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tests.labs.kvm_lab.DEVICE", tmp_path / "kvm")
    assert main(["kvm"]) == 0
    assert capsys.readouterr().err == f"kvm: skipped: this machine has no {tmp_path / 'kvm'}.\n"


def _fails(progress: Progress, record: bool) -> None:
    raise LabError("The moon is not made of cheese.")


def _succeeds(progress: Progress, record: bool) -> None:
    progress.say(f"recorded: {record}")


def test_a_lab_that_fails_fails_the_run_and_the_others_run_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    labs = (Lab("bad", "it fails", _fails), Lab("good", "it does not", _succeeds))
    monkeypatch.setattr("tests.labs.__main__.LABS", labs)
    assert main(["--record"]) == 1
    said = capsys.readouterr().err
    assert "bad: FAILED after 0.0 s: The moon is not made of cheese.\n" in said
    assert "good: recorded: True\n" in said
    assert "good: done in" in said
    assert main(["good"]) == 0
