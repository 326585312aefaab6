"""The command line: `parser`, and a module for each command."""

from frontend.cli.parser import main

__all__ = ["main"]
