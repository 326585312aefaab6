"""Say why a guest stops: `python why_did_it_stop.py TARGET [STOPS]` catches its debug exceptions and explains them.

TARGET is `HOST:PORT` or `unix:PATH`, where a GDB stub listens (QEMU: `-S -gdb unix:PATH,server=on,wait=off`).
"""

import sys

import trio

import gdbstub
import transports
from gdbstub.explain import render_text


async def main(target: str, stops: int) -> None:
    """Attach; continue to the handler of the guest's #DB ``stops`` times; let the guest run on."""
    async with (
        transports.open_endpoint(transports.parse_target(target)) as endpoint,
        gdbstub.Debugger(endpoint.stream, endpoint.name) as debugger,
    ):
        await debugger.add_breakpoint(gdbstub.BreakpointKind.CATCH, vector=gdbstub.vector("db").number)
        for _ in range(stops):
            stop = await debugger.resume()
            print(f"{stop.number}. at {stop.state.pc:#x}", render_text(stop.explanation, stop.evidence), sep="\n")
            if stop.ended:
                break


if __name__ == "__main__":
    try:
        trio.run(main, sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3)
    except (gdbstub.GdbError, transports.TransportFailure, transports.BadTarget) as error:
        sys.exit(str(error))
