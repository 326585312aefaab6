"""Print each instruction that a guest runs, with registers: `python step_trace.py TARGET [STEPS]`; it is left stopped.

TARGET is `HOST:PORT` or `unix:PATH`, where a GDB stub listens (QEMU: `-S -gdb unix:PATH,server=on,wait=off`).
"""

import sys

import trio

import gdbstub
import transports

SHOWN = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "rflags")


def show(stop: gdbstub.StopRecord) -> None:
    """One line: where the guest stands, the bytes there, its registers, and DR6 where the stub shows it."""
    registers = " ".join(f"{name}={stop.state.registers[name]:x}" for name in SHOWN)
    dr6 = "unknown" if stop.state.debug.dr6 is None else f"{stop.state.debug.dr6:#x}"
    print(f"{stop.number} {stop.state.pc:#x} {stop.code[:4].hex()} {registers} dr6={dr6}")


async def main(target: str, steps: int) -> None:
    """Attach, step, and go: the breakpoints are out, and the guest stays where it is."""
    async with (
        transports.open_endpoint(transports.parse_target(target)) as endpoint,
        gdbstub.Debugger(endpoint.stream, endpoint.name) as debugger,
    ):
        await debugger.run_steps(steps, show)
        await debugger.detach(resume=False)


if __name__ == "__main__":
    try:
        trio.run(main, sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10)
    except (gdbstub.GdbError, transports.TransportFailure, transports.BadTarget) as error:
        sys.exit(str(error))
