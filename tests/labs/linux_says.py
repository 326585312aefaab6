"""What dr6 says of a Linux guest, and what the guest says of itself on its console."""

from __future__ import annotations

import re
from pathlib import Path

from tests.labs.errors import LabError
from tests.labs.run_dr6 import run


async def ask(folder: Path, symbols: tuple[Path, ...], *commands: str) -> str:
    """Of the guest behind the socket ``stub`` of ``folder``."""
    words = [word for path in symbols for word in ("--symbols", str(path))]
    return await run(folder, "attach", "stub", "--batch", *words, *(w for one in commands for w in ("-ex", one)))


def expect(what: str, text: str, *patterns: str) -> None:
    """Each pattern in the text, one behind the other."""
    at = 0
    for pattern in patterns:
        found = re.compile(pattern, re.MULTILINE).search(text, at)
        if found is None:
            raise LabError(f"{what}: nothing like {pattern!r} in {text[-3000:]}")
        at = found.end()


def says_as_the_guest(tasks: str, log: str, said: str) -> None:
    """``info tasks`` and ``dmesg`` against the console. Raises `LabError`."""
    # /proc knows the whole names of the kernel's threads, the task itself has 15 letters of it
    theirs = {(pid, name[:15]) for pid, name in re.findall(r"^TASK (\d+) (.*?)\r?$", said, re.MULTILINE)}
    ours = {(pid, name) for pid, name in re.findall(r"^0x\w+ +(\d+)  \w +\d* +(\S.*)$", tasks, re.MULTILINE)}
    if missing := {one for one in theirs if "kworker" not in one[1]} - ours:
        raise LabError(f"info tasks lacks {sorted(missing)}")
    lines = [_solid(re.sub(r"^<\d+>", "", line)) for line in re.findall(r"^KLOG (.*?)\r?$", said, re.MULTILINE)]
    mine = {_solid(line) for line in log.splitlines()}
    if missing_lines := [line for line in lines if line not in mine]:
        raise LabError(f"dmesg lacks {missing_lines[:3]}")


def _solid(line: str) -> str:
    """Without white space, since a terminal gets tabs as spaces, and without the time, which syslog(2) puts in front of
    each line of a record, and dmesg of the first alone."""
    return re.sub(r"^\[ *\d+\.\d+\]|\s+|\\t", "", line)
