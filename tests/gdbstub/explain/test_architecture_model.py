"""The architecture model on the vectors of the #DB reference, by id, and on the corners between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gdbstub.explain.model.predict import predict
from gdbstub.explain.model.vcpu_state import PendingDebugException, Prediction, VcpuState
from gdbstub.x86.debug_registers import B_MASK, BD, BLD, BS, CAUSES, decode_dr6
from gdbstub.x86.registers import Mode
from tests.gdbstub.explain.build import CODE

CLEAR = 0xFFFF0FF0
TF, RF, OF = 0x102, 0x10002, 0x802
NOTHING = VcpuState(mode=64, address=CODE, code=b"\x90", registers={})
PLAIN = replace(NOTHING, rflags=2, cpl=0, dr=(0, 0, 0, 0), dr6=CLEAR, dr7=0x400, de=True, debugctl=0)
"""Nothing is armed, and everything is known but the general registers."""
STORE = "488903"  # mov [rbx], rax
RBX = {"rbx": 0x5000, "rdx": 0x60, "rsp": 0x8000}
MOV_SS_MEM = "8e13"  # mov ss, [rbx]


def at(code: str, **facts: Any) -> VcpuState:
    """``code`` at `CODE`, with NOPs behind it. ``dr`` maps slots to addresses."""
    dr: Mapping[int, int | None] = facts.pop("dr", {})
    dr0, dr1, dr2, dr3 = (dr.get(n, 0) for n in range(4))
    return replace(PLAIN, code=bytes.fromhex(code) + b"\x90" * 4, dr=(dr0, dr1, dr2, dr3), **facts)


def due(setting: VcpuState) -> PendingDebugException:
    found = predict(setting).due
    assert found is not None
    return found


class Vector(NamedTuple):
    """``to`` is how far behind `CODE` the saved RIP stands."""

    setting: VcpuState
    dr6: int
    to: int
    klass: str = "trap"
    rf: bool = False


VECTORS: dict[str, Vector] = {
    "A01": Vector(at("90", dr7=0x420, dr={2: CODE}), 0xFFFF0FF4, 0, "fault"),
    "A02": Vector(at("90", dr7=0x420, dr={2: CODE}, dr6=0xFFFF4FF2), 0xFFFF4FF4, 0, "fault"),
    "A03": Vector(at("90", rflags=TF), 0xFFFF4FF0, 1),
    "A04": Vector(at("9d", rflags=TF, dr6=0xFFFF4FF0), 0xFFFF4FF0, 1),
    "A05": Vector(at("0fa2", rflags=TF), 0xFFFF4FF0, 2),
    "A06": Vector(at("fb", rflags=TF), 0xFFFF4FF0, 1),
    "A07": Vector(at("90", rflags=TF, shadow=True, held=BS), 0xFFFF4FF0, 1),
    "A08": Vector(at("f1", rflags=TF, shadow=True), 0xFFFF0FF0, 1),
    "A09": Vector(at("f1", rflags=TF), 0xFFFF0FF0, 1),
    "A10": Vector(at("0f23f0", rflags=TF, dr7=0x2400, shadow=True, held=BS), 0xFFFF2FF0, 0, "fault"),
    "A11": Vector(at("0f23f0", rflags=TF), 0xFFFF4FF0, 3),
    "A12": Vector(at("f4", rflags=TF), 0xFFFF4FF0, 1),
    "A13": Vector(at(STORE, dr7=0xD0040A, dr={1: 0x5000}, dr6=0xFFFF4FF0, registers=RBX), 0xFFFF4FF2, 3),
    "A14": Vector(at(STORE, dr7=0xD0040A, dr={1: 0x5004}, registers=RBX), 0xFFFF0FF2, 3),
    "A15": Vector(at("f1"), 0xFFFF0FF0, 1),
    "A16": Vector(at("2e2ef1", shadow=True, held=2), 0xFFFF0FF2, 3),
    "A20": Vector(at("90", dr7=0x401, dr={0: CODE}, shadow=True, vendor="amd"), 0xFFFF0FF1, 0, "fault"),
    "A25": Vector(at("480f07", registers={"r11": TF}, target=0x7000), 0xFFFF4FF0, 0x6000),
    "A28": Vector(at("90", rflags=TF, dr7=0x420, dr={2: CODE + 1}), 0xFFFF4FF4, 1),
    "A35": Vector(at("90", rflags=TF), 0xFFFF4FF0, 1),
    "A36": Vector(at("0f01d8", rflags=TF), 0xFFFF4FF0, 3),
    "A37": Vector(
        at("f3a4", dr7=0x10040A, dr={1: 0x5001}, registers={"rdi": 0x5001, "rsi": 0x7001, "rcx": 3}),
        *(0xFFFF0FF2, 0, "trap", True),
    ),
    "A38": Vector(
        at("f36e", dr7=0x20000480, dr={3: 0x60}, registers={"rsi": 0x7000, "rdx": 0x60, "rcx": 4}),
        *(0xFFFF0FF8, 0, "trap", True),
    ),
    "A43": Vector(at("eb10", rflags=TF, debugctl=2), 0xFFFF4FF0, 0x12),
    "T04 as hardware has it": Vector(at("ec", rflags=TF, dr7=0x20000480, dr={3: 0x60}, registers=RBX), 0xFFFF4FF8, 1),
}


@pytest.mark.parametrize("name", VECTORS)
def test_the_vector_is_predicted(name: str) -> None:
    vector = VECTORS[name]
    found = due(vector.setting)
    assert found.dr6 == vector.dr6
    assert found.places == (CODE + vector.to,)
    assert found.klass == vector.klass
    assert found.rf is vector.rf


QUALIFICATIONS: dict[str, tuple[VcpuState, int]] = {
    "A29": (at("90", rflags=TF, dr6=0xFFFF4FFA), 0x4000),
    "A30": (at("90", rflags=TF, shadow=True, held=BS | 1), 0x4001),
    "A34": (at("90", shadow=True, held=2), 0x2),
}
"""A VM exit by #DB on Intel: its exit qualification has the bits of this event alone, in positive polarity."""


