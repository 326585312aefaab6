"""lldb in front of `dr6 serve`: its commands one by one, since it runs the guest without waiting for it."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from tests.live.machine import SECONDS

LLDB = ("lldb", "--no-lldbinit", "--no-use-colors", "--source-quietly")


class Lldb:
    """Its standard input and output."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._text = ""

    def run(self, command: str, until: str | None = None) -> str:
        """What it prints from ``command`` to the end of the line in which ``until`` matches; None: nothing is due."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n".encode())
        self._process.stdin.flush()
        answer = "" if until is None else rf"(?:.*\n)*?.*{until}.*\n"
        whole = re.compile(rf"\(lldb\) {re.escape(command)}\n{answer}")
        ends = time.monotonic() + SECONDS
        while (found := whole.search(self._text)) is None:
            self._read(ends, command)
        self._text = self._text[found.end() :]
        return found[0]

    def stop(self, command: str, *, reason: str) -> int:
        """Run the guest by ``command`` until it stops for ``reason``; RIP."""
        text = self.run(command, r"frame #0: 0x[0-9a-f]+")
        assert f"stop reason = {reason}\n" in text, text
        return int(re.findall(r"frame #0: (0x[0-9a-f]+)", text)[-1], 16)

    def wait_until_it_runs(self) -> None:
        """lldb says that it resumes before it takes an interrupt."""
        while "is running" not in self.run("process status", r"Process 1 (?:is running|stopped)"):
            pass

    def register(self, name: str) -> int:
        text = self.run(f"register read {name}", rf" {name} = 0x")
        return int(re.findall(r" = (0x[0-9a-f]+)", text)[0], 16)

    def _read(self, ends: float, command: str) -> None:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(ends - time.monotonic()):
                self._fail(command)
        data = os.read(self._process.stdout.fileno(), 65536)
        if not data:
            self._fail(command)
        self._text += data.decode("utf-8", "replace")

    def _fail(self, command: str) -> NoReturn:
        raise AssertionError(f"{command}: lldb printed only {self._text!r}")


@contextlib.contextmanager
def lldb(image: Path) -> Iterator[Lldb]:
    """lldb with the symbols of ``image``, not yet connected."""
    process = subprocess.Popen(
        [*LLDB, str(image)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"TERM": "dumb"},
    )
    try:
        yield Lldb(process)
    finally:
        process.kill()
        process.communicate()
