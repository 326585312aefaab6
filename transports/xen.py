"""``xen:DOMAIN``: what this machine lacks for it, or what to do instead while dr6 cannot start gdbsx
itself.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from transports.errors import CannotInterrupt

CAPABILITIES = Path("/proc/xen/capabilities")
TOOLS = ("xl", "gdbsx")


def what_is_missing(domain: str, capabilities: Path = CAPABILITIES) -> str:
    """One sentence: why ``xen:DOMAIN`` cannot be opened here."""
    if not _is_dom0(capabilities):
        return (
            f"xen:{domain} can only be opened in the dom0 of a Xen host, which this machine is not: "
            f"run gdbsx in dom0 and attach to gdbsx:HOST:PORT."
        )
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        return f"xen:{domain} needs {' and '.join(missing)}, not found on PATH; install the Xen tools."
    return (
        f"This version of dr6 does not start gdbsx itself: run 'gdbsx -a DOMID 64 9999' for {domain} "
        f"and attach to gdbsx:localhost:9999."
    )


def _is_dom0(capabilities: Path) -> bool:
    try:
        return "control_d" in capabilities.read_text()
    except OSError:
        return False


async def refuse_interrupt() -> None:
    """The interrupt of ``gdbsx:HOST:PORT``. gdbsx takes a 0x03 for an ack later, and then answers off by
    one.
    """
    raise CannotInterrupt("gdbsx does not read Ctrl-C from the wire; run 'xl pause DOMAIN' in dom0 instead.")
