"""Exceptions beyond #DB: what each says for itself, what contradicts, and what is said where a fact is not known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gdbstub.explain.deviations.vectors import EVENT_RULES
from gdbstub.explain.evidence import Evidence, Known, Unknown
from gdbstub.explain.exception_facts import ExceptionFacts
from gdbstub.explain.explain import RANK, explain
from gdbstub.explain.rules.page_fault import PLAIN, is_plain
from gdbstub.explain.stop_facts import StopFacts
from gdbstub.x86.decode import shape
from gdbstub.x86.registers import Mode
from tests.gdbstub.explain.build import CODE, KVM_AMD, KVM_INTEL, TCG, event, know
from tests.gdbstub.explain.test_properties import EVIDENCE, MODES, without

USER_CS = 0x33
AT = CODE + 1
"""The instruction that raised the exception, behind a NOP that ran."""
STORE = "488903"  # mov [rbx], rax
LOAD = "488b03"  # mov rax, [rbx]
RBX = {"rbx": 0x7000, "rax": 1, "rsp": 0x9000}


def raised(vector: int, rest: str = "90", **more: Any) -> Evidence:
    """At the handler of ``vector``: a NOP ran, and ``rest`` did not. ``more`` is what `event` takes."""
    return event(0xFFFF0FF0, **{"code": "90", **more}, rest=rest, vector=vector)


def because(evidence: Evidence) -> str:
    return "; ".join(explain(evidence).causes[0].because)


def against(evidence: Evidence) -> list[str]:
    """The contradictions of these vectors alone."""
    one = ExceptionFacts(StopFacts(evidence))
    return [text for rule in EVENT_RULES for text in rule(one, [])]


class Row(NamedTuple):
    evidence: Evidence
    said: tuple[str, ...] = ()
    contradiction: str | None = None
    unsaid: tuple[str, ...] = ()


def page_fault(rest: str, code: int, cr2: int | None, registers: dict[str, int] | None = RBX, **more: Any) -> Evidence:
    return raised(14, rest, error_code=code, registers=registers, cr2=cr2, **more)


def on_stack(rsp: int, evidence: Evidence) -> Evidence:
    """The same with another RSP in the frame."""
    assert isinstance(evidence.frame, Known)
    return replace(evidence, frame=Known(evidence.frame.value._replace(rsp=rsp), "test"))


PAGE_FAULTS = {
    "a store": Row(
        page_fault(STORE, 2, 0x7000), ("CR2 lies in what `mov qword ptr [rbx], rax` writes, the 8 bytes at 0x7000",)
    ),
    "a store, the last byte of it": Row(page_fault(STORE, 2, 0x7007), ("writes, the 8 bytes at 0x7000",)),
    "a store that is behind the operand": Row(
        page_fault(STORE, 2, 0x7008), ("CR2 lies in no operand", "an access of the CPU itself"), None, ("writes",)
    ),
    "a load": Row(page_fault(LOAD, 0, 0x7000), ("CR2 lies in what `mov rax, qword ptr [rbx]` reads",)),
    "a load that the error code calls a write": Row(
        page_fault(LOAD, 2, 0x7000),
        (),
        "says a write, but CR2 (0x7000) lies in what `mov rax, qword ptr [rbx]` only reads",
    ),
    "a store that the error code calls a read": Row(page_fault(STORE, 0, 0x7000), (), "says a read, but CR2"),
    "an instruction that reads and writes": Row(page_fault("480103", 2, 0x7000), ("reads and writes, the 8 bytes",)),
    "the same, called a read": Row(page_fault("480103", 0, 0x7000), ("reads and writes",)),
    "CMPXCHG, whose write the decoder does not tell": Row(
        page_fault("f0480fb10b", 2, 0x7000), ("CR2 lies in what `lock cmpxchg qword ptr [rbx], rcx` accesses",)
    ),
    "a push": Row(page_fault("50", 2, 0x7FF8), ("CR2 lies in what `push rax` writes, the stack slot at 0x7ff8",)),
    "a pop": Row(page_fault("58", 0, 0x8000), ("`pop rax` reads, the stack slot at 0x8000",)),
    "a call's push": Row(page_fault("e800000000", 2, 0x7FF8), ("the stack slot at 0x7ff8",)),
    "a push of memory, its read": Row(page_fault("ff33", 0, 0x7000), ("reads, the 8 bytes at 0x7000",)),
    "an operand from RIP": Row(page_fault("488b0510000000", 0, AT + 7 + 0x10), ("reads, the 8 bytes at 0x1018",)),
    "a user's access elsewhere": Row(
        page_fault(STORE, 6, 0x6000, cs=USER_CS), (), "CR2 lies in no operand of `mov qword ptr [rbx], rax`"
    ),
    "the CPU's own access at CPL 3": Row(
        page_fault(STORE, 2, 0x6000, cs=USER_CS), ("CR2 lies in no operand", "an access of the CPU itself")
    ),
    "registers not known": Row(
        page_fault(STORE, 6, 0x6000, None, cs=USER_CS), ("CR2 is 0x6000",), None, ("operand", "writes")
    ),
    "a segment base not known": Row(page_fault("64488903", 6, 0x6000, cs=USER_CS), (), None, ("operand",)),
    "a segment base": Row(
        page_fault("64488903", 6, 0x17000, {**RBX, "fs_base": 0x10000}, cs=USER_CS), ("the 8 bytes at 0x17000",)
    ),
    "an instruction with accesses of its own": Row(page_fault("48cf", 6, 0x6000, cs=USER_CS), (), None, ("operand",)),
    "a REP that may be ahead": Row(
        page_fault("f3a4", 6, 0x7100, {**RBX, "rsi": 0x7000, "rdi": 0x6000}, cs=USER_CS), (), None, ("operand",)
    ),
    "a REP": Row(page_fault("f348ab", 6, 0x6004, {**RBX, "rdi": 0x6000}, cs=USER_CS), ("`rep stosq",)),
    "an address with a prefix 67": Row(
        page_fault("67488903", 6, 0x6000, {**RBX, "rbx": 0x1_0000_6000}, cs=USER_CS), (), None, ("operand", "writes")
    ),
    "a segment register that is loaded": Row(page_fault("8ed8", 4, 0x6000, cs=USER_CS), (), None, ("operand",)),
    "the code not known": Row(page_fault(STORE, 6, 0x6000, cs=USER_CS, with_code=False), (), None, ("operand",)),
    "CR2 not known": Row(page_fault(STORE, 6, None, cs=USER_CS), (), None, ("CR2", "operand")),
    "the frame not known": Row(page_fault(STORE, 6, 0x6000, frame=False), ("CR2 is 0x6000",), None, ("operand",)),
    "no error code": Row(raised(14, STORE, registers=RBX, cr2=AT), ("that is the saved RIP: an instruction fetch",)),
    "a fetch": Row(page_fault(STORE, 0x10, AT), ("that is the saved RIP: an instruction fetch",), None, ("NX",)),
    "a fetch without NX": Row(page_fault(STORE, 0, AT), ("which the error code tells only where NX is on",)),
    "a fetch of somewhere else": Row(
        page_fault(STORE, 0x10, 0x6000),
        (),
        "an instruction fetch, but CR2 (0x6000) is not in the instruction at 0x1001",
    ),
    "a write to the instruction itself": Row(
        page_fault("488905f9ffffff", 3, AT), ("writes, the 8 bytes at 0x1001",), None, ("fetch",)
    ),
    "a shadow stack access": Row(page_fault(STORE, 0x46, 0x6000, cs=USER_CS), (), None, ("operand",)),
    "a reserved bit of a page that is not there": Row(
        page_fault(STORE, 0xA, 0x7000), (), "a reserved bit in a page that"
    ),
    "a reserved bit": Row(page_fault(STORE, 0xB, 0x7000), ("writes",)),
    "a key of a page that is not there": Row(page_fault(STORE, 0x22, 0x7000), (), "a protection key in a page"),
    "a fetch that writes": Row(page_fault(STORE, 0x12, AT), (), "write and instruction fetch at once"),
    "user mode at CPL 0": Row(page_fault(STORE, 6, 0x7000), ("writes",), "but the interrupted code ran at CPL 0"),
    "user mode at CPL 0, of WRUSS": Row(page_fault(STORE, 0x46, 0x7000), ("user mode, shadow stack access",)),
    "user mode in virtual-8086 mode": Row(page_fault("8903", 6, 0x7000, mode=32, rflags=0x20002)),
    "32-bit, the stack of another segment": Row(page_fault("50", 2, 0x7FFC, mode=32), (), None, ("slot", "operand")),
    "32-bit, a store": Row(page_fault("8903", 2, 0x7000, mode=32), ("the 4 bytes at 0x7000",)),
}


def test_a_vector_that_was_seen_without_a_stop_is_not_said_to_be_at_its_handler() -> None:
    seen = event(0xFFFF0FF0, vector=6, rest="0f0b", on=TCG)
    seen = replace(seen, after=replace(seen.after, rip=Unknown("the guest was not stopped")))
    assert explain(seen).causes[0].because[0] == "the guest took vector 6 (invalid opcode)"


@pytest.mark.parametrize("name", PAGE_FAULTS)
def test_a_page_fault_is_told_by_cr2_and_the_operands(name: str) -> None:
    row = PAGE_FAULTS[name]
    said = because(row.evidence)
    for words in row.said:
        assert words in said
    for words in row.unsaid:
        assert words not in said.partition("; error code")[2].partition(";")[2]
    found = against(row.evidence)
    assert [row.contradiction in text for text in found if row.contradiction] == [True] * (
        row.contradiction is not None
    )
    assert explain(row.evidence).causes[0].confidence == "certain"


def test_a_fetch_may_go_on_in_the_next_page() -> None:
    """The instruction begins 8 bytes in front of the page."""
    far: dict[str, Any] = {"rest": "48b8" + "90" * 8, "error_code": 0x10, "code": "90" * 0xFF8}
    evidence = raised(14, cr2=0x2000, **far)
    assert "the instruction at the saved RIP goes on in the page that begins there: its fetch" in because(evidence)
    assert against(evidence) == []
    assert against(raised(14, cr2=0x3000, **far))


def test_what_does_not_fit_is_among_the_contradictions_of_the_answer() -> None:
    answer = explain(page_fault(STORE, 0, 0x7000))
    assert set(answer.contradictions) >= set(against(page_fault(STORE, 0, 0x7000)))
    assert answer.causes[0].confidence == "certain"


FAULTS = {
    "#DE by 0": Row(raised(0, "48f7f3", registers={"rbx": 0}), ("the divisor is 0",)),
    "#DE by too little": Row(
        raised(0, "f7fb", registers={"rbx": 0x1_0000_0002}), ("the divisor is 0x2: the quotient",)
    ),
    "#DE of memory": Row(raised(0, "48f733", registers={"rbx": 0}), (), None, ("divisor",)),
    "#DE, registers not known": Row(raised(0, "48f7f3"), (), None, ("divisor",)),
    "#DE, the code not known": Row(raised(0, with_code=False, registers={"rbx": 0}), (), None, ("divisor", "AAM")),
    "#DE of AAM": Row(raised(0, "d400", mode=32), ("the base of AAM is 0",)),
    "#DE of AAM with a base": Row(raised(0, "d40a", mode=32), (), None, ("AAM",)),
    "#UD of UD2": Row(raised(6, "0f0b"), ("UD2 raises it by definition",)),
    "#UD of no instruction": Row(raised(6, "0f3f"), ("no instruction that the decoder knows",)),
    "#UD of unknown bytes": Row(raised(6, with_code=False), (), None, ("decoder",)),
    "#UD of DR4": Row(raised(6, "0f23e0", cr4=8), ("DR4 and DR5 do not exist while CR4.DE is set",)),
    "#UD of DR4 without DE": Row(raised(6, "0f23e0", cr4=0), (), None, ("DR4",)),
    "#UD of DR4, CR4 not known": Row(raised(6, "0f23e0", cr4=None), (), None, ("DR4",)),
    "#UD of AVX": Row(raised(6, "c5f877", cr4=0), (), None, ("OSXSAVE",)),
    "#UD of AVX with registers": Row(raised(6, "c5f828c1", cr4=0), ("CR4.OSXSAVE is 0: `vmovaps xmm0, xmm1`",)),
    "#UD of AVX with OSXSAVE": Row(raised(6, "c5f828c1", cr4=1 << 18), (), None, ("OSXSAVE", "OSFXSR")),
    "#UD of XGETBV": Row(raised(6, "0f01d0", cr4=0), ("CR4.OSXSAVE is 0",)),
    "#UD of SSE": Row(raised(6, "0f28c1", cr4=0), ("CR4.OSFXSR is 0: `movaps xmm0, xmm1` may not run",)),
    "#UD of SSE with EM": Row(raised(6, "0f28c1", cr4=1 << 9, registers={"cr0": 4}), ("CR0.EM is 1",)),
    "#UD of SSE that may run": Row(raised(6, "0f28c1", cr4=1 << 9, registers={"cr0": 0}), (), None, ("may not run",)),
    "#NM with TS": Row(raised(7, "d9e8", registers={"cr0": 8}), ("CR0.TS is 1",), None, ("CR0.EM",)),
    "#NM with EM": Row(raised(7, "d9e8", registers={"cr0": 4}), ("CR0.EM is 1",)),
    "#NM, CR0 not known": Row(raised(7, "d9e8", registers=RBX), (), None, ("CR0",)),
    "#DF of a stack overflow": Row(raised(8, error_code=0, cr2=0x7FF8), ("just below the RSP of the frame (0x8000)",)),
    "#DF with an old CR2": Row(raised(8, error_code=0, cr2=0x100), ("an abort",), None, ("CR2",)),
    "#DF, CR2 not known": Row(raised(8, error_code=0), ("an abort", "error code 0x0 (as always)"), None, ("CR2",)),
    "#DF with an error code": Row(raised(8, error_code=0x10), (), "The error code of #DF is 0x10; hardware pushes 0."),
    "#AC with an error code": Row(raised(17, error_code=1), (), "The error code of #AC is 0x1"),
    "#MC": Row(raised(18), ("an abort",)),
    "#TS": Row(raised(10, error_code=0x28), ("error code 0x28 (GDT selector 0x28)",)),
    "#NP of a gate": Row(raised(11, "cd20", error_code=0x102), ("error code 0x102 (IDT vector 32)",)),
    "#NP of a gate that an interrupt was to go through": Row(
        raised(11, error_code=0x102), ("error code 0x102 (IDT vector 32)",), "hardware sets EXT then: 0x103"
    ),
    "#SS of a stack that is not canonical": Row(
        on_stack(0x8000_0000_0000_1000, raised(12, "50", error_code=0, registers=RBX)), ("is not canonical (48 bits)",)
    ),
    "#GP of such a stack": Row(
        on_stack(0x8000_0000_0000_1000, raised(13, "50", error_code=0, registers=RBX)),
        ("`push rax` writes 0x8000000000000ff8",),
        "hardware raises #SS with error code 0, not #GP",
    ),
    "#GP of an operand by RBP that is no push": Row(
        raised(13, "488b4500", error_code=0, registers={"rbp": 1 << 60}), ("which is not canonical",)
    ),
    "#SS with a selector": Row(raised(12, "50", error_code=0x10), ("GDT selector 0x10",), None, ("canonical",)),
    "#GP of an address": Row(
        raised(13, LOAD, error_code=0, registers={"rbx": 0x8000_0000_0000}),
        ("`mov rax, qword ptr [rbx]` reads 0x800000000000, which is not canonical (48 bits)", "0x0 (no selector)"),
    ),
    "#GP of an address with LA57": Row(
        raised(13, LOAD, error_code=0, registers={"rbx": 0x8000_0000_0000}, cr4=1 << 12), (), None, ("canonical",)
    ),
    "#GP of a canonical address": Row(
        raised(13, LOAD, error_code=0, registers={"rbx": 0xFFFF_8000_0000_0000}), (), None, ("canonical",)
    ),
    "#GP of an address, CR4 not known": Row(
        raised(13, LOAD, error_code=0, registers={"rbx": 0x8000_0000_0000}, cr4=None), (), None, ("canonical",)
    ),
    "#GP of an address in 32 bits": Row(
        raised(13, "8b03", error_code=0, registers=RBX, mode=32), (), None, ("canonical",)
    ),
    "#GP of MOVAPS": Row(
        raised(13, "0f2803", error_code=0, registers={"rbx": 0x7008}),
        ("`movaps xmm0, xmmword ptr [rbx]` needs 0x7008 to be a multiple of 16",),
    ),
    "#GP of MOVUPS": Row(raised(13, "0f1003", error_code=0, registers={"rbx": 0x7008}), (), None, ("multiple",)),
    "#GP of MOVAPS, registers not known": Row(raised(13, "0f2803", error_code=0), (), None, ("multiple",)),
    "#GP of HLT at CPL 3": Row(raised(13, "f4", error_code=0, cs=USER_CS), ("`hlt` needs CPL 0, and CPL is 3",)),
    "#GP of HLT at CPL 0": Row(raised(13, "f4", error_code=0), (), None, ("needs",)),
    "#GP of MOV DR at CPL 3": Row(raised(13, "0f23f8", error_code=0, cs=USER_CS), ("`mov dr7, rax` needs CPL 0",)),
    "#GP of MOV CR at CPL 3": Row(raised(13, "0f20d8", error_code=0, cs=USER_CS), ("`mov rax, cr3` needs CPL 0",)),
    "#GP of CLI": Row(raised(13, "fa", error_code=0, cs=USER_CS), ("`cli` at CPL 3 needs an IOPL of 3, and it is 0",)),
    "#GP of CLI with IOPL 3": Row(raised(13, "fa", error_code=0, cs=USER_CS, rflags=0x3002), (), None, ("IOPL",)),
    "#GP of OUT": Row(raised(13, "e680", error_code=0, cs=USER_CS), ("needs the leave of the TSS's I/O bitmap",)),
    "#GP of RDMSR": Row(raised(13, "0f32", error_code=0, registers={"rcx": 0x1D9}), ("`rdmsr` is of MSR 0x1d9",)),
    "#GP of RDMSR, RCX not known": Row(raised(13, "0f32", error_code=0), (), None, ("MSR",)),
    "#GP of INT 0x80": Row(
        raised(13, "cd80", error_code=0x402, cs=USER_CS), ("the gate of vector 128 refused it", "IDT vector 128")
    ),
    "#GP of another gate": Row(raised(13, "cd80", error_code=0x12, cs=USER_CS), (), None, ("refused",)),
    "#GP with a selector": Row(raised(13, "f4", error_code=0x30, cs=USER_CS), ("GDT selector 0x30",), None, ("needs",)),
    "#GP, the frame not known": Row(raised(13, "f4", frame=False), (), None, ("needs",)),
    "#MF": Row(raised(16, "9b"), ("the next x87 instruction that waits",)),
    "#AC": Row(
        raised(17, STORE, error_code=0, registers={"rbx": 0x7001, "cr0": 1 << 18}, rflags=1 << 18 | 2, cs=USER_CS),
        ("alignment is checked", "writes 8 bytes at 0x7001"),
    ),
    "#AC that is aligned": Row(raised(17, STORE, error_code=0, registers=RBX), (), None, ("writes", "alignment is")),
    "#AC of a split lock": Row(
        raised(17, "f0480103", error_code=0, registers={"rbx": 0x703C}),
        ("a split lock",),
    ),
    "#AC, the code not known": Row(raised(17, error_code=0, with_code=False, registers=RBX), (), None, ("writes",)),
    "#CP": Row(raised(21, error_code=3), ("error code 0x3 (an indirect branch led to no ENDBRANCH)",)),
    "#VC": Row(raised(29, "0fa2", error_code=0x72), ("error code 0x72 (CPUID)",)),
    "#SX": Row(raised(30, error_code=1), ("an INIT was redirected",)),
}


@pytest.mark.parametrize("name", FAULTS)
def test_an_exception_says_what_its_registers_and_bytes_tell(name: str) -> None:
    row = FAULTS[name]
    said = because(row.evidence)
    for words in row.said:
        assert words in said
    for words in row.unsaid:
        assert words not in said
    found = against(row.evidence)
    assert found == [] if row.contradiction is None else row.contradiction in found[0]
    cause = explain(row.evidence).causes[0]
    assert (cause.cause, cause.owner, cause.confidence) == ("exception", "guest", "certain")


@pytest.mark.parametrize(
    ("vector", "klass", "word"),
    [(8, "none", "(abort)"), (18, "none", "(abort)"), (13, "fault", "(fault)"), (2, "none", "")],
)
def test_an_abort_is_of_no_class_and_said_to_be_one(vector: int, klass: str, word: str) -> None:
    answer = explain(raised(vector))
    assert answer.causes[0].klass == klass
    assert word in answer.summary
    assert ("abort" in because(raised(vector))) == (word == "(abort)")


IF = 0x202


def test_an_irq_of_real_mode_is_not_called_an_exception() -> None:
    answer = explain(raised(8, mode=16, rflags=IF))
    assert answer.causes[0].confidence == "possible"
    assert "IRQ 0 comes through this vector as well" in because(raised(8, mode=16, rflags=IF))
    assert answer.summary.startswith("possibly #DF double fault, or IRQ 0, at 0x")


@pytest.mark.parametrize(
    "evidence",
    [raised(8, mode=16, rflags=2), raised(16, mode=16, rflags=IF), raised(8, mode=32, rflags=IF), raised(8, rflags=IF)],
)
def test_an_irq_is_ruled_out_by_if_by_the_vector_and_by_the_mode(evidence: Evidence) -> None:
    assert "IRQ" not in because(evidence)
    assert "IRQ" not in explain(evidence).summary
    assert explain(evidence).causes[0].confidence == "certain"


def test_an_irq_is_not_ruled_out_without_the_frame() -> None:
    assert explain(raised(8, mode=16, frame=False)).causes[0].confidence == "possible"


def test_int_n_is_known_to_have_run_only_where_nothing_else_can_be_meant() -> None:
    """The bytes CD 06 may be part of another instruction in front of the one that raised #UD."""
    answer = explain(event(0xFFFF0FF0, vector=6, code="cd06", rest="0f0b"))
    assert answer.instruction is not None
    assert answer.instruction.text == "ud2"
    answer = explain(event(0xFFFF0FF0, vector=13, code="cd0d", rest="f4", error_code=0))
    assert answer.instruction is not None
    assert answer.instruction.text == "hlt"


