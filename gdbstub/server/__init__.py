"""The remote protocol's other end: stock gdb, lldb and what is built on them, in front of a guest that dr6 debugs."""

from gdbstub.server.access_policy import Monitor, Policy
from gdbstub.server.connection import ClientConnection
from gdbstub.server.register_file import RegisterFile
from gdbstub.server.session import Words
from gdbstub.server.turned_away import turn_away

__all__ = ["ClientConnection", "Monitor", "Policy", "RegisterFile", "Words", "turn_away"]
