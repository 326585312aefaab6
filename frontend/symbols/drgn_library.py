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
        FindObjectFlags,
        ModuleFileStatus,
        Object,
        ObjectAbsentError,
        ObjectNotFoundError,
        Platform,
        Program,
        Qualifiers,
        StackFrame,
        Symbol,
        SymbolBinding,
        SymbolKind,
        Type,
        TypeEnumerator,
        TypeKind,
        TypeMember,
        TypeParameter,
        cast,
        container_of,
        implicit_convert,
        offsetof,
        sizeof,
    )
    from drgn.helpers.linux.cpumask import for_each_online_cpu, for_each_possible_cpu, for_each_present_cpu
    from drgn.helpers.linux.kallsyms import module_kallsyms
    from drgn.helpers.linux.module import for_each_module, module_address_regions
    from drgn.helpers.linux.percpu import per_cpu
    from drgn.helpers.linux.pid import find_task, for_each_task
    from drgn.helpers.linux.printk import get_dmesg
    from drgn.helpers.linux.sched import cpu_curr, task_state_to_char
except ImportError:
    raise NoDebugInfo(MISSING) from None

__all__ = [
    "Architecture",
    "FaultError",
    "FindObjectFlags",
    "ModuleFileStatus",
    "Object",
    "ObjectAbsentError",
    "ObjectNotFoundError",
    "Platform",
    "Program",
    "Qualifiers",
    "StackFrame",
    "Symbol",
    "SymbolBinding",
    "SymbolKind",
    "Type",
    "TypeEnumerator",
    "TypeKind",
    "TypeMember",
    "TypeParameter",
    "cast",
    "container_of",
    "cpu_curr",
    "find_task",
    "for_each_module",
    "for_each_online_cpu",
    "for_each_possible_cpu",
    "for_each_present_cpu",
    "for_each_task",
    "get_dmesg",
    "implicit_convert",
    "module_address_regions",
    "module_kallsyms",
    "offsetof",
    "per_cpu",
    "sizeof",
    "task_state_to_char",
]

logging.getLogger("drgn").addHandler(logging.NullHandler())
logging.getLogger("drgn").propagate = False
