"""What Linux keeps of itself, by drgn: tasks, modules, its log, who runs on a CPU, whose a debug register is."""

from __future__ import annotations

from typing import Any

from frontend.clean import clean
from frontend.symbols.drgn_library import (
    Object,
    Program,
    SymbolKind,
    cpu_curr,
    for_each_module,
    for_each_online_cpu,
    for_each_possible_cpu,
    for_each_present_cpu,
    for_each_task,
    get_dmesg,
    module_address_regions,
    module_kallsyms,
    per_cpu,
    task_state_to_char,
)
from frontend.symbols.engine import DebugSlot, ModuleLine, TaskDebug, TaskLine
from frontend.symbols.symbol import FARTHEST, Kind, Symbol, limited

MOST_TASKS = 1 << 16
TIF_SINGLESTEP = 4
"""arch/x86/include/asm/thread_info.h: a tracer steps the task, or the kernel does on its way back to it."""
MOST_NAMES = 1 << 17
"""Of one module."""


def tasks(program: Program) -> tuple[TaskLine, ...]:
    """All threads, by their number."""
    running = {}
    for cpu in for_each_online_cpu(program):
        running[cpu_curr(program, cpu).value_()] = cpu
    found = []
    for task in for_each_task(program):
        found.append(_task(task, running.get(task.value_())))
        if len(found) == MOST_TASKS:
            break
    return tuple(found)


def current(program: Program, cpu: int) -> TaskLine:
    """The task that a CPU runs."""
    return _task(cpu_curr(program, cpu), cpu)


def _task(task: Object, cpu: int | None) -> TaskLine:
    name = clean(task.comm.string_().decode("utf-8", "backslashreplace"))
    state = clean(task_state_to_char(task))
    return TaskLine(int(task), int(task.pid), name, state, cpu)


def modules(program: Program) -> tuple[ModuleLine, ...]:
    """In the order of Linux's own list, the newest first."""
    found = []
    for module in for_each_module(program):
        name = clean(module.name.string_().decode("utf-8", "backslashreplace"))
        ranges = module_address_regions(module)
        start, size = ranges[0]
        sections = {one.decode("utf-8", "backslashreplace"): at for one, at in _sections(module)}
        found.append(ModuleLine(name, start, sum(length for _, length in ranges) or size, sections))
    return tuple(found)


def module_names(program: Program) -> dict[str, list[Symbol]]:
    """Module → its functions and objects, by the table of symbols that Linux keeps of each."""
    found: dict[str, list[Symbol]] = {}
    for module in for_each_module(program):
        table = module.kallsyms if hasattr(module, "kallsyms") else module
        if int(table.num_symtab) > MOST_NAMES:
            continue
        ranges = module_address_regions(module)
        here = [
            (one, last)
            for one in module_kallsyms(module)
            for first, last in ((start, start + size) for start, size in ranges)
            if first <= one.address < last
        ]
        symbols = [_module_name(one, last) for one, last in here if one.name]
        found[clean(module.name.string_().decode("utf-8", "backslashreplace"))] = limited(symbols)
    return found


def _module_name(one: Any, last: int) -> Symbol:
    kind: Kind = "function" if one.kind is SymbolKind.FUNC else "object" if one.kind is SymbolKind.OBJECT else "label"
    return Symbol(one.address, clean(one.name), one.size, kind, min(one.address + (one.size or FARTHEST), last))


def _sections(module: Object) -> list[tuple[bytes, int]]:
    """Where the module's sections were put: /sys/module/NAME/sections has the same."""
    attributes = module.sect_attrs
    if not attributes:
        return []
    found = []
    for number in range(int(attributes.nsections)):
        one = attributes.attrs[number]
        found.append((one.battr.attr.name.string_(), int(one.address)))
    return found


def log(program: Program) -> str:
    """Linux's log, as dmesg prints it; not cleaned."""
    return str(get_dmesg(program).decode("utf-8", "backslashreplace")).rstrip("\n")


def banner(program: Program) -> str:
    """``linux_banner``."""
    return clean(program["linux_banner"].string_().decode("utf-8", "backslashreplace").strip())


def command_line(program: Program) -> str:
    """What the kernel was booted with."""
    return clean(program["saved_command_line"].string_().decode("utf-8", "backslashreplace"))


def cpus(program: Program) -> dict[str, list[int]]:
    """Linux's CPUs, by what it calls them."""
    return {
        "possible": list(for_each_possible_cpu(program)),
        "present": list(for_each_present_cpu(program)),
        "online": list(for_each_online_cpu(program)),
    }


def debug_slots(program: Program, cpu: int) -> tuple[DebugSlot, ...]:
    """What Linux has in a CPU's DR0 to DR3: the perf event, and the task whose ptrace made it
    (arch/x86/kernel/hw_breakpoint.c, bp_per_reg; ptrace.c, ptrace_bps)."""
    found = []
    events = per_cpu(program["bp_per_reg"], cpu)
    task = cpu_curr(program, cpu)
    for number in range(4):
        event = events[number]
        if event:
            mine = any(task.thread.ptrace_bps[at].value_() == event.value_() for at in range(4))
            owner = event.hw.target
            who = _task(owner, None) if owner else None
            found.append(DebugSlot(number, int(event), int(event.attr.bp_addr), mine, who))
    return tuple(found)


def traced(program: Program, cpu: int) -> TaskDebug:
    """What Linux keeps of #DBs for the task that a CPU runs: arch/x86/include/asm/processor.h, thread_info.h."""
    task = cpu_curr(program, cpu)
    flags = int(task.thread_info.flags)
    thread = task.thread
    return TaskDebug(
        _task(task, cpu), int(thread.virtual_dr6), int(thread.ptrace_dr7), bool(flags & 1 << TIF_SINGLESTEP)
    )
