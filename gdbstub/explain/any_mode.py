"""Code where the CPU's mode is not known: only bytes that read alike in every mode say anything."""

from __future__ import annotations

from dataclasses import replace

from gdbstub.explain.evidence import CodeBytes, CpuFacts, Evidence, Known, Unknown
from gdbstub.x86.decode import shape_in_every_mode

UNREADABLE = Unknown("how they read depends on the CPU mode, which is not known")


def readable(evidence: Evidence) -> Evidence:
    """The same without the bytes that real-mode, 32-bit and 64-bit code read differently. ``frame_mode`` may still tell
    how the code of a handler's frame reads."""
    if isinstance(evidence.mode, Known) or isinstance(evidence.frame_mode, Known):
        return evidence
    code = tuple(piece for piece in evidence.code if _reads_alike_to_the_end(piece))
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