@pytest.mark.parametrize("name", QUALIFICATIONS)
def test_the_bits_that_are_due_are_those_of_the_exit_qualification(name: str) -> None:
    setting, qualification = QUALIFICATIONS[name]
    assert due(setting).bits == qualification


NONE_DUE: dict[str, VcpuState] = {
    "nothing is armed": at("90"),
    "A19: MOV SS suppresses the instruction breakpoint behind it on Intel": at(
        "90", dr7=0x401, dr={0: CODE}, shadow=True, vendor="intel"
    ),
    "A21: MOV from DR4 without GD": at("0f21e0"),
    "A24: SYSCALL whose FMASK takes TF away": at("0f05", rflags=TF, fmask=0x100),
    "RF suppresses an instruction breakpoint": at("90", rflags=RF, dr7=0x401, dr={0: CODE}),
    "INT n clears TF": at("cd80", rflags=TF),
    "INT 1 is no #DB": at("cd01"),
    "INT3 is #BP": at("cc", rflags=TF),
    "POPF that sets TF does not trap": at("9d"),
    "BTF lets only branches trap": at("90", rflags=TF, debugctl=2),
    "BTF and a branch that was not taken": at("7410", rflags=TF, debugctl=2, target=CODE + 2),
    "a write watch is not met by a load": at("488b03", dr7=0x10040A, dr={1: 0x5000}, registers=RBX),
    "an access elsewhere": at(STORE, dr7=0x10040A, dr={1: 0x6000}, registers=RBX),
    "another port": at("ec", dr7=0x20000480, dr={3: 0x70}, registers=RBX),
    "the I/O type without CR4.DE": at("ec", dr7=0x20000480, dr={3: 0x60}, registers=RBX, de=False),
    "general detect at CPL 3 is #GP": at("0f21f0", dr7=0x2400, cpl=3),
    "SYSRET that clears TF": at("480f07", rflags=TF, registers={"r11": 2}),
    "a bus lock without DEBUGCTL": at("f00fc103", cpl=3, registers=RBX),
    "a bus lock in the kernel": at("f00fc103", debugctl=4, registers=RBX),
}


