"""``dr6-vcpu``: how dr6's own helper in dom0 is asked, and how its answer is read (transports/dr6-vcpu.c)."""

from __future__ import annotations

import re
from typing import NamedTuple

from gdbstub.errors import RemoteProtocolError

Addresses = tuple[int, int, int, int]


class VcpuDebugRegisters(NamedTuple):
    """DR0-3, DR6 and DR7 of one vCPU, and for how many nanoseconds it has run in all."""

    dr: Addresses
    dr6: int
    dr7: int
    ran: int = 0


_LINE = re.compile(
    r"(\d{1,4}) dr0=([0-9a-f]{1,16}) dr1=([0-9a-f]{1,16}) dr2=([0-9a-f]{1,16}) dr3=([0-9a-f]{1,16}) "
    r"dr6=([0-9a-f]{1,16}) dr7=([0-9a-f]{1,16}) ran=(\d{1,20})"
)
_DOWN = re.compile(r"\d{1,4} down")


def parse_vcpus(text: str) -> dict[int, VcpuDebugRegisters]:
    """The vCPUs that the guest has started, by number. Raises `RemoteProtocolError` for any other shape."""
    vcpus: dict[int, VcpuDebugRegisters] = {}
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if found is None and _DOWN.fullmatch(line) is None:
            raise RemoteProtocolError(
                "dr6-vcpu printed what this dr6 does not know; build it anew in dom0 from 'dr6 xen-helper'."
            )
        if found is not None:
            dr0, dr1, dr2, dr3, dr6, dr7 = (int(value, 16) for value in found.groups()[1:7])
            vcpus[int(found[1])] = VcpuDebugRegisters((dr0, dr1, dr2, dr3), dr6, dr7, int(found[8]))
    return vcpus


def setting(cpu: int, wanted: VcpuDebugRegisters) -> str:
    """The word that sets all of a vCPU's."""
    names = [f"dr{n}={value:x}" for n, value in enumerate(wanted.dr)]
    return f"{cpu}:{','.join([*names, f'dr6={wanted.dr6:x}', f'dr7={wanted.dr7:x}'])}"


def setting_after_run(cpu: int, wanted: VcpuDebugRegisters, instead_of: VcpuDebugRegisters) -> str:
    """The same where the vCPU has run since ``instead_of`` was read, and still has those."""
    was = ",".join(f"was{n}={value:x}" for n, value in enumerate(instead_of.dr))
    return f"{setting(cpu, wanted)},{was},was7={instead_of.dr7:x},ran={instead_of.ran}"
