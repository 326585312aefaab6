"""What a client may do. The remote protocol has no password, and QEMU's monitor can run programs of the host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from gdbstub.errors import GdbError

Monitor = Literal["none", "info", "all"]

HARMLESS: Final = frozenset(("info", "help", "?", "x", "xp", "p", "print", "gva2gpa", "gpa2hpa"))
"""Commands of QEMU's monitor that only look (hmp-commands.hx)."""


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
        word = command.split(maxsplit=1)[0] if command.strip() else ""
        if self.monitor == "none" or (self.monitor == "info" and word not in HARMLESS):
            raise GdbError(
                f"'{word}' is not passed on to the hypervisor's monitor: only commands that look are "
                f"({', '.join(sorted(HARMLESS))}), unless dr6 serves with --monitor all."
                if self.monitor == "info"
                else "Nothing is passed on to the hypervisor's monitor: dr6 serves with --monitor none."
            )

    def check_write(self) -> None:
        """Raises `GdbError` where nothing may be written."""
        if self.read_only:
            raise GdbError("dr6 serves this guest with --read-only: registers and memory can't be written.")

    def check_kill(self) -> None:
        """Raises `GdbError` where a client may not end the guest."""
        if not self.kill:
            raise GdbError("dr6 serves this guest without --allow-kill: detach instead.")
