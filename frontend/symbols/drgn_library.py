"""The only import of drgn (LGPL-2.1-or-later), which is an extra: without it one sentence says how to get it.

It looks for debug files by itself and runs plug-ins unless it is told not to; here it gets the files that the user
named, and nothing else.
"""

from __future__ import annotations

import logging
import os

from frontend.symbols.engine import NoDebugInfo

MISSING = (
    "Source lines, types and traces of a kernel need drgn, which is not installed: pip install 'dr6[linux]' (Linux on "
    "x86-64, CPython 3.11 to 3.14)."
)

os.environ.setdefault("DRGN_DISABLE_PLUGINS", "*")

try:
    from drgn import (
        Architecture,
        FaultError,
        Object,
        ObjectAbsentError,
        ObjectNotFoundError,
        Platform,
        Program,
        StackFrame,
        Type,
        TypeKind,
        cast,
        implicit_convert,
        offsetof,
        sizeof,
    )
except ImportError:
    raise NoDebugInfo(MISSING) from None

__all__ = [
    "Architecture",
    "FaultError",
    "Object",
    "ObjectAbsentError",
    "ObjectNotFoundError",
    "Platform",
    "Program",
    "StackFrame",
    "Type",
    "TypeKind",
    "cast",
    "implicit_convert",
    "offsetof",
    "sizeof",
]

logging.getLogger("drgn").addHandler(logging.NullHandler())
logging.getLogger("drgn").propagate = False
