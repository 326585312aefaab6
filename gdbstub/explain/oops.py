"""The text of a Linux oops, warning or `show_regs` as evidence, and what such a text can't carry.

Linux's source: `__show_regs` of arch/x86/kernel/process_64.c and process_32.c, `show_iret_regs` and `show_opcodes` of
dumpstack.c, `exc_debug` and `debug_read_clear_dr6` of traps.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from gdbstub.explain.evidence import CodeBytes, CpuFacts, Evidence, Fact, Known, Platform, Unknown
from gdbstub.explain.explain import explain
from gdbstub.explain.explanation import Cause, Explanation
from gdbstub.explain.json_values import BadEvidence
from gdbstub.x86.debug_registers import DR6_INIT, DR7_INIT, RTM
from gdbstub.x86.error_codes import error_code_text
from gdbstub.x86.exceptions import VECTORS, Frame
from gdbstub.x86.registers import GENERAL_64, Mode

SOURCE = "the oops"
MOST_OPCODES = 256
"""Linux prints 64."""
USER_32 = 0x23
"""`__USER32_CS` of a 64-bit Linux (asm/segment.h)."""
DEBUG_REGISTERS = ("dr0", "dr1", "dr2", "dr3", "dr6", "dr7")
INITIAL = dict.fromkeys(DEBUG_REGISTERS, 0) | {"dr6": DR6_INIT, "dr7": DR7_INIT}
ERROR_CODES = frozenset(row.number for row in VECTORS if row.has_error_code)
HEADS = (
    (14, "unable to handle (?:page fault|kernel paging request)|kernel NULL pointer dereference|#PF: error_code"),
    (8, "double fault"),
    (21, "control protection fault|Missing ENDBR"),
    (13, "general protection fault"),
    (12, "stack segment"),
    (11, "segment not present"),
    (10, "invalid TSS"),
    (17, "alignment check"),
    (0, "divide error"),
    (3, r"int3: [0-9a-f]"),
    (4, r"overflow: [0-9a-f]"),
    (5, r"bounds: [0-9a-f]"),
    (6, "invalid opcode|kernel BUG at |WARNING: CPU: "),
    (16, "fpu exception"),
    (19, "simd exception"),
)
"""What Linux says of a vector; a warning and a BUG are UD2 to the CPU."""
HEAD = re.compile("|".join(f"(?P<v{number}>{words})" for number, words in HEADS))
ADDRESS = re.compile(r"(?:for address:|dereference, address:|dereference at|request at) (?:0x)?([0-9a-f]{8,16})\b")
ERROR = re.compile(r"error_code\(0x([0-9a-f]{1,8})\)|\b([0-9a-f]{4}) \[#\d{1,9}\]")
WHERE = re.compile(
    r"\b(R|E)IP: {1,9}(?:([0-9a-f]{4}):)?(?:\[<([0-9a-f]{1,16})>\]|0x([0-9a-f]{1,16})(?![\w+])|(\S{1,200}))?"
)
REGISTER = re.compile(
    r"(?<!\w)([RE](?:[ABCD]X|[SD]I|BP|SP|FLAGS)|R(?:0[89]|1[0-5])|CR[234]|DR[0-367]|[CDEFGS]S):"
    r" {0,3}(?:([0-9a-f]{4}):)?([0-9a-f]{1,16})(?!\w)",
    re.IGNORECASE,
)
CODE = re.compile(r"\bCode:((?: {1,3}<?[0-9a-f]{2}>?)+)")
HANDLER = re.compile(r"(?<!\? )\basm_exc_debug\+")

PRINTED = (
    "DR6 before the text was printed: Linux's #DB handler takes DR6 at its entry and writes the initial value back (a "
    "task's part is kept as virtual_dr6), so what stands here is what the CPU had then, and its bits may be of another "
    "event"
)
NO_HEAD = "whether there was a #DB: the text names no exception, and registers alone do not tell of one"
WHILE_IN_HANDLER = "DR7 of the interrupted code: Linux clears it while its #DB, NMI and machine-check handlers run"
RTM_RESTS = (
    "DR6.RTM: clear in the text ({dr6:#x}), and taken for set here: older kernels write 0 to DR6, which leaves the bit "
    "clear on a CPU that has it, so it does not tell of a transaction"
)
TAKEN = Unknown("Linux's handler had taken it before it printed this")
CLEARED = Unknown("Linux's handler clears it while it runs")
NOT_PRINTED = Unknown("not in the text")


@dataclass(slots=True)
class _Registers:
    """One set as printed. ``whole`` says that lines follow those with CR4, so that none was cut off."""

    values: dict[str, int] = field(default_factory=dict)
    bits: Mode | None = None
    place: str | None = None
    code: bytes = b""
    at: int = 0
    whole: bool = False


class Oops(NamedTuple):
    """What a text holds. ``told`` are clauses for the reasons, ``limits`` facts that it can't carry; ``named`` says
    whether the text tells that there was an exception, and which."""

    evidence: Evidence
    told: tuple[str, ...]
    limits: tuple[str, ...]
    named: bool


class _PrintedText(NamedTuple):
    first: _Registers
    debug: _Registers | None
    """The set of the code that a #DB interrupted, in the call trace."""
    vector: int | None
    error_code: int | None
    address: int | None


