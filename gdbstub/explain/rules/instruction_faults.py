"""Why an instruction raised its exception, as far as registers and bytes tell. SDM vol. 3A 6.15, vol. 2.

Each function is a generator of clauses, each one a fact that was read. None of them decides what the cause is: that
is the vector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gdbstub.explain.exception_facts import ExceptionFacts
from gdbstub.explain.rules.page_fault import PageAccess, accesses, cpl, judge
from gdbstub.explain.stop_facts import known
from gdbstub.x86.error_codes import IN_IDT
from gdbstub.x86.instructions import Shape
from gdbstub.x86.registers import PARTS, part

CR0_EM, CR0_TS, CR0_AM = 1 << 2, 1 << 3, 1 << 18
CR4_OSFXSR, CR4_LA57, CR4_OSXSAVE = 1 << 9, 1 << 12, 1 << 18
AC = 1 << 18
IOPL_SHIFT = 12
STACK_PAGE = 0x1000
CACHE_LINE = 64

PRIVILEGED = frozenset(
    (
        *("hlt", "lgdt", "lidt", "lldt", "ltr", "lmsw", "clts", "invd", "wbinvd", "invlpg", "invpcid", "rdmsr"),
        *("wrmsr", "swapgs", "sysret", "sysretq", "sysexit", "xsetbv"),
    )
)
IO_SENSITIVE = frozenset(("cli", "sti"))
ALIGNED = frozenset(
    ("movaps", "movapd", "movdqa", "movntps", "movntpd", "movntdq", "vmovaps", "vmovapd", "vmovdqa", "vmovntdq")
)
UNDEFINED = {"ud0": "UD0", "ud1": "UD1", "ud2": "UD2"}

Reasons = Callable[[ExceptionFacts], Iterator[str]]


def reasons(event: ExceptionFacts) -> Iterator[str]:
    """All that is known of why this vector was raised."""
    rule = REASONS.get(event.vector or 0)
    if rule is not None:
        yield from rule(event)


def _control(event: ExceptionFacts, name: str) -> int | None:
    """CR0 or CR4."""
    if name == "cr4":
        return known(event.scene.evidence.after.cr4)
    return event.registers.get(name)


def _divide(event: ExceptionFacts) -> Iterator[str]:
    what = event.next_shape()
    if what is None:
        return
    if what.mnemonic == "aam" and what.bytes[-1] == 0:
        yield "the base of AAM is 0"
    operand = what.text.split()[-1]
    if what.mnemonic in ("div", "idiv") and operand in PARTS:
        value = part(operand, event.registers)
        if value is not None:
            yield "the divisor is 0" if value == 0 else f"the divisor is {value:#x}: the quotient does not fit"


def _invalid_opcode(event: ExceptionFacts) -> Iterator[str]:
    what = event.next_shape()
    if what is None:
        if event.behind_code:
            yield "the bytes at the saved RIP are no instruction that the decoder knows"
        return
    if what.mnemonic in UNDEFINED:
        yield f"{UNDEFINED[what.mnemonic]} raises it by definition"
    if "mov-dr" in what.traits and ("dr4" in what.text or "dr5" in what.text) and event.de:
        yield "DR4 and DR5 do not exist while CR4.DE is set"
    yield from _vectors_off(event, what)


def _vectors_off(event: ExceptionFacts, what: Shape) -> Iterator[str]:
    """SSE and AVX where the control registers do not allow them."""
    cr0, cr4 = _control(event, "cr0"), _control(event, "cr4")
    avx = what.mnemonic[0] == "v" and ("xmm" in what.text or "ymm" in what.text)
    sse = not avx and "xmm" in what.text
    if cr4 is not None and not cr4 & CR4_OSXSAVE and (avx or what.mnemonic in ("xgetbv", "xsetbv")):
        yield f"CR4.OSXSAVE is 0: `{what.text}` may not run"
    if cr4 is not None and not cr4 & CR4_OSFXSR and sse:
        yield f"CR4.OSFXSR is 0: `{what.text}` may not run"
    if cr0 is not None and cr0 & CR0_EM and sse:
        yield f"CR0.EM is 1: `{what.text}` may not run"


def _not_available(event: ExceptionFacts) -> Iterator[str]:
    cr0 = _control(event, "cr0")
    for bit, name in ((CR0_TS, "CR0.TS"), (CR0_EM, "CR0.EM")):
        if cr0 is not None and cr0 & bit:
            yield f"{name} is 1"


def _double_fault(event: ExceptionFacts) -> Iterator[str]:
    rsp = None if event.frame is None else event.frame.rsp
    cr2 = known(event.scene.evidence.after.cr2)
    if rsp is not None and cr2 is not None and 0 < rsp - cr2 <= STACK_PAGE:
        yield (
            f"CR2 ({cr2:#x}) is just below the RSP of the frame ({rsp:#x}): as after a stack overflow, where the frame "
            "of the first exception could not be pushed"
        )


def _protection(event: ExceptionFacts) -> Iterator[str]:
    code = None if event.frame is None else event.frame.error_code
    what = event.next_shape()
    if what is None or code is None:
        return
    if code & IN_IDT and what.interrupt is not None and code >> 3 == what.interrupt:
        yield f"the gate of vector {what.interrupt} refused it: its DPL is below the CPL, or it is no gate for INT n"
    if code == 0:
        yield from _privilege(event, what)
        yield from _not_canonical(event, what, stack_only=False)
        yield from _misaligned(event, what)
        rcx = event.registers.get("rcx")
        if what.mnemonic in ("rdmsr", "wrmsr") and cpl(event) == 0 and rcx is not None:
            yield f"`{what.text}` is of MSR {rcx & 0xFFFF_FFFF:#x}"


def _privilege(event: ExceptionFacts, what: Shape) -> Iterator[str]:
    level = cpl(event)
    if not level or event.frame is None:
        return
    control = what.mnemonic == "mov" and any(name[:2] == "cr" for name in what.text.replace(",", "").split()[1:])
    if what.mnemonic in PRIVILEGED or "mov-dr" in what.traits or control:
        yield f"`{what.text}` needs CPL 0, and CPL is {level}"
    iopl = event.frame.rflags >> IOPL_SHIFT & 3
    if level > iopl and what.mnemonic in IO_SENSITIVE:
        yield f"`{what.text}` at CPL {level} needs an IOPL of {level}, and it is {iopl}"
    elif level > iopl and what.port_size:
        yield f"`{what.text}` at CPL {level} with IOPL {iopl} needs the leave of the TSS's I/O bitmap"


def _not_canonical(event: ExceptionFacts, what: Shape, *, stack_only: bool) -> Iterator[str]:
    """64-bit addresses whose upper bits are no sign extension: #SS(0) where SS is the segment, #GP(0) else."""
    width, found = not_canonical(event, what)
    for one in found:
        if not stack_only or one.operand.segment == "ss":
            yield f"`{what.text}` {one.does} {one.address:#x}, which is not canonical ({width} bits)"