@pytest.mark.parametrize("name", NONE_DUE)
def test_no_db_is_due(name: str) -> None:
    assert predict(NONE_DUE[name]) == Prediction(None)


HELD: dict[str, tuple[VcpuState, int]] = {
    "a data hit of MOV SS": (at(MOV_SS_MEM, dr7=0xF0040A, dr={1: 0x5000}, registers=RBX), 2),
    "the step over MOV SS": (at("8ed0", rflags=TF), BS),
    "the step over POP SS": (replace(at("17", rflags=TF, registers=RBX), mode=32), BS),
    "MOV SS without anything": (at("8ed0"), 0),
}


@pytest.mark.parametrize("name", HELD)
def test_mov_ss_puts_its_traps_off(name: str) -> None:
    setting, held = HELD[name]
    assert predict(setting) == Prediction(None, held)


def test_a_second_mov_ss_has_no_shadow() -> None:
    assert due(at("8ed0", rflags=TF, shadow=True, held=BS)).bits == BS


def test_lss_has_no_shadow() -> None:
    assert due(at("0fb223", rflags=TF, registers=RBX)).bits == BS


@pytest.mark.parametrize("code", ["cd01", "cc", "0f05", "0f34"])
def test_held_traps_are_delivered_at_the_kernel_entry(code: str) -> None:
    """A17 and A18."""
    found = due(at(code, shadow=True, held=2))
    assert (found.bits, found.places) == (2, ())


def test_sysenter_keeps_tf() -> None:
    """A27."""
    assert due(at("0f34", rflags=TF)).bits == BS


def test_syscall_traps_in_the_kernel_where_fmask_leaves_tf() -> None:
    """A26."""
    found = due(at("0f05", rflags=TF, fmask=0))
    assert (found.bits, found.places) == (BS, ())


def test_into_that_is_not_taken_is_stepped_over() -> None:
    assert due(replace(at("ce", rflags=TF), mode=32)).bits == BS
    assert predict(replace(at("ce", rflags=TF | OF), mode=32)).due is None


def test_all_data_breakpoints_that_an_access_meets_are_set() -> None:
    found = due(at(STORE, dr7=0x3010012A | 0x400, dr={0: 0x5000, 1: 0x5004, 2: 0x6000}, registers=RBX))
    assert found.bits == 2
    both = due(at(STORE, dr7=0x00110400 | 0xA, dr={0: 0x5000, 1: 0x5004}, registers=RBX))
    assert both.bits == 3


def test_the_registers_may_be_those_after_the_instruction() -> None:
    after = {"rdi": 0x5008, "rcx": 0}
    setting = at("f348ab", dr7=0x10040A, dr={1: 0x5000}, registers=after, executed=True)
    found = due(setting)
    assert (found.bits, found.places, found.rf) == (2, (CODE + 3,), False)
    left = due(replace(setting, registers=after | {"rcx": 1}))
    assert (left.places, left.rf) == ((CODE,), True)


def test_rep_counts_in_the_register_that_is_as_wide_as_its_addresses() -> None:
    """REP MOVSD with 32-bit addresses in real mode: CX is 0, and 64 Ki iterations of ECX are left."""
    wide = {"rsi": 0, "rdi": 0, "rcx": 0x10000}
    left = due(replace(at("67f366a5", rflags=TF, registers=wide, executed=True), mode=16))
    assert (left.places, left.rf) == ((CODE,), True)
    done = due(replace(at("f3a5", rflags=TF, registers=wide, executed=True), mode=16))
    assert (done.places, done.rf) == ((CODE + 2,), False)


def test_compares_may_end_before_rcx_does() -> None:
    found = due(at("f3a6", rflags=TF, registers={"rsi": 0, "rdi": 0, "rcx": 5}))
    assert (found.places, found.rf) == ((CODE + 2, CODE), None)


