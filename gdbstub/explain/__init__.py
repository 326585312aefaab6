"""Why the guest stopped: from evidence to an explanation. Plain functions of their input; no I/O."""

from gdbstub.explain.evidence import (
    Action,
    CodeBytes,
    CpuFacts,
    Evidence,
    Fact,
    Known,
    NoStop,
    Platform,
    SteppedOver,
    Unknown,
)
from gdbstub.explain.evidence_json import evidence_from_json, evidence_to_json, explanation_to_json
from gdbstub.explain.explain import explain
from gdbstub.explain.explanation import Cause, CauseName, ExitDr6, Explanation, GuestDr6
from gdbstub.explain.json_values import BadEvidence
from gdbstub.explain.text.rendering import render_text

__all__ = [
    "Action",
    "BadEvidence",
    "Cause",
    "CauseName",
    "CodeBytes",
    "CpuFacts",
    "Evidence",
    "ExitDr6",
    "Explanation",
    "Fact",
    "GuestDr6",
    "Known",
    "NoStop",
    "Platform",
    "SteppedOver",
    "Unknown",
    "evidence_from_json",
    "evidence_to_json",
    "explain",
    "explanation_to_json",
    "render_text",
]