def not_canonical(event: ExceptionFacts, what: Shape) -> tuple[int, list[PageAccess]]:
    """The width of linear addresses, and what lies beyond; none outside of 64-bit mode, or where CR4 is not known."""
    cr4 = _control(event, "cr4")
    if event.mode != 64 or cr4 is None:
        return 0, []
    width = 57 if cr4 & CR4_LA57 else 48
    extended = (0, (1 << (65 - width)) - 1)
    return width, [one for one in accesses(event, what)[0] if one.address >> (width - 1) not in extended]


def _misaligned(event: ExceptionFacts, what: Shape) -> Iterator[str]:
    for one in accesses(event, what)[0]:
        if what.mnemonic in ALIGNED and one.address % one.operand.size:
            yield f"`{what.text}` needs {one.address:#x} to be a multiple of {one.operand.size}"


def _stack_fault(event: ExceptionFacts) -> Iterator[str]:
    what = event.next_shape()
    if what is not None and event.frame is not None and event.frame.error_code == 0:
        yield from _not_canonical(event, what, stack_only=True)


def _page_fault(event: ExceptionFacts) -> Iterator[str]:
    cr2 = known(event.scene.evidence.after.cr2)
    if cr2 is not None:
        yield f"CR2 is {cr2:#x}"
        if cr2 == event.at and (event.frame is None or event.frame.error_code is None):
            yield "that is the saved RIP: an instruction fetch"
    yield from judge(event).because


def _alignment(event: ExceptionFacts) -> Iterator[str]:
    what, cr0 = event.next_shape(), _control(event, "cr0")
    checked = cr0 is not None and cr0 & CR0_AM and event.frame is not None and event.frame.rflags & AC
    if checked and cpl(event) == 3:
        yield "CR0.AM and RFLAGS.AC are 1 and CPL is 3: alignment is checked"
    if what is None:
        return
    for one in accesses(event, what)[0]:
        if one.address % one.operand.size == 0:
            continue
        yield f"`{what.text}` {one.does} {one.operand.size} bytes at {one.address:#x}"
        if "lock" in what.traits and one.address % CACHE_LINE + one.operand.size > CACHE_LINE:
            yield "it locks, and crosses a cache line: a split lock, which newer Intel CPUs can refuse at any CPL"


def _x87(event: ExceptionFacts) -> Iterator[str]:
    yield "the saved RIP is that of the next x87 instruction that waits: the one that failed ran before"


REASONS: dict[int, Reasons] = {
    0: _divide,
    6: _invalid_opcode,
    7: _not_available,
    8: _double_fault,
    12: _stack_fault,
    13: _protection,
    14: _page_fault,
    16: _x87,
    17: _alignment,
}
