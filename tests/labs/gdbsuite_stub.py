"""Stands for gdbserver in gdb's testsuite: the real one behind, dr6 in front of it at the address that was asked for.

``gdbserver`` without a program (``--multi``), and one on standard input and output, are left as they are: dr6 is no
``target extended-remote``, and gdb starts that stub itself.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, NamedTuple

REAL = "/usr/bin/gdbserver"
READY = re.compile(r"is served at")
LISTENS = re.compile(r"Listening on port (\d+)")


class Words(NamedTuple):
    """A command line of gdbserver's."""

    options: list[str]
    address: str
    program: list[str]


def parse(words: list[str]) -> Words:
    """``--wrapper`` takes all words up to ``--``."""
    at = 0
    while at < len(words) and words[at].startswith("--"):
        at = words.index("--", at) if words[at] == "--wrapper" else at
        at += 1
    return Words(words[:at], words[at] if at < len(words) else "", words[at + 1 :])


def goes_between(words: Words) -> bool:
    return bool(words.program) and words.address not in ("-", "stdio") and "--multi" not in words.options


def copy(source: IO[str], into: IO[str]) -> None:
    for line in source:
        into.write(line)
        into.flush()


def main() -> int:
    words = parse(sys.argv[1:])
    if not goes_between(words):
        os.execv(REAL, [REAL, *sys.argv[1:]])
    port = words.address.rpartition(":")[2]
    server = subprocess.Popen([REAL, *words.options, "localhost:0", *words.program], stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    behind = ""
    for line in server.stderr:
        if found := LISTENS.search(line):
            behind = found[1]
            break
        sys.stderr.write(line)
    if not behind:
        return server.wait()
    threading.Thread(target=copy, args=(server.stderr, sys.stderr), daemon=True).start()
    log = Path(tempfile.mkstemp(prefix="dr6-gdbsuite-", suffix=".log")[1])
    command = [sys.executable, "-m", "frontend", "serve", f"tcp:127.0.0.1:{behind}", "--listen", f"127.0.0.1:{port}"]
    dr6 = subprocess.Popen(
        [*command, "--allow-kill", "--monitor", "all"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(128 + signal.SIGHUP))
    try:
        assert dr6.stderr is not None
        first = dr6.stderr.readline()
        sys.stderr.write(f"Listening on port {port}\n" if READY.search(first) else first)
        sys.stderr.flush()
        with log.open("w") as kept:
            threading.Thread(target=copy, args=(dr6.stderr, kept), daemon=True).start()
            return server.wait()
    finally:
        for process in (dr6, server):
            process.terminate()
        log.unlink()


if __name__ == "__main__":
    sys.exit(main())