def read_oops(text: str, rip: int | None = None, platform: Platform | None = None) -> Oops:
    """A text of Linux's as evidence of the exception that it is about, or of a #DB where it names none. ``rip`` is the
    address of its RIP, which newer kernels print by name only. `BadEvidence` where it has no registers."""
    found = _parse(text)
    shown = found.first if found.debug is None else found.debug
    if shown.bits is None and "dr6" not in shown.values:
        raise BadEvidence("no line like 'RIP: 0010:…' or 'DR3: … DR6: … DR7: …' is in it.")
    named = found.debug is not None or found.vector is not None
    number = 1 if found.debug is not None or found.vector is None else found.vector
    error_code = found.error_code if number in ERROR_CODES else None
    rip = shown.values.get("rip") if rip is None else rip
    frame = _frame(shown, rip, error_code)
    after = _after(found)
    bits = found.first.bits
    compatible = shown.bits == 64 and shown.values.get("cs") == USER_32
    evidence = Evidence(
        platform=platform or Platform(),
        mode=Unknown("not in the text") if bits is None else Known(bits, SOURCE),
        after=after,
        vector=Known(number, SOURCE if named else "assumed"),
        at_handler=Known(True, SOURCE if named else "assumed"),
        frame=frame,
        frame_mode=Known(32, SOURCE) if compatible else Unknown("not given"),
        saved_rip=Unknown("not in the text") if rip is None else Known(rip, SOURCE),
        code=() if rip is None or not shown.code else (CodeBytes((rip - shown.at) % (1 << 64), shown.code),),
    )
    return Oops(
        evidence,
        tuple(_told(shown, number, error_code, frame)),
        tuple(_limits(found.first.values, after, named, number)),
        named,
    )


def explain_oops(oops: Oops) -> Explanation:
    """The explanation with the limits of such a text: nothing is certain, and where it names no exception each cause is
    only possible, and nothing contradicts an event that is not known."""
    answer = explain(oops.evidence)
    causes = [_held(cause, oops.named) for cause in answer.causes]
    causes[0] = causes[0]._replace(because=(*causes[0].because, *oops.told))
    vague = oops.named or answer.summary.startswith(("possibly", "unknown", "spurious"))
    return replace(
        answer,
        summary=answer.summary if vague else f"possibly {answer.summary}",
        causes=tuple(causes),
        contradictions=answer.contradictions if oops.named else (),
        unknowns=(*answer.unknowns, *oops.limits),
    )


def _held(cause: Cause, named: bool) -> Cause:
    if not named:
        return cause._replace(confidence="possible")
    return cause._replace(confidence="likely") if cause.confidence == "certain" else cause


def _parse(text: str) -> _PrintedText:
    first = _Registers()
    debug: _Registers | None = None
    into: _Registers | None = first
    number = error_code = address = None
    from_handler = False
    for line in text.splitlines():
        where = WHERE.search(line)
        if where is not None:
            if first.bits is None and not first.values:
                into = first
            elif debug is None and from_handler:
                into = debug = _Registers()
            else:
                into = None
        elif first.bits is None and (head := HEAD.search(line)) is not None and number is None:
            number = int(str(head.lastgroup)[1:])
        if first.bits is None and where is None:
            code, place = ERROR.search(line), ADDRESS.search(line)
            error_code = int(code[1] or code[2], 16) if code is not None and error_code is None else error_code
            address = int(place[1], 16) if place is not None and address is None else address
        if into is not None:
            _take(into, line, where)
        from_handler = HANDLER.search(line) is not None
    return _PrintedText(first, debug, number, error_code, address)


