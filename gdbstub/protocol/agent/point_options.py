"""What follows the kind in ``Z0,addr,kind;X3,220027;cmds:1,X5,…``: conditions, and commands to run at a hit.

Source: gdb manual, "Packets", Z0 and Z1.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gdbstub.errors import RemoteProtocolError
from gdbstub.protocol import shown

_EXPRESSION = re.compile(rb"X([0-9a-fA-F]{1,8}),((?:[0-9a-fA-F]{2})*)")
_COMMANDS = re.compile(rb"cmds:([0-9a-fA-F]{1,8}),")


class Commands(NamedTuple):
    """What is run for its prints. ``persist``: also when the client is gone."""

    persist: bool
    expressions: tuple[bytes, ...]


def conditions(options: bytes) -> tuple[bytes, ...]:
    """The expressions one of which has to hold for a hit to be reported; none: every hit is.

    ``options`` is the packet from the first ``;`` on, or empty. Raises `RemoteProtocolError` for what is not of
    the form, commands included; the expressions themselves are not read (see `read_program`).
    """
    return _split(options)[0]


def commands(options: bytes) -> Commands:
    """The commands of the same ``options``; the later of two lists holds."""
    return _split(options)[1]


def _split(options: bytes) -> tuple[tuple[bytes, ...], Commands]:
    found: tuple[bytes, ...] = ()
    run = Commands(False, ())
    for part in options.split(b";"):
        if head := _COMMANDS.match(part):
            run = Commands(int(head[1], 16) != 0, _expressions(part[head.end() :]))
        else:
            found += _expressions(part)
    return found, run


def _expressions(text: bytes) -> tuple[bytes, ...]:
    found, at = [], 0
    while at < len(text):
        one = _EXPRESSION.match(text, at)
        if one is None or len(one[2]) < 2 * int(one[1], 16):
            raise RemoteProtocolError(f"The client sent {shown(text[at:])} where 'Xlength,bytecode' belongs.")
        length = 2 * int(one[1], 16)
        found.append(bytes.fromhex(one[2][:length].decode()))
        at = one.start(2) + length
    return tuple(found)
