"""What expressions may ask of Linux: ``$current``, ``per_cpu(x, n)``, and the functions of the kernel's scripts/gdb,
over drgn's objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from frontend.clean import clean
from frontend.commands.nodes import CURRENT
from frontend.symbols.drgn_library import (
    Object,
    Program,
    container_of,
    cpu_curr,
    find_task,
    for_each_module,
    per_cpu,
)
from gdbstub.errors import BadExpression

Argument = Any
"""One of drgn's objects, or a text."""


class _Function(NamedTuple):
    """``form`` is how it is written; ``run`` gets the Program, the CPU that is looked at, and the arguments."""

    form: str
    run: Callable[[Program, int, Sequence[Argument]], Object]
    fewest: int
    most: int


def variable(program: Program, name: str, cpu: int) -> Object:
    """``$current``: the task that the CPU runs."""
    if name != CURRENT:
        raise BadExpression(f"${clean(name)} is neither a register nor a variable that was set.")
    return cpu_curr(program, cpu)


def call(program: Program, name: str, cpu: int, arguments: Sequence[Argument]) -> Object:
    """The value of ``name(arguments)``. Raises `BadExpression`, and what drgn raises."""
    function = FUNCTIONS.get(name)
    if function is None:
        known = ", ".join(one.form for one in FUNCTIONS.values())
        raise BadExpression(f"There is no function {clean(name)}, and none of the guest is called; there are: {known}.")
    if not function.fewest <= len(arguments) <= function.most:
        raise BadExpression(f"{function.form} is how it is written.")
    return function.run(program, cpu, arguments)


def check_readable(program: Program, value: Object, text: str) -> None:
    """Raises `BadExpression` where the value is that of a per-CPU variable, of no CPU: there is nothing at its
    address."""
    if value.address_ is not None and _is_per_cpu(program, value.address_):
        raise BadExpression(f"{clean(text)} is per-CPU: per_cpu({clean(text)}, N) is that of CPU N.")


def _is_per_cpu(program: Program, address: int) -> bool:
    if address >> 32 and not address >> 63:
        return False
    try:
        first, last = (program.symbol(name).address for name in ("__per_cpu_start", "__per_cpu_end"))
    except LookupError:
        return False
    return bool(first <= address < last)


def _per_cpu(program: Program, cpu: int, arguments: Sequence[Argument]) -> Object:
    value = _value(arguments[0])
    number = int(_value(arguments[1])) if len(arguments) > 1 else cpu
    if not 0 <= number < int(program["nr_cpu_ids"]):
        raise BadExpression(f"Linux knows no CPU {number}.")
    if value.address_ is None or not _is_per_cpu(program, value.address_):
        raise BadExpression("per_cpu needs a per-CPU variable; info address NAME says whether one is.")
    return per_cpu(value, number)


def _current(program: Program, cpu: int, arguments: Sequence[Argument]) -> Object:
    return cpu_curr(program, cpu)


def _task_by_pid(program: Program, cpu: int, arguments: Sequence[Argument]) -> Object:
    found = find_task(program, int(_value(arguments[0])))
    if not found:
        raise BadExpression(f"There is no task {int(_value(arguments[0]))}.")
    return found


def _thread_info(program: Program, cpu: int, arguments: Sequence[Argument]) -> Object:
    return _value(arguments[0]).thread_info.address_of_()


def _thread_info_by_pid(program: Program, cpu: int, arguments: Sequence[Argument]) -> Object:
    return _task_by_pid(program, cpu, arguments).thread_info.address_of_()


def _module(program: Program, cpu: int, arguments: Sequence[Argument]) -> Object:
    name = _text(arguments[0])
    for module in for_each_module(program):
        if module.name.string_().decode("utf-8", "backslashreplace") == name:
            return module
    raise BadExpression(f"There is no module {clean(name)}.")


def _container_of(program: Program, cpu: int, arguments: Sequence[Argument]) -> Object:
    pointer, kind, member = arguments
    return container_of(_value(pointer), program.type(_text(kind)), _text(member))


def _value(argument: Argument) -> Object:
    if isinstance(argument, str):
        raise BadExpression(f'"{clean(argument)}" is a text, where a value is needed.')
    return argument


def _text(argument: Argument) -> str:
    if not isinstance(argument, str):
        raise BadExpression('A text in double quotes is needed, as in $lx_module("loop").')
    return argument


FUNCTIONS: dict[str, _Function] = {
    "per_cpu": _Function("per_cpu(VARIABLE[, CPU])", _per_cpu, 1, 2),
    "$lx_per_cpu": _Function("$lx_per_cpu(VARIABLE[, CPU])", _per_cpu, 1, 2),
    "$lx_current": _Function("$lx_current()", _current, 0, 0),
    "$lx_task_by_pid": _Function("$lx_task_by_pid(PID)", _task_by_pid, 1, 1),
    "$lx_thread_info": _Function("$lx_thread_info(TASK)", _thread_info, 1, 1),
    "$lx_thread_info_by_pid": _Function("$lx_thread_info_by_pid(PID)", _thread_info_by_pid, 1, 1),
    "$lx_module": _Function('$lx_module("NAME")', _module, 1, 1),
    "$container_of": _Function('$container_of(POINTER, "TYPE", "MEMBER")', _container_of, 3, 3),
}
PER_CPU = frozenset(("per_cpu", "$lx_per_cpu"))
