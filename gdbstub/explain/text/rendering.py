"""A whole explanation as text for people: the sentence, the causes and why, what the guest saw, caveats, sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap

from gdbstub.explain.evidence import Evidence, Known
from gdbstub.explain.explanation import Cause, CauseName, Explanation
from gdbstub.x86.exceptions import vector
from gdbstub.x86.registers import RF, TF

WHOSE = {
    "debugger": "of the debugger",
    "debugger-leak": "leaked by the debugger",
    "guest": "of the guest",
    "hypervisor": "of the hypervisor",
    "unknown": "owner unknown",
}
GLUE = "\x00"
"""Stands for a blank at which a line is not broken."""
NO_EVENTS: frozenset[CauseName] = frozenset(("interrupt-request", "shutdown", "internal-error", "spurious", "unknown"))
"""Causes that no handler of the guest could have seen."""


def wrapped(text: str, width: int | None, indent: str = "", first: str | None = None) -> Iterator[str]:
    """``text`` in lines of at most ``width`` columns (None: one line), the first after ``first``, the others after
    ``indent``. A word is never broken, nor is code between backquotes at its blanks where a line has room for it."""
    head = indent if first is None else first
    if width is None:
        yield head + text.replace(GLUE, " ")
        return
    kept = _glued(text, width - len(indent))
    for line in wrap(
        kept, width, initial_indent=head, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ):
        yield line.replace(GLUE, " ")


def _glued(text: str, room: int) -> str:
    """The blanks of code in backquotes made part of its word, unless it would not fit into a line; hyphens stay."""
    parts = text.split("`")
    for n in range(1, len(parts) - 1, 2):
        if len(parts[n]) + 2 <= room // 2:
            parts[n] = parts[n].replace(" ", GLUE)
    return "`".join(parts)


def render_text(explanation: Explanation, evidence: Evidence | None = None, width: int | None = None) -> str:
    """For people. ``evidence`` is what was explained: with it the text tells what the guest saw. Lines are wrapped to
    ``width`` columns; None leaves each paragraph on a line of its own."""
    lines = [*wrapped(explanation.summary, width), ""]
    for cause in explanation.causes:
        lines += _cause(cause, width)
    seen = [*_registers(explanation), *_seen(explanation, evidence)]
    if seen:
        lines += ["", *_paragraphs(seen, width, "")]
    for title, rows in (
        ("Contradictions", explanation.contradictions),
        ("Not known", explanation.unknowns),
        ("Advice", explanation.advice),
    ):
        if rows:
            lines += ["", f"{title}:", *_paragraphs(rows, width, "  ")]
    sources = dict.fromkeys(source for cause in explanation.causes for source in cause.sources)
    if sources:
        lines += ["", *cited(sources, width)]
    return "\n".join(lines)


def cited(sources: Iterable[str], width: int | None) -> Iterator[str]:
    """The paragraph of the sources; each short one stays on one line."""
    whole = (
        source.replace(" ", GLUE) if width is not None and len(source) < width // 2 else source for source in sources
    )
    yield from wrapped("; ".join(whole), width, "  ", "Sources: ")


def _paragraphs(texts: Iterable[str], width: int | None, indent: str) -> Iterator[str]:
    for text in texts:
        yield from wrapped(text, width, f"{indent}  ", indent)


def _cause(cause: Cause, width: int | None) -> Iterator[str]:
    slot = "" if cause.slot is None else f" (DR{cause.slot})"
    klass = "" if cause.klass == "none" else f", {cause.klass}"
    yield f"{cause.cause}{slot}, {WHOSE[cause.owner]}{klass}, {cause.confidence}"
    yield from _paragraphs((f"because {reason}" for reason in cause.because), width, "  ")


def _registers(explanation: Explanation) -> Iterator[str]:
    guest, exit_dr6 = explanation.guest_dr6, explanation.exit_dr6
    if guest is not None:
        said = f"DR6 of the guest: {guest.value:#x}"
        sure = not any(text.startswith("DR6 before") for text in explanation.unknowns)
        new = "set by this event" if sure else "set by this event or before it"
        for name, bits in ((new, guest.set), ("from before, or no cause", guest.stale)):
            if bits:
                said += f"; {name}: {', '.join(bits)}"
        yield said
    if exit_dr6.value is not None:
        yield f"DR6 of the exit, {exit_dr6.provenance}: {exit_dr6.value:#x}"


def _seen(explanation: Explanation, evidence: Evidence | None) -> Iterator[str]:
    """What of the event reached the guest: the frame on its stack, or nothing."""
    if evidence is None:
        return
    at_handler, number = evidence.at_handler, evidence.vector
    handled = at_handler.value if isinstance(at_handler, Known) else isinstance(number, Known)
    if handled:
        yield from _frame(evidence)
    elif any(row.taken is not None for row in explanation.causes):
        if isinstance(evidence.frame, Known):
            yield from _frame(evidence)
        else:
            yield "The guest took its own event in this step; catch its vector to have the frame shown."
    elif any(row.owner in ("guest", "debugger-leak") and row.cause not in NO_EVENTS for row in explanation.causes):
        sure = any(row.owner == "guest" and row.confidence != "possible" for row in explanation.causes)
        yield f"The guest has not seen {'its' if sure else 'any such'} event: it was given to the debugger instead."
    elif all(row.owner == "debugger" for row in explanation.causes):
        yield "This stop was the debugger's own: the guest's DR6 does not tell of it."


def _frame(evidence: Evidence) -> Iterator[str]:
    if not isinstance(evidence.frame, Known):
        if isinstance(evidence.failed, Known):
            where = f", at RIP {evidence.unpushed.value.rip:#x}" if isinstance(evidence.unpushed, Known) else ""
            yield f"No handler of the guest began and no frame was pushed{where}: {evidence.failed.value} came instead"
        elif isinstance(evidence.saved_rip, Known):
            yield f"Frame of the guest: RIP {evidence.saved_rip.value:#x}; the rest is not known"
        return
    frame = evidence.frame.value
    said = f"Frame of the guest: RIP {frame.rip:#x}"
    if frame.cs:
        said += f", CS {frame.cs:#x}"
    said += f", RFLAGS {frame.rflags:#x} (TF {frame.rflags // TF & 1}, RF {frame.rflags // RF & 1})"
    if frame.error_code is not None:
        said += f", error code {frame.error_code:#x}"
    number = evidence.vector.value if isinstance(evidence.vector, Known) else 1
    if number != 1 and 0 <= number <= 255:
        said += f"; handler of {vector(number).name}"
    yield said
