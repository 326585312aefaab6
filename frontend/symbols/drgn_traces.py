"""Traces, source lines and local variables by drgn: CFI and ORC, inlined frames, through interrupts into programs."""

from __future__ import annotations

from collections.abc import Mapping

from frontend.symbols.drgn_library import Object, ObjectAbsentError, Program, StackFrame, TypeMember
from frontend.symbols.drgn_text import part_text
from frontend.symbols.engine import Locals, NamedValue, SourceLine, Trace, TraceFrame

PT_REGS = {
    "r15": "r15", "r14": "r14", "r13": "r13", "r12": "r12", "bp": "rbp", "bx": "rbx", "r11": "r11", "r10": "r10",
    "r9": "r9", "r8": "r8", "ax": "rax", "cx": "rcx", "dx": "rdx", "si": "rsi", "di": "rdi", "orig_ax": "",
    "ip": "rip", "cs": "cs", "flags": "rflags", "sp": "rsp", "ss": "ss",
}  # fmt: skip
"""Linux's struct pt_regs in order (arch/x86/include/asm/ptrace.h), each an unsigned long, and our names."""
_CACHED = "dr6's pt_regs"
MOST_FRAMES = 256


def trace(program: Program, registers: Mapping[str, int]) -> Trace:
    """The frames of a CPU, innermost first. Raises what drgn raises."""
    stack = program.stack_trace(_registers(program, registers))
    frames: list[TraceFrame] = []
    begun = True
    for frame in stack:
        pc = _pc(frame)
        if pc == 0 and frames:
            break
        here = _frame(program, frame, pc)
        frames.append(here._replace(interrupted=False) if begun else here)
        begun = begun and here.inline  # the first frame, and what it is inlined into, is where the CPU stands
        if len(frames) == MOST_FRAMES:
            return Trace(tuple(frames), f"There are more than {MOST_FRAMES} frames.")
    return Trace(tuple(frames))


def variables(program: Program, registers: Mapping[str, int], number: int) -> Locals:
    """The parameters and the other locals of a frame, by its number in `trace`."""
    frame = program.stack_trace(_registers(program, registers))[number]
    parameters = _parameters(program, frame)
    named = [(name, _variable(frame, name)) for name in dict.fromkeys((*parameters, *frame.locals()))]
    return Locals(
        tuple(value for name, value in named if name in parameters),
        tuple(value for name, value in named if name not in parameters),
    )


def _parameters(program: Program, frame: StackFrame) -> tuple[str, ...]:
    """Names of the function's parameters; those of an inlined one are not told apart from its locals."""
    name = frame.function_name
    if name is None or frame.is_inline:
        return ()
    try:
        names = [one.name for one in program.function(name, frame.source().filename).type_.parameters if one.name]
    except LookupError:
        return ()
    present = set(frame.locals())
    return tuple(name for name in names if name in present)


def frame_of(program: Program, registers: Mapping[str, int], number: int) -> StackFrame:
    """The frame itself, for who evaluates in its scope in the same question."""
    return program.stack_trace(_registers(program, registers))[number]


def lines(program: Program, address: int) -> tuple[SourceLine, ...]:
    """The source of an address, the innermost inlined function first; nothing where it is not known."""
    try:
        found = program.source_location(address)
    except LookupError:
        return ()
    return tuple(SourceLine(one.filename, one.line, one.column, one.name() or "") for one in found)


def _registers(program: Program, registers: Mapping[str, int]) -> Object:
    """Of a type of ours: a guest that is no Linux has none of that name, and from 6.9 on the kernel's own has unions in
    it."""
    if _CACHED not in program.cache:
        word = program.int_type("unsigned long", 8, False)
        members = [TypeMember(word, one, 64 * at) for at, one in enumerate(PT_REGS)]
        program.cache[_CACHED] = program.struct_type("pt_regs", 8 * len(PT_REGS), members)
    value = {theirs: registers.get(ours, 0) for theirs, ours in PT_REGS.items()}
    return Object(program, program.cache[_CACHED], value={**value, "orig_ax": (1 << 64) - 1})


def _pc(frame: StackFrame) -> int:
    try:
        return int(frame.pc)
    except LookupError:
        return 0


def _frame(program: Program, frame: StackFrame, pc: int) -> TraceFrame:
    try:
        found = frame.source()
        source: SourceLine | None = SourceLine(found.filename, found.line, found.column, frame.function_name or "")
    except LookupError:
        source = None
    name, offset = frame.function_name or "", 0
    try:
        symbol = frame.symbol()
        offset = pc - symbol.address
        name = name or symbol.name
    except LookupError:
        offset = 0
    arguments = tuple(_variable(frame, name) for name in _parameters(program, frame))
    known = frame.registers()
    return TraceFrame(
        pc, known.get("rsp", 0), name, offset, source, frame.is_inline, frame.interrupted, known, arguments
    )


def _variable(frame: StackFrame, name: str) -> NamedValue:
    try:
        value = frame[name]
    except LookupError:
        return NamedValue(name, "", "<unknown>")
    try:
        text = part_text(value)
    except ObjectAbsentError:
        text = "<optimized out>"
    return NamedValue(name, value.type_.type_name(), text)
