"""A `StopRecord` as text: the lines that ``--batch`` and the demo print, and one line for text traces."""

from __future__ import annotations

from typing import Protocol

from frontend.clean import clean
from gdbstub.debugger.record import StopRecord
from gdbstub.explain.explanation import Cause, Explanation
from gdbstub.explain.quirks.lookup import brief
from gdbstub.x86.error_codes import describe_error_code
from gdbstub.x86.exceptions import Frame, vector
from gdbstub.x86.instructions import Instruction


class Names(Protocol):
    """What this module needs of `frontend.symbols.names.Symbols`."""

    def text(self, address: int) -> str: ...


def describe(record: StopRecord, symbols: Names, line: str = "") -> list[str]:
    """The stop for people: a headline, the instruction, each cause with its reasons, and what is odd. ``line`` is the
    source of where it stands.

    Nothing of it needs escaping any more.
    """
    explanation = record.explanation
    place = f", {clean(line)}" if line else ""
    lines = [f"{_where(record, symbols)}{place}: {clean(explanation.summary)}"]
    if explanation.instruction is not None:
        lines.append("  " + _instruction(explanation.instruction, symbols))
    if record.event is not None and record.event.frame is not None:
        lines.append("  " + _frame(record.event.vector, record.event.frame, symbols))
    lines += details(explanation)
    lines += [f"  note: {clean(note)}" for note in record.notes]
    return lines


def details(explanation: Explanation, *, sources: bool = False) -> list[str]:
    """The causes, contradictions, unknowns and advice, indented; ``sources`` adds the manual sections."""
    lines: list[str] = []
    for cause in explanation.causes:
        lines.append(f"  {cause_line(cause)}")
        if cause.because:
            lines.append(f"    because: {clean('; '.join(cause.because))}")
        if sources and cause.sources:
            lines.append(f"    source: {clean('; '.join(cause.sources))}")
    lines += [f"  contradiction: {clean(text)}" for text in explanation.contradictions]
    lines += [f"  unknown: {clean(text)}" for text in explanation.unknowns]
    lines += [f"  advice: {clean(text)}" for text in explanation.advice]
    return lines


def cause_line(cause: Cause) -> str:
    """``cause · owner · class · confidence``; the slot of a hardware breakpoint behind its name."""
    name = cause.cause if cause.slot is None else f"{cause.cause} (DR{cause.slot})"
    return f"{name} · {cause.owner} · {cause.klass} · {cause.confidence}"


def one_line(record: StopRecord, symbols: Names) -> str:
    """The record in one line of a text trace."""
    explanation = record.explanation
    executed = explanation.instruction
    text = f"  {executed.bytes.hex():<16} {clean(executed.text)}" if executed is not None else ""
    causes = ", ".join(f"{cause.cause}/{cause.owner}" for cause in explanation.causes)
    odd = "".join(f"  ! {clean(brief(text))}" for text in explanation.contradictions)
    return f"{_where(record, symbols)}{text}  [{causes}]{odd}"


def _where(record: StopRecord, symbols: Names) -> str:
    event = record.event
    if record.ended:
        return f"#{record.number} {record.action.value}, the guest is gone"
    if event is None:
        pc = record.state.pc
        return f"#{record.number} cpu{record.cpu} {record.action.value} at {pc:#x}{symbols.text(pc)}"
    name = vector(event.vector).name
    if event.handler is None:
        cpu = "cpu?" if record.cpu < 0 else f"cpu{record.cpu}"
        return f"#{record.number} {cpu} event {name}, seen in QEMU's log"
    handler = f"{event.handler:#x}{symbols.text(event.handler)}"
    return f"#{record.number} cpu{record.cpu} event {name} at handler {handler}"


def _instruction(instruction: Instruction, symbols: Names) -> str:
    address, code, text, _ = instruction
    return f"{address:#x}{symbols.text(address)}: {code.hex(' ')}  {clean(text)}"


def _frame(number: int, frame: Frame, symbols: Names) -> str:
    name = symbols.text((frame.cs_base or 0) + frame.rip)
    text = f"frame: rip {frame.rip:#x}{name} cs {frame.cs:#x} rflags {frame.rflags:#x}"
    if frame.rsp is not None:
        text += f" rsp {frame.rsp:#x}"
    if frame.ss is not None:
        text += f" ss {frame.ss:#x}"
    if frame.error_code is not None:
        said = describe_error_code(number, frame.error_code)
        text += f" error code {frame.error_code:#x}" + (f" ({said})" if said else "")
    return text
