"""``dr6 serve``: a guest for stock gdb, lldb and what is built on them, without a screen."""

from __future__ import annotations

import argparse
import sys

import trio

from frontend.clean import clean
from frontend.cli.connect import TargetOptions, open_session
from frontend.cli.console import Console
from frontend.cli.exit_codes import DONE, NO_CONNECTION, USAGE
from frontend.cli.interrupts import Interrupts
from frontend.cli.serving import Serving, architecture_hint, gdb_command, serve_session
from gdbstub.server import Policy
from transports import BadTarget, parse_listen


def serving_of(options: argparse.Namespace, listen: str) -> Serving:
    """What the command line says of clients. What can't be an address is said before anybody's guest is stopped: raises
    SystemExit(2)."""
    try:
        parse_listen(listen)
    except BadTarget as error:
        _tell(str(error))
        raise SystemExit(USAGE) from None
    policy = Policy(options.monitor, options.read_only, options.allow_kill)
    return Serving(listen, policy, options.allow_remote, options.clients)


def _tell(text: str) -> None:
    print(f"dr6: {clean(text)}", file=sys.stderr, flush=True)


async def run(serving: Serving, connection: TargetOptions, interrupts: Interrupts) -> int:
    """Serve until Ctrl-C, or until the guest or its stub is gone; the exit code."""
    over = trio.Event()
    async with open_session(connection) as session:
        Console(session.debugger)

        async def stop() -> None:
            over.set()

        interrupts.on_first = stop
        async with serve_session(session, serving, _tell) as (shared, address):
            _tell(f"{session.debugger.target} is served at {address}; in gdb: {gdb_command(address)}")
            hint = architecture_hint(connection.symbols, session.debugger.layout.architecture, address)
            if hint is not None:
                _tell(hint)
            shared.on_end = over.set
            await over.wait()
        lost = shared.lost
    if lost is not None:
        _tell(lost)
    return DONE if lost is None else NO_CONNECTION
