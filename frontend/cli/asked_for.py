"""What a trace was asked for, as its header keeps it: who reads the trace later, or compares it, can tell what it could
not have."""

from __future__ import annotations

import argparse

from gdbstub.trace import Row

KEPT = {
    "engine": "engine",
    "steps": "steps",
    "seconds": "seconds",
    "start": "from",
    "until": "until",
    "breaks": "break",
    "watches": "watch",
    "catches": "catch",
    "events": "events",
    "no_stop": "no_stop",
    "keep": "keep",
    "script": "script",
    "cpu": "cpu",
}
"""Option of ``dr6 trace`` → key of ``asked``."""


def asked_for(options: argparse.Namespace) -> Row:
    """The options that were given; ``engine`` always, and ``catch`` with #DB where ``--events`` means it."""
    said = {key: getattr(options, option) for option, key in KEPT.items()}
    asked = {key: value for key, value in said.items() if value is not None and value is not False and value != []}
    if "catch" in asked:
        asked["catch"] = [name for words in options.catches for name in words.split(",")]
    elif options.events and not (options.breaks or options.watches):
        asked["catch"] = ["db"]
    return asked
