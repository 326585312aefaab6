"""Stands for gdbserver in gdb's testsuite: the real one behind, dr6 in front of it at the address that was asked for.

``gdbserver`` without a program (``--multi``), one on standard input and output, and one for UDP are left as they are:
dr6 is no ``target extended-remote``, gdb starts that stub itself, and dr6 has TCP alone.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, NamedTuple

PR_SET_PDEATHSIG = 1
"""Linux, <linux/prctl.h>."""
REAL = "/usr/bin/gdbserver"
READY = re.compile(r"is served at")
LISTENS = re.compile(r"Listening on port (\d+)")


IN_USE = "Can't bind address: Address already in use."
"""gdbserver's words, at which the suite takes another port."""
ADDRESS = re.compile(r"((?P<six>tcp6:(::1|\[::1\])|\[::1\])|(tcp4?:)?(localhost|127\.0\.0\.1|)):(?P<port>\d+)")


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


def listens_at(address: str) -> str | None:
    """Where dr6 listens for one who asks gdbserver for ``address``; None where it does not stand between.

    UDP is none of dr6's, and what gdbserver has to refuse it refuses itself.
    """
    if not (found := ADDRESS.fullmatch(address)):
        return None
    return f"{'[::1]' if found['six'] else '127.0.0.1'}:{found['port']}"


def goes_between(words: Words) -> bool:
    return bool(words.program) and listens_at(words.address) is not None and "--multi" not in words.options


def said(first: str, listen: str) -> str:
    """What gdbserver would say where dr6 says ``first``."""
    if READY.search(first):
        return f"Listening on port {listen.rpartition(':')[2]}\n"
    return f"{IN_USE}\n" if "is taken already" in first else first


def copy(source: IO[str], into: IO[str]) -> None:
    """Without gdbserver's complaint of a kernel that lacks some set of registers: it would come in the middle of what
    the program prints, where gdbserver's own has come before."""
    for line in source:
        if not line.startswith("Warning: ptrace(regsets"):
            into.write(line)
            into.flush()


def die_with_me() -> None:
    """In a child: what the suite does to gdbserver, SIGKILL too, it does to all of us."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> int:
    words = parse(sys.argv[1:])
    if not goes_between(words):
        os.execv(REAL, [REAL, *sys.argv[1:]])
    listen = listens_at(words.address)
    assert listen is not None
    behind_us = [REAL, *words.options, "localhost:0", *words.program]
    server = subprocess.Popen(behind_us, stderr=subprocess.PIPE, text=True, preexec_fn=die_with_me)
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
    command = [sys.executable, "-m", "frontend", "serve", f"tcp:127.0.0.1:{behind}", "--listen", listen]
    dr6 = subprocess.Popen(
        [*command, "--allow-kill", "--monitor", "all"],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_me,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(128 + signal.SIGHUP))
    try:
        assert dr6.stderr is not None
        first = dr6.stderr.readline()
        sys.stderr.write(said(first, listen))
        sys.stderr.flush()
        if not READY.search(first):
            return 1
        with log.open("w") as kept:
            threading.Thread(target=copy, args=(dr6.stderr, kept), daemon=True).start()
            return server.wait()
    finally:
        for process in (dr6, server):
            process.terminate()
        log.unlink()


if __name__ == "__main__":
    sys.exit(main())
