"""How each vCPU of an HVM or PVH domain left its guest, as ``dr6-vcpu DOMID exit`` prints it: Xen's debug key ``v``.

It is text for people (``svm_vmcb_dump`` of Xen 4.17's svmdebug.c, ``vmcs_dump_vcpu`` of vmcs.c), so it is read
strictly: a vCPU whose block lacks a line, or has it in another form, is not in the answer. The console ring may have
lost the first blocks. SVM's is measured; VMX's is read in the source, and was not seen in a run.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gdbstub.x86.cpu_state import ExitEvent
from gdbstub.x86.debug_registers import DR6_INIT, encode_dr6

LONGEST, LONGEST_BLOCK = 1 << 20, 1 << 14
_SVM_EVENTS: dict[int, ExitEvent] = {0x41: "db", 0x43: "bp", 0x88: "int1"}
"""APM vol. 2, appendix C: VMEXIT_EXCP1, VMEXIT_EXCP3, VMEXIT_ICEBP."""
_VMX_EVENTS: dict[int, ExitEvent] = {0x301: "db", 0x603: "bp", 0x501: "int1"}
"""Type and vector of the interruption information: SDM vol. 3C 25.9.2."""
_VALID, _TYPE_AND_VECTOR, _REASON = 1 << 31, 0x7FF, 0xFFFF
_PREFIX = re.compile(r"^\(XEN\) (?:\[[^\]\n]*\] )?", re.MULTILINE)
_VCPU = re.compile(r"^\tVCPU (\d{1,4})$", re.MULTILINE)
_SVM = re.compile(
    r"^exitcode = (?P<code>0|0x[0-9a-f]{1,16}) exit_int_info = [^\n]*$.*"
    r"^RSP = 0x[0-9a-f]{16}  RIP = 0x(?P<rip>[0-9a-f]{16})$.*"
    r"^DR6 = 0x(?P<dr6>[0-9a-f]{16}), DR7 = 0x(?P<dr7>[0-9a-f]{16})$.*"
    r"^IDTR: [0-9a-f]{4} [0-9a-f]{4} (?P<limit>[0-9a-f]{8}) (?P<base>[0-9a-f]{16})$",
    re.MULTILINE | re.DOTALL,
)
_VMX = re.compile(
    r"^RSP = 0x[0-9a-f]{16} \(0x[0-9a-f]{16}\)  RIP = 0x[0-9a-f]{16} \(0x(?P<rip>[0-9a-f]{16})\)$.*"
    r"^RFLAGS=[^\n]*  DR7 = 0x(?P<dr7>[0-9a-f]{16})$.*"
    r"^IDTR: +(?P<limit>[0-9a-f]{8}) (?P<base>[0-9a-f]{16})$.*"
    r"^VMExit: intr_info=(?P<info>[0-9a-f]{8}) [^\n]*$\n"
    r"^        reason=(?P<reason>[0-9a-f]{8}) qualification=(?P<qualification>[0-9a-f]{16})$",
    re.MULTILINE | re.DOTALL,
)


class VcpuExit(NamedTuple):
    """``event`` is the exception that it was for, "none" for another reason. ``dr6`` is as the CPU left it, None where
    the exit was not for a #DB; ``dr7`` was in force until then. ``idt`` is IDTR, base and limit."""

    event: ExitEvent
    rip: int
    dr6: int | None
    dr7: int
    idt: tuple[int, int]


def parse_exits(text: str) -> dict[int, VcpuExit]:
    """The vCPUs whose exit can be read, by number."""
    parts = _VCPU.split(_PREFIX.sub("", text[:LONGEST]).replace("\r", ""))
    found: dict[int, VcpuExit] = {}
    for number, block in zip(parts[1::2], parts[2::2], strict=True):
        left = _of_svm(block) or _of_vmx(block)
        if left is not None:
            found[int(number)] = left
    return found


def _idt(match: re.Match[str]) -> tuple[int, int]:
    return int(match["base"], 16), int(match["limit"], 16)


def _of_svm(block: str) -> VcpuExit | None:
    """DR6 lacks the bits that always read 1 where the CPU has not written it since the vCPU began."""
    match = _SVM.search(block[:LONGEST_BLOCK])
    if match is None:
        return None
    event = _SVM_EVENTS.get(int(match["code"], 16), "none")
    dr6 = int(match["dr6"], 16) | DR6_INIT if event == "db" else None
    return VcpuExit(event, int(match["rip"], 16), dr6, int(match["dr7"], 16), _idt(match))


def _of_vmx(block: str) -> VcpuExit | None:
    """DR6 is written from the qualification of the exit (``vmx_vmexit_handler``), which has its bits in positive
    polarity (SDM vol. 3C 28.2.1). Exit reason 0 is an exception."""
    match = _VMX.search(block[:LONGEST_BLOCK])
    if match is None:
        return None
    info, reason = int(match["info"], 16), int(match["reason"], 16) & _REASON
    event = _VMX_EVENTS.get(info & _TYPE_AND_VECTOR, "none") if info & _VALID and not reason else "none"
    dr6 = encode_dr6(int(match["qualification"], 16)) if event == "db" else None
    return VcpuExit(event, int(match["rip"], 16), dr6, int(match["dr7"], 16), _idt(match))
