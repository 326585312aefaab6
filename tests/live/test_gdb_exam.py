"""Stock gdb finds nothing wrong with the stub, whichever way leads to it, and would find what is.

What is examined is in ``gdb_exam.py``; it takes about five seconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from gdbstub.protocol import frame
from tests.guests.build import build
from tests.live.machine import SECONDS, Machine, machine
from tests.live.served import serving

pytestmark = [pytest.mark.live, pytest.mark.slow]

SCRIPT = Path(__file__).with_name("gdb_exam.py")
PARTS = re.findall(r"^def (\w+)\(\) -> Iterator\[Outcome\]:", SCRIPT.read_text(encoding="utf-8"), re.MULTILINE)
LONGEST = ("watchpoints",)
"""Half of the examination: each half has its own bound."""
DUE = "as due"

Way = Callable[[Machine, Path], AbstractContextManager[str]]
"""From a QEMU to what gdb's ``target remote`` takes; the folder is for sockets."""


@contextlib.contextmanager
def direct(qemu: Machine, _directory: Path) -> Iterator[str]:
    yield str(qemu.path)


@contextlib.contextmanager
def dr6(qemu: Machine, directory: Path) -> Iterator[str]:
    with serving(qemu, directory) as served:
        yield str(served.path)


WAYS: dict[Way, dict[str, str]] = {direct: {}, dr6: {}}
"""Each way with the checks that are known to have another outcome there (QEMU 7.2.22 TCG has none)."""


def examine(target: str, *parts: str) -> dict[str, str]:
    """The outcome of each check, of all parts or of ``parts``."""
    command = ["gdb", "-nx", "-batch", "-x", str(SCRIPT), str(build("exam"))]
    settings = os.environ | {"EXAM_TARGET": target, "EXAM_PARTS": " ".join(parts)}
    with subprocess.Popen(command, env=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as gdb:
        watchdog = threading.Timer(SECONDS, gdb.kill)
        watchdog.start()
        assert gdb.stdout is not None
        said = gdb.stdout.read().decode("utf-8", "replace")
        watchdog.cancel()
    checks = [json.loads(line) for line in said.splitlines() if line.startswith('{"check"')]
    outcomes = {check["check"]: check["outcome"] for check in checks}
    ended = [name.removesuffix(": to its end") for name in outcomes if name.endswith(": to its end")]
    assert sorted(ended) == sorted(parts or PARTS), f"gdb did not come to its end:\n{said[-2000:]}"
    assert len(outcomes) == len(checks), "two checks have the same name"
    return outcomes


@pytest.mark.parametrize("parts", [LONGEST, tuple(part for part in PARTS if part not in LONGEST)], ids=["long", "rest"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_gdb_finds_nothing_wrong(way: Way, parts: tuple[str, ...], tmp_path: Path) -> None:
    with machine(tmp_path, build("exam"), "-smp", "2") as qemu, way(qemu, tmp_path) as target:
        outcomes = examine(target, *parts)
    assert {check: outcome for check, outcome in outcomes.items() if outcome != DUE} == WAYS[way]


@contextlib.contextmanager
def lying(qemu: Machine, directory: Path, words: bytes, instead: bytes) -> Iterator[str]:
    """A way on which the client's packets are changed, as `re.sub` would."""
    path = directory / "lying"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=_lie, args=(listener, qemu.path, re.compile(words), instead))
        thread.start()
        try:
            yield str(path)
        finally:
            thread.join()


def _lie(listener: socket.socket, stub: Path, words: re.Pattern[bytes], instead: bytes) -> None:
    """For one client, until it leaves. gdb writes a packet at a time."""
    client, _ = listener.accept()
    with client, socket.socket(socket.AF_UNIX) as server:
        server.connect(str(stub))
        while ready := select.select([client, server], [], [], SECONDS)[0]:
            for source in ready:
                data = source.recv(65536)
                if not data:
                    return
                if source is client:
                    data = re.sub(rb"\$(.*)#..", lambda whole: frame(words.sub(instead, whole[1])), data)
                (server if source is client else client).sendall(data)


LIES = {  # a part of the examination → the packets, what becomes of them, and the checks that notice
    "watchpoints": (rb"\A([Zz]4,.*),1\Z", rb"\1,2", r"awatch: 1 bytes at offset \d"),
    "registers": (rb"\AP1=", b"P2=", r"general registers .*|parts of .*|the guest computes .*"),
}


@pytest.mark.parametrize("part", LIES)
def test_what_is_wrong_is_found_and_nothing_else(part: str, tmp_path: Path) -> None:
    words, instead, due = LIES[part]
    with machine(tmp_path, build("exam"), "-smp", "2") as qemu, lying(qemu, tmp_path, words, instead) as target:
        outcomes = examine(target, part)
    found = [check for check, outcome in outcomes.items() if outcome != DUE]
    assert found
    assert [check for check in outcomes if re.fullmatch(due, check)] == found
