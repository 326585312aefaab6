"""gdb's agent expressions: bytecode that a client hands over with a breakpoint, to be run where it is hit."""

from __future__ import annotations

from gdbstub.protocol.agent.interpreter import MOST_INSTRUCTIONS, MOST_PRINTED, MOST_READS, Run, evaluate, execute
from gdbstub.protocol.agent.operations import OPERATIONS, Operation
from gdbstub.protocol.agent.point_options import Commands, commands, conditions
from gdbstub.protocol.agent.printf import LONGEST_STRING
from gdbstub.protocol.agent.program import LONGEST_CODE, MOST_VALUES, Program, read_program
from gdbstub.protocol.agent.requests import Print, ReadMemory, ReadRegister, Request

__all__ = [
    "LONGEST_CODE",
    "LONGEST_STRING",
    "MOST_INSTRUCTIONS",
    "MOST_PRINTED",
    "MOST_READS",
    "MOST_VALUES",
    "OPERATIONS",
    "Commands",
    "Operation",
    "Print",
    "Program",
    "ReadMemory",
    "ReadRegister",
    "Request",
    "Run",
    "commands",
    "conditions",
    "evaluate",
    "execute",
    "read_program",
]
