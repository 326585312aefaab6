"""The command line inside: one table of commands, and `execute` for a line of it."""

from frontend.commands.completion import complete, whole_lines, word_at_end
from frontend.commands.dispatch import COMMANDS, execute, find_command, parse_line
from frontend.commands.info import SUBJECTS
from frontend.commands.places import BreakAt, WatchAt, parse_break, parse_vectors, parse_watch
from frontend.commands.script import run_lines
from frontend.commands.table import GROUPS, Arguments, Command, CommandError, Quit

__all__ = [
    "COMMANDS",
    "GROUPS",
    "SUBJECTS",
    "Arguments",
    "BreakAt",
    "Command",
    "CommandError",
    "Quit",
    "WatchAt",
    "complete",
    "execute",
    "find_command",
    "parse_break",
    "parse_line",
    "parse_vectors",
    "parse_watch",
    "run_lines",
    "whole_lines",
    "word_at_end",
]
