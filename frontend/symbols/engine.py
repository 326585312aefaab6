"""What a symbol engine answers: plain values, that no engine's own objects are in.

Engine one reads ELF symbol tables (`names`), and knows addresses and names alone. Engine two is drgn (`drgn_engine`),
an extra: source lines, types, variables, traces.
"""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.errors import GdbError


class NoDebugInfo(GdbError):
    """What was asked needs more than names; the sentence says what is missing and how to get it."""


class SourceLine(NamedTuple):
    """A place in the source. ``line`` and ``column`` count from 1, 0 where they are not known; ``function`` is the
    function there, "" where that is not known."""

    file: str
    line: int
    column: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class NamedValue(NamedTuple):
    """One variable of a scope: its type as C writes it, and its value as gdb prints it."""

    name: str
    type: str
    text: str


class Locals(NamedTuple):
    """The variables of a function."""

    parameters: tuple[NamedValue, ...]
    locals: tuple[NamedValue, ...]


class TraceFrame(NamedTuple):
    """One frame of a trace. ``name`` is the function, "" where there is none; ``inline``: it shares its registers with
    the next one; ``interrupted``: ``pc`` is where it was interrupted, not behind a call. ``registers`` are those that
    are known there, by our names. ``source`` is None where there is none."""

    pc: int
    sp: int
    name: str
    offset: int
    source: SourceLine | None
    inline: bool
    interrupted: bool
    registers: dict[str, int]
    arguments: tuple[NamedValue, ...] | None = ()
    """None where nothing says which there are."""
    how: str = ""
    """How it was guessed, where it was."""


class Trace(NamedTuple):
    """``note`` says, as a sentence, how sure it is and why it ends where it does, where that is to be said."""

    frames: tuple[TraceFrame, ...]
    note: str = ""


class TypedValue(NamedTuple):
    """An expression's value. ``number`` is that of a scalar or a pointer, None for a structure, an array, a function;
    ``address`` where it lies in memory, None for what lies nowhere; ``text`` as gdb prints it."""

    type: str
    size: int
    number: int | None
    address: int | None
    text: str


class TaskLine(NamedTuple):
    """One task of Linux: ``address`` of its task_struct, ``cpu`` that it runs on, or None."""

    address: int
    pid: int
    comm: str
    state: str
    cpu: int | None


class ModuleLine(NamedTuple):
    """One module of Linux: where its .text (or core layout) begins, its size in memory, and its sections."""

    name: str
    address: int
    size: int
    sections: dict[str, int]


class DebugSlot(NamedTuple):
    """What Linux put into one debug register: the address of its perf_event, what that watches, whether the current
    task's ptrace made it, and the task that it belongs to, None for one of a whole CPU."""

    number: int
    event: int
    address: int
    ptrace: bool
    owner: TaskLine | None


class TaskDebug(NamedTuple):
    """What Linux keeps of a task's #DBs: ``virtual_dr6`` is what its own ptrace and signals will see, ``ptrace_dr7``
    what its tracer asked for, ``single_step`` whether it is stepped (TIF_SINGLESTEP)."""

    task: TaskLine
    virtual_dr6: int
    ptrace_dr7: int
    single_step: bool
