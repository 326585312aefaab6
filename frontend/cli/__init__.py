"""The command line: `parser`, what each command takes (`arguments`), and a module for each command."""

from frontend.cli.parser import main

__all__ = ["main"]
