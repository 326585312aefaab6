"""What a debugger is given beside its stream."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import trio

from gdbstub.backends import OpenOptions
from gdbstub.debugger.idt_looks import Pace
from gdbstub.debugger.instruction_log import AbandonedLog, KeptPipe
from gdbstub.debugger.kernel_code import KernelCode, LidtPlaces, no_code
from gdbstub.debugger.witness import WitnessWanted
from gdbstub.explain.evidence import CodeBytes
from gdbstub.remote.nonblocking_io import NonblockingIO

FRAMES_OF_STEPS = "frames of steps"
"""In a recording: `DebuggerOptions.frames_of_steps`."""


def no_image(address: int) -> CodeBytes | None:
    """There is none."""
    return None


@dataclass(frozen=True, slots=True)
class DebuggerOptions(OpenOptions):
    """What a debugger is given beside its stream; all of it may be left out."""

    history: int = 10_000
    """How many stops are kept."""
    lidt_hints: tuple[int, ...] = ()
    """Linear addresses of LIDT instructions in the guest's image, watched until the guest has its table of handlers."""
    lidt_sure: frozenset[int] = frozenset()
    """Those of them that are proven to be some."""
    lidt_places: Callable[[], Awaitable[LidtPlaces]] | None = None
    """Without hints: finds them, once a vector is caught before the guest has booted."""
    kernel_code: Callable[[str], KernelCode] = no_code
    """Without hints: what the file says that the stub names as the guest's kernel."""
    log_pipe: Callable[[], KeptPipe] | None = None
    """Makes what a QEMU of this machine can write its log to; None: there can be none."""
    killed_logs: Callable[[], Sequence[AbandonedLog]] = tuple
    """What dr6 that were killed left behind in QEMUs of this machine."""
    witness: WitnessWanted = "auto"
    """Are caught vectors to be seen in QEMU's log, too, where that can be? ``require``: they must be."""
    frames_of_steps: bool = True
    """Is the frame read that a step finds in a handler which nobody caught? Recordings of an older dr6 have none."""
    image_code: Callable[[int], CodeBytes | None] = no_image
    """The bytes around a linear address, from the guest's image."""
    pace: Pace = trio.sleep
    """Waits, for so many seconds, until a running guest's IDT is to be looked at again; a replay knows better."""
    exit_reason: Callable[[], Awaitable[str]] | None = None
    """Says in words how the program behind the stream ended, "" where it does not know (`Endpoint.exit_reason`)."""
    shortcut: NonblockingIO | None = None
    """A faster way to send and receive than the stream (`Endpoint.shortcut`)."""


DEFAULTS = DebuggerOptions()
