"""What a client may do. The remote protocol has no password, and QEMU's monitor can run programs of the host."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from typing import Final, Literal

from gdbstub.errors import GdbError

Monitor = Literal["none", "info", "pwndbg", "all"]

HARMLESS: Final = frozenset(("info", "help", "?", "x", "xp", "p", "print", "gva2gpa", "gpa2hpa"))
"""Commands of QEMU's monitor that only look (hmp-commands.hx); ``xp`` at the guest's memory only."""
_PROBE = "gdb-pt-dump-[A-Za-z]{16}"
TOOLS: Final = {
    "pwndbg": (
        re.compile(rf"chardev-add file,id={_PROBE},path=(?P<new>/(?:[\w.-]+/)+tmp\w{{8}})", re.ASCII),
        re.compile(rf"chardev-remove {_PROBE}"),
        re.compile("gpa2hva 0x[0-9a-f]{1,16}"),
    ),
}
"""What passes beside the harmless for a tool, as it writes it. pwndbg (gdb-pt-dump, `get_qemu_pid`) finds QEMU among
this machine's processes by a file that it has QEMU open, and reads page tables in that one's memory,
at addresses that ``gpa2hva`` gives. QEMU empties such a file, so ``new`` has to be empty already."""
WHY_NOT: Final = {
    "chardev-add": "It writes files of this machine. pwndbg asks for it to find QEMU and to read page tables in its "
    "memory: --monitor pwndbg lets it do that and no more; without it vmmap shows nothing.",
}
"""What else is to be said of some that don't pass."""


def word_of(command: str) -> str:
    """The command's name: QEMU ends it at a space or a ``/`` (monitor/hmp.c, get_command_name)."""
    return command.strip().replace("/", " ").partition(" ")[0]


@dataclass(frozen=True, slots=True)
class Policy:
    """``monitor``: which commands of the stub's own monitor pass; ``read_only``: nothing of the guest is written;
    ``kill``: a client may end the guest."""

    monitor: Monitor = "info"
    read_only: bool = False
    kill: bool = False

    def check_monitor(self, command: str) -> None:
        """Raises `GdbError` for a command that may not pass. A line break would smuggle in a second one, and other
        control characters edit the line."""
        if not command.isprintable():
            raise GdbError("A monitor command is one line of printable characters.")
        word = word_of(command)
        if self.monitor == "none":
            raise GdbError("Nothing is passed on to the hypervisor's monitor: dr6 serves with --monitor none.")
        if self.monitor == "all" or word in HARMLESS:
            return
        if not any(_is_as_written(form, command) for form in TOOLS.get(self.monitor, ())):
            refused = (
                f"'{word}' is not passed on to the hypervisor's monitor: only commands that look are "
                f"({', '.join(sorted(HARMLESS))}), unless dr6 serves with --monitor all."
            )
            raise GdbError(f"{refused} {WHY_NOT.get(word, '')}".rstrip())

    @property
    def devices(self) -> bool:
        """May physical addresses be read that are no memory?"""
        return self.monitor == "all" and not self.read_only

    def check_write(self) -> None:
        """Raises `GdbError` where nothing may be written."""
        if self.read_only:
            raise GdbError("dr6 serves this guest with --read-only: registers and memory can't be written.")

    def check_kill(self) -> None:
        """Raises `GdbError` where a client may not end the guest."""
        if not self.kill:
            raise GdbError("dr6 serves this guest without --allow-kill: detach instead.")


def _is_as_written(form: re.Pattern[str], command: str) -> bool:
    found = form.fullmatch(command)
    return found is not None and all(_is_empty_file(path) for path in found.groupdict().values())


def _is_empty_file(path: str) -> bool:
    try:
        seen = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISREG(seen.st_mode) and seen.st_size == 0 and seen.st_nlink == 1