def test_an_unknown_rcx_leaves_both_places() -> None:
    found = due(at("f3a4", rflags=TF, registers={"rsi": 0, "rdi": 0}))
    assert (found.places, found.rf) == ((CODE + 2, CODE), None)


def test_an_instruction_breakpoint_on_a_rep_fires_once_for_it() -> None:
    """RF is set between the iterations."""
    found = due(at("f3a4", rflags=TF, dr7=0x401, dr={0: CODE}, registers={"rsi": 0, "rdi": 0, "rcx": 5}))
    assert (found.klass, found.bits) == ("fault", 1)
    again = due(at("f3a4", rflags=TF | RF, dr7=0x401, dr={0: CODE}, registers={"rsi": 0, "rdi": 0, "rcx": 5}))
    assert (again.klass, again.bits) == ("trap", BS)


def test_iret_may_load_the_rf_that_suppresses_a_breakpoint_at_its_target() -> None:
    found = due(at("48cf", rflags=TF, dr7=0x401, dr={0: 0x7000}, target=0x7000))
    assert (found.bits, found.maybe) == (BS, 1)


def test_a_breakpoint_where_a_branch_may_have_gone_is_possible() -> None:
    found = due(at("7410", rflags=TF, dr7=0x401, dr={0: CODE + 0x12}))
    assert (found.bits, found.maybe) == (BS, 1)
    assert due(at("7410", rflags=TF, dr7=0x401, dr={0: CODE + 0x12}, target=CODE + 0x12)).bits == BS | 1


def test_a_match_that_dr7_does_not_enable_is_possible() -> None:
    found = due(at("90", rflags=TF, dr={2: CODE + 1}))
    assert (found.bits, found.maybe, found.dr6) == (BS, 4, None)


def test_int1_leaves_old_hits_open_unless_the_cpu_is_intels() -> None:
    assert due(at("f1", dr6=0xFFFF0FF2)).dr6 is None
    assert due(at("f1", dr6=0xFFFF0FF2, vendor="intel")).dr6 == CLEAR


def test_a_bus_lock_is_never_sure() -> None:
    found = due(at("f00fc103", cpl=3, debugctl=4, registers=RBX))
    assert (found.bits, found.maybe) == (0, BLD)


def test_code_wraps_at_the_end_of_its_segment() -> None:
    setting = replace(at("40", rflags=TF), mode=16, base=0x10000, address=0x1FFFF)
    assert due(setting).places == (0x10000,)


class Lacking(NamedTuple):
    setting: VcpuState
    maybe: int
    word: str


