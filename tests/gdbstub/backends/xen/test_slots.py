"""The guest's debug registers and dr6's, put together and told apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.backends.xen.slots import PARKED, SlotSetting, enabled, enabling, merge, same, split
from gdbstub.backends.xen.vcpu_helper import VcpuDebugRegisters, parse_vcpus, setting, setting_after_run
from gdbstub.errors import RemoteProtocolError
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.debug_registers import decode_dr7

INIT = VcpuDebugRegisters((0, 0, 0, 0), 0xFFFF0FF0, 0x400)
WRITE = SlotSetting(BreakpointKind.WRITE, 0x4000, 8)
EXECUTE = SlotSetting(BreakpointKind.EXECUTE, 0x1000, 1)
words = st.integers(0, 2**64 - 1)
registers = st.builds(
    VcpuDebugRegisters,
    st.tuples(words, words, words, words),
    st.integers(0, 0xF).map(lambda bits: 0xFFFF0FF0 | bits),
    st.integers(0, 0xFFFFFFFF).map(lambda bits: bits & ~0xD000 | 0x400),
)


@given(own=registers, sticky=st.booleans())
def test_what_was_put_together_comes_apart_as_it_was(own: VcpuDebugRegisters, sticky: bool) -> None:
    ours = {3: WRITE, 1: EXECUTE}
    taken = split(merge(own, ours), own, ours, sticky=sticky)
    assert same(taken.own, own)
    assert (taken.overwritten, taken.hits) == ((), ())


@pytest.mark.parametrize(
    ("slot", "armed", "text"), [(0, EXECUTE, "execute 1"), (2, WRITE, "write 8"), (3, PARKED, "write 1")]
)
def test_dr7_says_what_was_armed(slot: int, armed: SlotSetting, text: str) -> None:
    found = decode_dr7(0x400 | enabling(slot, armed)).slots[slot]
    assert found.enabled
    assert f"{found.type} {found.length}" == text


@pytest.mark.parametrize(
    ("raw", "before", "sticky", "own", "hits"),
    [
        (0xFFFF0FF8, 0xFFFF0FF0, False, 0xFFFF0FF0, (3,)),  # ours alone
        (0xFFFF0FF8, 0xFFFF0FF1, False, 0xFFFF0FF1, (3,)),  # a CPU exchanges B0 for it: the guest's comes back
        (0xFFFF0FF9, 0xFFFF0FF0, False, 0xFFFF0FF1, (3,)),  # both at once
        (0xFFFF0FF2, 0xFFFF0FF1, False, 0xFFFF0FF2, ()),  # the guest's alone
        (0xFFFF0FF9, 0xFFFF0FF1, True, 0xFFFF0FF1, (3,)),  # Xen's PV guests collect
        (0xFFFF0FF0, 0xFFFF0FF8, True, 0xFFFF0FF8, ()),  # an old B3 of the guest's own
    ],
)
def test_the_bits_of_dr6_are_told_apart(raw: int, before: int, sticky: bool, own: int, hits: tuple[int, ...]) -> None:
    now = merge(INIT, {3: WRITE})._replace(dr6=raw)
    taken = split(now, INIT._replace(dr6=before), {3: WRITE}, sticky=sticky)
    assert (taken.own.dr6, taken.hits) == (own, hits)


def test_the_bs_of_a_step_is_not_the_guests() -> None:
    now = INIT._replace(dr6=0xFFFF4FF0)
    assert split(now, INIT, {}, sticky=True, stepped=True).own.dr6 == 0xFFFF0FF0
    assert split(now, INIT, {}, sticky=True).own.dr6 == 0xFFFF4FF0


def test_what_the_guest_writes_over_ours_is_its_own() -> None:
    now = merge(INIT, {3: WRITE, 2: EXECUTE})
    theirs = now._replace(dr7=0x400, dr=(0, 0, 0x1000, 0x5000))
    taken = split(theirs, INIT, {3: WRITE, 2: EXECUTE}, sticky=False)
    assert taken.overwritten == (3, 2)
    assert taken.own == INIT._replace(dr=(0, 0, 0, 0x5000))
    assert enabled([INIT._replace(dr7=0x402), INIT._replace(dr7=0x410)]) == {0, 2}


def test_the_helpers_words_and_lines() -> None:
    text = "0 dr0=1 dr1=2 dr2=3 dr3=ffffffff80100189 dr6=ffff0ff0 dr7=400 ran=17\n1 down\n"
    vcpus = parse_vcpus(text)
    assert vcpus == {0: VcpuDebugRegisters((1, 2, 3, 0xFFFFFFFF80100189), 0xFFFF0FF0, 0x400, 17)}
    assert setting(0, vcpus[0]) == "0:dr0=1,dr1=2,dr2=3,dr3=ffffffff80100189,dr6=ffff0ff0,dr7=400"
    assert setting_after_run(0, INIT, vcpus[0]).endswith("was3=ffffffff80100189,was7=400,ran=17")
    with pytest.raises(RemoteProtocolError, match="build it anew"):
        parse_vcpus("dr0: 0\n")
