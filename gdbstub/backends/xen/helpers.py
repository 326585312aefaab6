"""Xen: how gdbsx is told from other stubs, and how the helpers in dom0 are read.

``xenctx -a`` prints a vCPU's registers (Xen's tools/xentrace/xenctx.c, the same fields from 4.17 on); ``xl info`` and
``xl list -l`` say which Xen and which kind of domain this is. What does not look as it should is not guessed at.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple, Protocol

from gdbstub.errors import RemoteProtocolError
from gdbstub.remote.capabilities import Guest, Vendor
from gdbstub.x86.cpu_state import DebugState

NO_DOMAIN = (
    "gdbsx shows no registers: its domain is gone (destroyed, shut down, or rebooted, which gives it a new number). "
    "See 'xl list' in dom0 and attach to it anew."
)
NO_HARDWARE = (
    "gdbsx has no hardware breakpoints and no watchpoints; dr6 has them through its helper dr6-vcpu in dom0, and was "
    "given no way there (--dom0, --domain). Use a software breakpoint (break) at the code that makes the access, or "
    "step."
)
NO_VCPU_HELPER = (
    "gdbsx has no hardware breakpoints and no watchpoints; dr6 has them through its helper dr6-vcpu, which is not on "
    "dom0's PATH. Build it there: 'dr6 xen-helper' prints its source, and how (docs/xen.md). Or use a software "
    "breakpoint (break) at the code that makes the access, or step."
)
VCPU_FAILS = (
    "gdbsx has no hardware breakpoints and no watchpoints, and dr6's helper for them, dr6-vcpu, does not work in dom0: "
    "{} Build it anew there ('dr6 xen-helper' prints its source). Or use a software breakpoint (break), or step."
)
BAD_COMMAND = "Bad monitor command\n"
"""What gdbsx answers to any ``qRcmd`` but its own ``pgd3`` (process_remote_request, gx_main.c)."""

KERNEL_64, KERNEL_32 = 0xE033, 0xE019
"""FLAT_KERNEL_CS of Xen's interface, arch-x86/xen-x86_64.h and xen-x86_32.h; user code of a 64-bit PV guest has the
first one, too."""
_RESERVED = 0xE000


def is_gdbsx(answer: str, *, offers: bool, odd_threads: bool) -> bool:
    """Does ``answer`` to a monitor command of QEMU's come from gdbsx? It offers nothing in ``qSupported``, and ends its
    list of threads in the packet that holds it."""
    return answer == BAD_COMMAND and odd_threads and not offers


def guest_of(cs: int | None) -> Guest | None:
    """PV guests run on selectors of Xen's own GDT, from 0xe000 up; no other kernel's GDT is that long."""
    if cs is None:
        return None
    return "pv" if cs & 0xF000 == _RESERVED else "hvm"


def wrong_width(cs: int | None, *, wide: bool) -> str | None:
    """What is wrong where gdbsx was started for a guest of another width; None where nothing shows it."""
    found = {KERNEL_64: 64, KERNEL_32: 32, KERNEL_32 | 2: 32}.get(cs or 0)
    shown = 64 if wide else 32
    if cs == 0 and not wide:  # what a 64-bit domain shows then (Xen 4.17): PV nothing but zeros, HVM no segments
        return (
            "gdbsx was started for a 32-bit guest, and this is none (it shows CS as 0): its registers are not right. "
            "Start it as 'gdbsx -a DOMID 64 PORT'."
        )
    if found is None or found == shown:
        return None
    return (
        f"gdbsx was started for a {shown}-bit guest, and this one runs {found}-bit code (CS {cs:#x}): its registers "
        f"are not right. Start it as 'gdbsx -a DOMID {found} PORT'."
    )


class Helpers(Protocol):
    """The helpers of one domain, as `transports` has them. Each answer is what the program printed; `Refused`, with a
    sentence, where there is none."""

    @property
    def domain(self) -> int:
        """Its number."""

    @property
    def identity(self) -> str | None:
        """What names it for good: its UUID."""

    async def xenctx(self, cpu: int) -> str: ...

    async def xl(self, *words: str) -> str: ...

    async def cpuinfo(self) -> str: ...

    @property
    def sets_debug_registers(self) -> bool:
        """Is dr6-vcpu there?"""

    async def vcpu(self, *words: str) -> str: ...


class XenctxRegisters(NamedTuple):
    """One vCPU as ``xenctx -a`` prints it. ``rip`` tells whether it is the vCPU, and the stop, that was meant."""

    rip: int
    width: int
    debug: DebugState
    registers: dict[str, int]
    """Those that gdbsx does not show: control registers, and segment bases where they are printed."""


_FIELD = re.compile(r"^[ \t]*(dr[0-367]|cr[0234]): ([0-9a-f]{8,16})[ \t\r]*$", re.MULTILINE)
_RIP = re.compile(r"^(?:rip: ([0-9a-f]{16})|(?:cs:)?eip: (?:[0-9a-f]{4}:)?([0-9a-f]{8}))\b", re.MULTILINE)
_BASES = re.compile(r"^ (fs|gs): [0-9a-f]{4} @ ([0-9a-f]{16})(?:/([0-9a-f]{16}))?[ \t\r]*$", re.MULTILINE)


def parse_xenctx(text: str) -> XenctxRegisters:
    """``xenctx -a DOMID VCPU``. Raises `RemoteProtocolError` for any other shape."""
    rip, found = _RIP.search(text), {name: int(value, 16) for name, value in _FIELD.findall(text)}
    if rip is None or not {"dr0", "dr1", "dr2", "dr3", "dr6", "dr7"} <= found.keys():
        raise RemoteProtocolError(
            "xenctx printed no debug registers in the form that dr6 knows; they are unknown at this stop."
        )
    dr0, dr1, dr2, dr3, dr6, dr7 = (found.pop(name) for name in ("dr0", "dr1", "dr2", "dr3", "dr6", "dr7"))
    debug = DebugState(dr0, dr1, dr2, dr3, dr6, dr7, "xenctx")
    for name, base, kernel in _BASES.findall(text):
        found[f"{name}_base"] = int(base, 16)
        if kernel:
            found["k_gs_base"] = int(kernel, 16)
    wide = rip.group(1) is not None
    return XenctxRegisters(int(rip.group(1) or rip.group(2), 16), 64 if wide else 32, debug, found)


_VERSION = re.compile(r"^xen_version\s*:\s*(\d+\.\d+(?:\.\d+)?)", re.MULTILINE)
_VENDOR = re.compile(r"^vendor_id\s*:\s*(GenuineIntel|AuthenticAMD)\s*$", re.MULTILINE)
_VENDORS: dict[str, Vendor] = {"GenuineIntel": "intel", "AuthenticAMD": "amd"}
_KINDS: dict[str, Guest] = {"pv": "pv", "pvh": "hvm", "hvm": "hvm"}


def parse_xl_version(text: str) -> str | None:
    """``xl info``: "4.17.7", or None."""
    found = _VERSION.search(text)
    return found.group(1) if found else None


def parse_cpuinfo(text: str) -> Vendor | None:
    """dom0's ``/proc/cpuinfo``: dom0 sees the vendor of the machine, and so does every guest."""
    found = _VENDOR.search(text)
    return _VENDORS[found.group(1)] if found else None


def parse_domain_kind(text: str) -> Guest | None:
    """``xl list -l DOMAIN``: JSON with the domain's ``c_info``; PVH is HVM to Xen. None where it does not say."""
    try:
        listed = json.loads(text)
    except ValueError:
        return None
    row = listed[0] if isinstance(listed, list) and listed else listed
    try:
        return _KINDS.get(row["config"]["c_info"]["type"])
    except (KeyError, TypeError):
        return None


_LISTED = re.compile(r"\S+\s+(\d+)\s+\d+\s+\d+\s+(\S+)\s")
"""Name, number, memory, vCPUs, state."""


def listed_state(printed: str, domain: int) -> str:
    """The letters of a domain's state in ``xl list``; empty where it is not in it, or is being destroyed (``d``)."""
    rows = (found for found in map(_LISTED.match, printed.splitlines()) if found)
    state = next((found[2] for found in rows if found[1] == str(domain)), "")
    return "" if "d" in state else state


def is_paused(text: str) -> bool:
    """``xl list DOMAIN``: the third of the six letters of its state."""
    found = re.search(r"\s([r-][b-][p-][s-][c-][d-])\s+[\d.]+\s*$", text)
    return found is not None and found.group(1)[2] == "p"
