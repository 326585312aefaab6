"""Run one target of `server_atheris` for some seconds; atheris has to be installed, in an environment of its own."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["gdbstub"]):  # before anything of it is imported
    from tests.fuzz.server_atheris import TARGETS, fuzz

USAGE = f"usage: python -m tests.fuzz {'|'.join(TARGETS)} [SECONDS] [CORPUS]"


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] not in TARGETS or not (arguments[1:2] or ["60"])[0].isdecimal():
        print(USAGE, file=sys.stderr)
        return 2
    fuzz(arguments[0], int((arguments[1:2] or ["60"])[0]), arguments[2:])
    return 0


sys.exit(main(sys.argv[1:]))