def test_what_was_not_read_is_said_to_be_unknown() -> None:
    assert explain(page_fault(STORE, 2, None)).unknowns == ("CR2: not given",)
    assert explain(raised(13)).unknowns == ("error code: not in the frame",)
    assert "error code" not in " ".join(explain(raised(13, mode=16)).unknowns)
    assert explain(raised(6)).unknowns == ()


@pytest.mark.parametrize(
    ("vector", "words"),
    [(8, "with 0, which is what hardware pushes"), (10, "drop that intercept"), (2, "undefined"), (9, "undefined")],
)
def test_the_proposed_interception_is_told_of_on_kvm_with_amd_alone(vector: int, words: str) -> None:
    hint = explain(raised(vector, on=KVM_AMD)).advice
    assert len(hint) == 1
    assert hint[0].startswith("Proposed patch, not in mainline: ")
    assert words in hint[0]
    for other in (KVM_INTEL, TCG, None):
        assert explain(raised(vector, on=other)).advice == ()
    for elsewhere in (13, 14, 3, 6):
        assert explain(raised(elsewhere, on=KVM_AMD)).advice == ()
    unknown = replace(KVM_AMD, vendor=Unknown("not given"))
    assert explain(raised(vector, on=unknown)).advice == ()


PLAIN_FORMS: tuple[tuple[str, Mode, bool, bool], ...] = (
    ("480303", 64, True, False),  # add rax, [rbx]
    ("483b03", 64, True, False),  # cmp rax, [rbx]
    ("488503", 64, True, False),  # test [rbx], rax
    ("480103", 64, True, True),  # add [rbx], rax
    ("48ff03", 64, True, True),  # inc qword [rbx]
    ("48f71b", 64, True, True),  # neg qword [rbx]
    ("48f713", 64, True, True),  # not qword [rbx]
    ("488703", 64, True, True),  # xchg [rbx], rax
    ("488903", 64, False, True),
    ("488b03", 64, True, False),
    ("48c70300000000", 64, False, True),
    ("0fb603", 64, True, False),
    ("486303", 64, True, False),
    ("480faf03", 64, True, False),
    ("48f723", 64, True, False),  # mul
    ("48f733", 64, True, False),  # div
    ("0f2803", 64, True, False),
    ("f30f6f03", 64, True, False),
    ("660f7f03", 64, False, True),
    ("aa", 64, False, True),
    ("48ab", 64, False, True),
    ("ac", 64, True, False),
    ("ff23", 64, True, False),  # jmp [rbx]
    ("8903", 32, False, True),
)