UNKNOWN: dict[str, Lacking] = {
    "TF": Lacking(at("90", rflags=None), BS, "RFLAGS.TF"),
    "RF": Lacking(at("90", rflags=None, dr7=0x401, dr={0: CODE}), 1 | BS, "RFLAGS.RF"),
    "DR7 at a store": Lacking(at(STORE, dr7=None, registers=RBX), B_MASK, "DR7"),
    "DR7 at a port": Lacking(at("ec", dr7=None, registers=RBX), B_MASK, "DR7"),
    "DR7 at a MOV DR": Lacking(at("0f21f0", dr7=None), B_MASK | BD, "DR7"),
    "CPL at a MOV DR": Lacking(at("0f21f0", dr7=0x2400, cpl=None), BD, "CPL"),
    "DRn of an instruction breakpoint": Lacking(at("90", dr7=0x401, dr={0: None}), 1, "DR0"),
    "DRn of a data breakpoint": Lacking(at(STORE, dr7=0x10040A, dr={1: None}, registers=RBX), 2, "DR1"),
    "DRn of a port": Lacking(at("ec", dr7=0x20000480, dr={3: None}, registers=RBX), 8, "DR3"),
    "the registers": Lacking(at(STORE, dr7=0x10040A, dr={1: 0x5000}), 2, "the registers"),
    "the port": Lacking(at("ec", dr7=0x20000480, dr={3: 0x60}), 8, "the port"),
    "CR4.DE": Lacking(at("e460", dr7=0x20000480, dr={3: 0x60}, de=None), 8, "CR4.DE"),
    "DEBUGCTL at no branch": Lacking(at("90", rflags=TF, debugctl=None), BS, "DEBUGCTL.BTF"),
    "where a branch went": Lacking(at("7410", rflags=TF, debugctl=2), BS, "whether the branch was taken"),
    "FMASK": Lacking(at("0f05", rflags=TF), BS, "RFLAGS.TF"),
    "R11": Lacking(at("480f07", rflags=TF), BS, "RFLAGS.TF"),
    "the vendor": Lacking(at("90", dr7=0x401, dr={0: CODE}, shadow=True), 1, "the CPU's vendor"),
    "the stack of a gate": Lacking(at("cd80", dr7=0x10040A, dr={1: 0x5000}, registers=RBX), 2, "the registers"),
    "DEBUGCTL at a lock": Lacking(at("f00fc103", cpl=3, debugctl=None, registers=RBX), BLD, "the bus"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_hangs_on_an_unknown_is_only_possible(name: str) -> None:
    row = UNKNOWN[name]
    found = predict(row.setting)
    assert found.due is not None
    assert (found.due.bits, found.due.maybe, found.due.dr6) == (0, row.maybe, None)
    assert any(row.word in text for text in found.missing)


def test_a_taken_branch_needs_no_debugctl() -> None:
    assert due(at("eb10", rflags=TF, debugctl=None)).bits == BS


def test_no_code_says_nothing() -> None:
    assert predict(replace(PLAIN, code=b"")) == Prediction(None, 0, ("the instruction",))


def test_nothing_known_is_nothing_sure() -> None:
    found = predict(NOTHING)
    assert found.due is not None
    assert found.due.bits == 0


WORDS = st.integers(0, (1 << 64) - 1)
MODES: st.SearchStrategy[Mode] = st.sampled_from((64, 32, 16))
PLACES = st.none() | st.integers(CODE - 4, CODE + 20) | WORDS
THOROUGH = settings(max_examples=100, deadline=None)
SETTINGS = st.builds(
    VcpuState,
    mode=MODES,
    address=st.integers(CODE, CODE + 4) | WORDS,
    code=st.binary(max_size=20),
    base=st.sampled_from((0, 0x1000)),
    rflags=st.none() | st.sampled_from((2, TF, RF)) | WORDS,
    cpl=st.none() | st.integers(0, 3),
    registers=st.dictionaries(st.sampled_from(("rbx", "rsp", "rcx", "rdi", "rsi", "r11")), WORDS),
    executed=st.booleans(),
    dr=st.tuples(PLACES, PLACES, PLACES, PLACES),
    dr6=st.none() | WORDS,
    dr7=st.none() | st.sampled_from((0x400, 0x401, 0xD0040A, 0x2400)) | WORDS,
    de=st.none() | st.booleans(),
    debugctl=st.none() | st.integers(0, 7),
    fmask=st.none() | WORDS,
    vendor=st.sampled_from((None, "intel", "amd")),
    target=PLACES,
    shadow=st.booleans(),
    held=st.integers(0, CAUSES),
)


@THOROUGH
@given(SETTINGS)
def test_any_setting_has_an_answer(setting: VcpuState) -> None:
    found = predict(setting).due
    if found is not None:
        assert found.bits & found.maybe == 0
        assert found.bits & ~(CAUSES | setting.held) == 0
        if found.dr6 is not None:
            assert found.bits & ~decode_dr6(found.dr6).causes & (B_MASK | BS | BD) == 0


@THOROUGH
@given(SETTINGS)
def test_knowing_less_never_makes_a_cause_sure(setting: VcpuState) -> None:
    full = predict(setting)
    gone: dict[str, Any] = {"rflags": None, "cpl": None, "dr6": None, "dr7": None, "de": None, "debugctl": None}
    gone |= {"fmask": None, "target": None, "vendor": None, "registers": {}, "dr": (None,) * 4}
    for name, nothing in gone.items():
        less = predict(replace(setting, **{name: nothing}))
        if less.due is not None and less.due.klass == (full.due.klass if full.due else None):
            assert full.due is not None
            assert less.due.bits & ~full.due.bits == 0, name
