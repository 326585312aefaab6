"""Words that are no command: what another debugger means by them, and what is near."""

from __future__ import annotations

from collections.abc import Collection

from gdbstub.errors import did_you_mean

ELSEWHERE = {
    "ba": "WinDbg's for a hardware breakpoint: hbreak PLACE, watch PLACE/LEN, rwatch, awatch",
    "bp": "WinDbg's for a breakpoint: break PLACE",
    "bl": "WinDbg's for the breakpoints: info breakpoints",
    "bc": "WinDbg's for deleting breakpoints: delete N",
    "bd": "WinDbg's for disabling breakpoints: disable N",
    "be": "WinDbg's for enabling breakpoints: enable N",
    "g": "WinDbg's for going on: continue, or advance PLACE",
    "gu": "WinDbg's for running until a function returns: finish",
    "u": "gdb's until and WinDbg's unassemble: until PLACE, or x/8i PLACE",
    "uf": "WinDbg's for a function's instructions: disassemble PLACE",
    "r": "WinDbg's for registers and gdb's run: info registers, or continue",
    "db": "WinDbg's for bytes: x/16xb PLACE",
    "dw": "WinDbg's for words: x/8xh PLACE",
    "dd": "WinDbg's for doublewords: x/8xw PLACE",
    "dq": "WinDbg's for quadwords: x/4xg PLACE",
    "dps": "WinDbg's for pointers with symbols: x/8a PLACE",
    "eb": "WinDbg's for writing bytes: set {u8}PLACE = VALUE",
    "ed": "WinDbg's for writing doublewords: set {u32}PLACE = VALUE",
    "eq": "WinDbg's for writing quadwords: set {u64}PLACE = VALUE",
    "lm": "WinDbg's for what is loaded: info files",
    "run": "gdb's for starting a program: the guest is there already; continue",
}
"""Word → whose it is, and what it is here. One that is a command of dr6 as well is only meant with arguments: there it
would let the guest run."""


def elsewhere(name: str) -> str | None:
    """What to say to a word of another debugger."""
    found = ELSEWHERE.get(name)
    return None if found is None else f"{name} is {found}."


def near(name: str, names: Collection[str]) -> str:
    """`` did you mean break, tbreak?`` or what to do where no name is near."""
    return did_you_mean(name, names) or "help lists them."
