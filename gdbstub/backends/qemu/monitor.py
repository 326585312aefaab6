"""QEMU's human monitor, read strictly: what does not look as it should is not guessed at.

Formats: ``x86_cpu_dump_state`` and ``cpu_x86_dump_seg_cache`` in QEMU's target/i386/cpu-dump.c (7.2 to 10.0 print the
same fields; widths differ with the CPU's mode).
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import NamedTuple

from gdbstub.errors import RemoteProtocolError
from gdbstub.x86.cpu_state import DebugState, DescriptorTables, Segment
from gdbstub.x86.registers import Mode, code_mode

LONGEST = 1 << 15
"""Characters that are looked at: ``info registers`` has some 4,000 with all vector registers, a list of ROMs or vCPUs a
line for each. A longer text is none of these."""
_H = "((?:[0-9a-f]{8}){1,2}+)"  # possessive: what does not fit must not be tried in millions of ways
_SELECTOR = "([0-9a-f]{4})"
_REGISTERS = re.compile(
    r"(?:\s*CPU#(\d+)\n)?"
    r".*?"
    rf"(?:RIP|EIP)={_H} (?:RFL|EFL)={_H} \[[^\]]*\] CPL=([0-3]) II=[01] A20=[01] SMM=[01] HLT=([01])\n"
    r"((?:[^\n]*\n){10})"
    rf"CR0={_H} CR2={_H} CR3={_H} CR4={_H}\s*\n"
    rf"DR0={_H} DR1={_H} DR2={_H} DR3={_H}\s*\n"
    rf"DR6={_H} DR7={_H}\s*\n"
    rf"(?:CCS={_H}[^\n]*\n)?"
    r"EFER=([0-9a-f]{16})\s*\n",
    re.DOTALL,
)
_SEGMENT_NAMES = ("es", "cs", "ss", "ds", "fs", "gs", "ldt", "tr")
_DESCRIPTORS = re.compile(
    "".join(rf"{name.upper()} *={_SELECTOR} {_H} {_H} {_H}[^\n]*\n" for name in _SEGMENT_NAMES)
    + rf"GDT= +{_H} {_H}\s*\nIDT= +{_H} {_H}\s*\n"
)


class MonitorRegisters(NamedTuple):
    """One vCPU of ``info registers``. Integers are as printed; ``attributes`` of segments are descriptor bits."""

    cpu: int | None
    rip: int
    rflags: int
    cpl: int
    halted: bool
    segments: dict[str, Segment]
    tables: DescriptorTables
    cr0: int
    cr2: int
    cr3: int
    cr4: int
    efer: int
    debug: DebugState

    @property
    def mode(self) -> Mode:
        """From CS and EFER: SDM vol. 3A 2.2 and 3.4.5 (CS.L counts only while EFER.LMA is 1)."""
        return code_mode(self.segments["cs"].attributes, self.efer)


@lru_cache(maxsize=256)
def _parse_descriptors(lines: str) -> tuple[dict[str, Segment], DescriptorTables] | None:
    """The ten lines from ES to IDT; cached, since they seldom change from one stop to the next."""
    match = _DESCRIPTORS.fullmatch(lines)
    if match is None:
        return None
    fields = [int(field, 16) for field in match.groups()]
    segments = {name: Segment(*fields[4 * i : 4 * i + 4]) for i, name in enumerate(_SEGMENT_NAMES)}
    ldt, tr = segments.pop("ldt"), segments.pop("tr")
    return segments, DescriptorTables((fields[32], fields[33]), (fields[34], fields[35]), ldt, tr)


def parse_info_registers(text: str) -> MonitorRegisters:
    """``info registers`` of one vCPU. Raises `RemoteProtocolError` for any other shape."""
    match = _REGISTERS.match(text) if len(text) <= LONGEST else None
    descriptors = _parse_descriptors(match.group(6)) if match else None
    if match is None or descriptors is None:
        raise RemoteProtocolError(
            "QEMU's monitor printed `info registers` in a form that dr6 does not know; "
            "the debug registers are unknown at this stop."
        )
    cpu, rip, rflags, cpl, halted, _, cr0, cr2, cr3, cr4, dr0, dr1, dr2, dr3, dr6, dr7, _, efer = match.groups()
    return MonitorRegisters(
        int(cpu) if cpu is not None else None,
        int(rip, 16),
        int(rflags, 16),
        int(cpl),
        halted == "1",
        *descriptors,
        int(cr0, 16),
        int(cr2, 16),
        int(cr3, 16),
        int(cr4, 16),
        int(efer, 16),
        DebugState(int(dr0, 16), int(dr1, 16), int(dr2, 16), int(dr3, 16), int(dr6, 16), int(dr7, 16), "monitor"),
    )


_VERSION = re.compile(r"(?<!\d)(\d{1,9}\.\d{1,9}\.\d{1,9})(?!\d)")
_KVM = re.compile(r"kvm support: (enabled|disabled)")
_QOM_PATH = re.compile(r'qom_path: "(/[\w/\[\].-]+)"')
_VENDORS = {"GenuineIntel": "intel", "AuthenticAMD": "amd"}
_ROM = re.compile(r"addr=([0-9a-f]{16}) size=0x([0-9a-f]{1,16}) mem=ram")


def parse_version(text: str) -> str | None:
    """``info version``: the three numbers, or None."""
    match = _VERSION.search(text[:LONGEST])
    return match.group(1) if match else None


def parse_kvm(text: str) -> bool | None:
    """``info kvm``: True where KVM runs the guest."""
    match = _KVM.search(text[:LONGEST])
    return match.group(1) == "enabled" if match else None


def parse_cpu_path(text: str) -> str | None:
    """``info hotpluggable-cpus``: the QOM path of a vCPU that is plugged in."""
    match = _QOM_PATH.search(text[:LONGEST])
    return match.group(1) if match else None


def parse_vendor(text: str) -> str | None:
    """``qom-get PATH vendor``: "intel", "amd", or None for any other vendor string."""
    return _VENDORS.get(text.strip().strip('"'))


_QUOTED = re.compile(r'\s*"((?:[^"\\]|\\.){1,4096})"\s*')


def parse_path(text: str) -> str | None:
    """``qom-get /machine kernel``: a string as JSON has it; None for an empty one, or another answer."""
    match = _QUOTED.fullmatch(text)
    try:
        return str(json.loads(match[0])) if match else None
    except ValueError:
        return None


def parse_roms(text: str) -> tuple[tuple[int, int], ...]:
    """``info roms``: (physical address, size) of what QEMU put into RAM at reset (a PVH kernel's segments)."""
    return tuple((int(a, 16), int(n, 16)) for a, n in _ROM.findall(text[: 8 * LONGEST]))