@pytest.mark.parametrize(("code", "mode", "reads", "writes"), PLAIN_FORMS)
def test_the_decoder_tells_the_direction_of_a_plain_instruction(
    code: str, mode: Mode, reads: bool, writes: bool
) -> None:
    what = shape(bytes.fromhex(code), mode)
    assert what is not None
    assert is_plain(what)
    assert [(one.reads, one.writes) for one in what.memory] == [(reads, writes)]


@pytest.mark.parametrize("code", ["8ed8", "8e1b", "f3a4", "48cf", "0fb10b", "c9", "cd80", "0fae03", "d7"])
def test_an_instruction_with_other_accesses_is_not_plain(code: str) -> None:
    what = shape(bytes.fromhex(code), 64)
    assert what is not None
    assert not is_plain(what)


def test_plain_instructions_are_lower_case_names() -> None:
    assert all(name == name.lower() and name.isalpha() for name in PLAIN)


def test_the_reasons_stand_behind_the_vector_and_its_error_code() -> None:
    reasons = explain(page_fault(STORE, 2, 0x7000)).causes[0].because
    assert reasons[:3] == (
        "the guest stands at its handler of vector 14 (page fault)",
        "error code page not present, write, supervisor mode",
        "CR2 is 0x7000",
    )
    assert isinstance(page_fault(STORE, 2, 0x7000).frame, Known)


ERROR_CODES = st.one_of(st.integers(0, 0x8F), st.sampled_from((0x402, 0x8007, 1 << 31, 1 << 40)))


@settings(max_examples=50, deadline=None)
@given(EVIDENCE, st.integers(0, 33), ERROR_CODES, MODES)
def test_any_exception_has_an_answer_in_sentences(evidence: Evidence, number: int, code: int, mode: Mode) -> None:
    frame = evidence.frame
    if isinstance(frame, Known):
        frame = Known(frame.value._replace(error_code=code), "test")
    evidence = replace(
        evidence, vector=know(number), at_handler=know(True), frame=frame, mode=know(mode), frame_mode=know(mode)
    )
    answer = explain(evidence)
    assert answer.causes
    for text in against(evidence):
        assert text.endswith(".")
        assert "  " not in text
    if number not in (1, 3):
        assert [cause.cause for cause in answer.causes] == ["exception"]
        assert all(answer.causes[0].because)
        for less in without(evidence):
            assert RANK[explain(less).causes[0].confidence] >= RANK[answer.causes[0].confidence]
