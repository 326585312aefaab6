"""The bundled demo guest: where its image is, what it raises in which order, and what its log holds."""

from __future__ import annotations

from pathlib import Path

from frontend.demo_guest.events import DEMO_EVENTS
from frontend.demo_guest.measured import MEASURED, deviations, expected
from frontend.demo_guest.model import DemoCause, DemoEvent, Deviation, GuestLogEntry, LogRecord, Raised, parse_log

DEMO_IMAGE = Path(__file__).parents[1] / "data" / "demo.elf"
"""The installed image: package data, built from ``guests/demo``."""

__all__ = [
    "DEMO_EVENTS",
    "DEMO_IMAGE",
    "MEASURED",
    "DemoCause",
    "DemoEvent",
    "Deviation",
    "GuestLogEntry",
    "LogRecord",
    "Raised",
    "deviations",
    "expected",
    "parse_log",
]
