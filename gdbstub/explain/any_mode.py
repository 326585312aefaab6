"""Code where the CPU's mode is not known: only bytes that read alike in every mode say anything.

An address of more than 32 bits tells the mode: only 64-bit code has a RIP like that (SDM vol. 1 3.5).
"""

from __future__ import annotations

from dataclasses import replace

from gdbstub.explain.evidence import CodeBytes, CpuFacts, Evidence, Known, Unknown
from gdbstub.x86.decode import shape_in_every_mode
from gdbstub.x86.registers import Mode

UNREADABLE = Unknown("how they read depends on the CPU mode, which is not known")


NARROW = 1 << 32
WIDE = Known[Mode](64, "RIP has more than 32 bits")


def with_mode(evidence: Evidence) -> Evidence:
    """The same with the mode, where that is not known and RIP tells it. In long mode every handler is 64-bit code, so
    the RIP that was saved tells of both."""
    if isinstance(evidence.mode, Known):
        return evidence
    frame = evidence.frame if isinstance(evidence.frame, Known) else evidence.unpushed
    if isinstance(frame, Known):
        saved: int | None = frame.value.rip
    else:
        saved = evidence.saved_rip.value if isinstance(evidence.saved_rip, Known) else None
    if saved is not None:
        frame_mode = evidence.frame_mode if isinstance(evidence.frame_mode, Known) else WIDE
        return replace(evidence, mode=WIDE, frame_mode=frame_mode) if saved >= NARROW else evidence
    rip = evidence.after.rip
    return replace(evidence, mode=WIDE) if isinstance(rip, Known) and rip.value >= NARROW else evidence


def readable(evidence: Evidence) -> Evidence:
    """The same without the bytes that real-mode, 32-bit and 64-bit code read differently. ``frame_mode`` may still tell
    how the code of a handler's frame reads."""
    if isinstance(evidence.mode, Known):
        return evidence
    code = evidence.code
    if isinstance(evidence.frame_mode, Unknown):
        code = tuple(piece for piece in code if _reads_alike_to_the_end(piece))
    return replace(evidence, before=_moment(evidence.before), after=_moment(evidence.after), code=code)


def _moment(moment: CpuFacts) -> CpuFacts:
    if isinstance(moment.bytes, Unknown):
        return moment
    length = _alike(moment.bytes.value)
    return replace(moment, bytes=Known(moment.bytes.value[:length], moment.bytes.source) if length else UNREADABLE)


def _reads_alike_to_the_end(piece: CodeBytes) -> bool:
    return _alike(piece.bytes) == len(piece.bytes)


def _alike(code: bytes) -> int:
    """How many bytes at the beginning of ``code`` are instructions that read alike in every mode."""
    at = 0
    while at < len(code):
        known = shape_in_every_mode(code[at:])
        if known is None:
            break
        at += len(known.bytes)
    return at
