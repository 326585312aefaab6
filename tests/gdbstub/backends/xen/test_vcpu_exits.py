"""``dr6-vcpu DOMID exit``: what a PVH domain's vCPUs left the guest for, of Xen 4.17.5 on SVM (``golden/``)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gdbstub.backends.xen.parts import by_exit, may_be_old
from gdbstub.backends.xen.vcpu_exits import LONGEST_BLOCK, VcpuExit, parse_exits
from gdbstub.x86.cpu_state import DebugState, LastExit

GOLDEN = Path(__file__).with_name("golden")
IDT = (0x107090, 0x13F)
BS = 0xFFFF4FF0


def golden(name: str) -> str:
    return (GOLDEN / f"exit-4.17-{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "vcpus"),
    [
        ("db", {0: VcpuExit("db", 0x100271, BS, 0x400, IDT)}),
        ("int1", {0: VcpuExit("int1", 0x100255, None, 0x400, IDT)}),
        ("int3", {0: VcpuExit("bp", 0x100252, None, 0x400, IDT)}),
        ("two-vcpus", {0: VcpuExit("none", 0x1001D1, None, 0x400, IDT), 1: VcpuExit("db", 0x100271, BS, 0x400, IDT)}),
    ],
)
def test_each_vcpu_is_told_with_its_exit(name: str, vcpus: dict[int, VcpuExit]) -> None:
    assert parse_exits(golden(name)) == vcpus


def test_a_vcpu_that_never_ran_left_for_nothing() -> None:
    assert {cpu: one.event for cpu, one in parse_exits(golden("never-ran")).items()} == {0: "none"}


def test_lines_of_a_console_with_times_are_the_same() -> None:
    timed = golden("db").replace("(XEN) ", "(XEN) [2026-11-30 15:01:02.123] ").replace("\n", "\r\n")
    assert parse_exits(timed) == parse_exits(golden("db"))


@pytest.mark.parametrize("line", ["exitcode", "RSP = ", "DR6 = ", "IDTR: "])
@pytest.mark.parametrize("change", ["", "(XEN) something else"])
def test_a_block_that_lacks_a_line_is_no_answer(line: str, change: str) -> None:
    """As where the ring has lost it; the other vCPU's is one."""
    text = golden("two-vcpus")
    first = re.sub(rf"^\(XEN\) {re.escape(line)}.*$", change, text, count=1, flags=re.MULTILINE)
    assert first != text
    assert list(parse_exits(first)) == [1]


@pytest.mark.parametrize(
    "change", [("0x41", "41"), ("0x41", "0x"), ("0x000000000", "0x"), ("DR7", "DR8"), ("0000013f", "13f")]
)
def test_a_line_in_another_form_is_no_answer(change: tuple[str, str]) -> None:
    assert parse_exits(golden("db").replace(*change)) == {}


@pytest.mark.parametrize(
    "text", ["", "(XEN) >>> Domain 3 <<<\n", "\tVCPU 0\n" * 1000, "(XEN) \tVCPU 0: not initialized\n"]
)
def test_what_is_no_dump_has_no_exits(text: str) -> None:
    assert parse_exits(text) == {}


def test_a_block_is_not_read_without_end() -> None:
    text = golden("db").replace("exitcode", f"{'x' * LONGEST_BLOCK}\n(XEN) exitcode")
    assert parse_exits(text) == {}


VMCS = """\
(XEN) >>> Domain 3 <<<
(XEN) \tVCPU 0
(XEN) *** Guest State ***
(XEN) RSP = 0x0000000000106080 (0x0000000000106080)  RIP = 0x0000000000100255 (0x0000000000100256)
(XEN) RFLAGS=0x00000047 (0x00000047)  DR7 = 0x0000000000000402
(XEN) IDTR:                           0000013f 0000000000107090
(XEN) *** Control State ***
(XEN) VMExit: intr_info={info} errcode=00000000 ilen=00000001
(XEN)         reason={reason} qualification={qualification}
"""
"""After vmcs_dump_vcpu of Xen 4.17's vmcs.c: read, not seen in a run."""


@pytest.mark.parametrize(
    ("info", "reason", "qualification", "event", "dr6"),
    [
        ("80000301", "00000000", "0000000000004001", "db", 0xFFFF4FF1),
        ("80000501", "00000000", "0000000000000000", "int1", None),
        ("80000603", "00000000", "0000000000000000", "bp", None),
        ("80000301", "00000025", "0000000000000000", "none", None),
        ("00000301", "00000000", "0000000000004000", "none", None),
    ],
)
def test_a_vmcs_tells_dr6_by_the_qualification_of_the_exit(
    info: str, reason: str, qualification: str, event: str, dr6: int | None
) -> None:
    text = VMCS.format(info=info, reason=reason, qualification=qualification)
    assert parse_exits(text) == {0: VcpuExit(event, 0x100256, dr6, 0x402, IDT)}  # type: ignore[arg-type]  # a word


def test_an_exit_counts_where_it_was_and_where_dr6_may_be_old() -> None:
    old = DebugState(0, 0, 0, 0, 0xFFFF0FF2, 0x400, "xenctx")
    left = VcpuExit("db", 0x1000, BS, 0x400, IDT)
    told = by_exit(old, left, 0x1000)
    assert (told.dr6, told.exit.dr6, told.exit.event, told.exit.source) == (0xFFFF0FF2, BS, "db", "vmcb")
    assert by_exit(old, left, 0x1001) == by_exit(old, None, 0x1000) == old
    assert may_be_old(old)
    assert not may_be_old(old._replace(dr7=0x402))
    assert not may_be_old(old._replace(dr7=None))
    assert not may_be_old(old._replace(exit=LastExit(BS)))
