"""The remote protocol's other end: stock gdb, lldb and what is built on them, in front of a guest that dr6 debugs."""

from gdbstub.server.client import Client, Words
from gdbstub.server.policy import Monitor, Policy
from gdbstub.server.register_file import RegisterFile

__all__ = ["Client", "Monitor", "Policy", "RegisterFile", "Words"]