def _take(into: _Registers, line: str, where: re.Match[str] | None) -> None:
    """What one line has; what was there first stays."""
    if "Comm:" in line:
        return
    into.whole = into.whole or ("cr4" in into.values and bool(line.strip()))
    if where is not None:
        wide, cs, old, number, name = where.groups()
        into.bits = 64 if wide == "R" else 32
        into.place = name
        address = old or number
        for key, digits in (("cs", cs), ("rip", address)):
            if digits is not None:
                into.values[key] = int(digits, 16)
    for register in REGISTER.finditer(line):
        _put(into.values, *register.groups())
    code = CODE.search(line)
    if code is not None and not into.code:
        opcodes = code[1].split()[:MOST_OPCODES]
        at = next((n for n, opcode in enumerate(opcodes) if opcode.startswith("<")), None)
        if at is not None:
            into.code, into.at = bytes(int(opcode.strip("<>"), 16) for opcode in opcodes), at


def _put(values: dict[str, int], name: str, segment: str | None, digits: str) -> None:
    """``RSP: 0018:…`` is SS and RSP; ``GS:`` with 16 digits is a base."""
    key, value = name.lower(), int(digits, 16)
    if key[0] == "e" and len(key) > 2:
        key = f"r{key[1:]}"
    elif key.startswith("r0"):
        key = f"r{key[2:]}"
    elif key in ("fs", "gs") and len(digits) == 16:
        key = f"{key}_base"
    values.setdefault(key, value)
    if segment is not None and key == "rsp":
        values.setdefault("ss", int(segment, 16))


def _frame(shown: _Registers, rip: int | None, error_code: int | None) -> Fact[Frame]:
    values = shown.values
    if rip is None:
        name = "" if shown.place is None else f", and --rip ADDRESS gives it: {shown.place} is a name"
        return Unknown(f"the address of RIP is not in the text{name}")
    if "cs" not in values or "rflags" not in values:
        return Unknown("CS or RFLAGS is not in the text")
    return Known(Frame(rip, values["cs"], values["rflags"], values.get("rsp"), values.get("ss"), error_code), SOURCE)


def _after(found: _PrintedText) -> CpuFacts:
    """The control and debug registers, which are printed with the first set only, and the general ones of the code that
    was interrupted."""
    first, shown = found.first, found.first if found.debug is None else found.debug
    values = first.values
    missing = not any(name in values for name in DEBUG_REGISTERS)
    if missing and first.whole and all(name in values for name in GENERAL_64):
        values = {**INITIAL, **values}  # Linux leaves the lines out where all six are so

    def fact(name: str) -> Fact[int]:
        if name not in values:
            return NOT_PRINTED
        return Known(values[name] | (RTM if name == "dr6" else 0), SOURCE)

    kept = ("rflags", "ss", "ds", "es", *(("fs_base", "gs_base") if not shown.values.get("cs", 3) & 3 else ()))
    registers = {name: shown.values[name] for name in (*GENERAL_64, *kept) if name in shown.values}
    cr2 = fact("cr2") if found.address is None else Known(found.address, SOURCE)
    return CpuFacts(
        cr2=cr2,
        cr4=fact("cr4"),
        dr0=fact("dr0"),
        dr1=fact("dr1"),
        dr2=fact("dr2"),
        dr3=fact("dr3"),
        dr6=fact("dr6") if found.debug is None else TAKEN,
        dr7=fact("dr7") if found.debug is None else CLEARED,
        registers=Known(registers, SOURCE),
    )


def _told(shown: _Registers, number: int, error_code: int | None, frame: Fact[Frame]) -> Iterator[str]:
    if shown.place is not None:
        yield f"RIP is {shown.place}"
    if isinstance(frame, Unknown) and error_code is not None:
        yield f"error code {error_code_text(number, error_code)}"


def _limits(printed: dict[str, int], after: CpuFacts, named: bool, number: int) -> Iterator[str]:
    if not named:
        yield NO_HEAD
    if isinstance(after.dr6, Known):
        yield PRINTED
        if "dr6" in printed and not printed["dr6"] & RTM:
            yield RTM_RESTS.format(dr6=printed["dr6"])
    if isinstance(after.dr7, Known) and number == 1:
        yield WHILE_IN_HANDLER
