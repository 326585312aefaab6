"""Where gdb's testsuite comes out otherwise through dr6 than directly, and why; docs/labs.md has the table."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple


class Known(NamedTuple):
    """Results of the suite, as a pattern; the packet that they hang on; and the reason."""

    form: str
    packet: str
    why: str

    def meets(self, line: str) -> bool:
        return re.search(self.form, line) is not None


NON_STOP = (
    "(stop-reply-no-thread.*: .*(t_nonstop|target-non-stop)=on|connect-stopped-target.exp: non-stop=on|"
    "solib-list.exp: non-stop 1)"
)
KNOWN: tuple[Known, ...] = (
    Known(
        "gdb.base/break-main-file-remove-fail.exp: .*failure to remove breakpoint warns",
        "z0",
        "it is answered before it is carried out, which is when the guest goes",
    ),
    Known("gdb.server/server-mon.exp: monitor$", "qRcmd", "an empty one shows the stub's own words and dr6's"),
    Known(
        "gdb.server/server-kill.exp: .*test_tstatus: tstatus",
        "qTStatus",
        "dr6 has no tracepoints and says so by itself, at times before it learns that the stub is gone",
    ),
    Known(f"gdb.server/{NON_STOP}", "QNonStop", "there is no non-stop mode"),
)


def unknown(differences: Iterable[str]) -> list[str]:
    """Those that no row accounts for."""
    return [line for line in differences if not any(row.meets(line) for row in KNOWN)]


def known_lines(differences: Iterable[str]) -> list[str]:
    """A sentence for each row that something meets."""
    lines = list(differences)
    counts = [(sum(row.meets(line) for line in lines), row) for row in KNOWN]
    return [f"{count} results differ: {row.packet}: {row.why}" for count, row in counts if count]
