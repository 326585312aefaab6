"""QEMU's log of every instruction: switched on and off by its monitor, and put back as it was.

The text comes through a pipe of ours; `gdbstub.backends.qemu.cpu_log` reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gdbstub.debugger.qemu_log import NOWHERE, CannotLog, LogPipe, ask_monitor, open_log
from gdbstub.errors import GdbError
from gdbstub.remote.target import RemoteTarget

ITEMS = "cpu,int,nochain,in_asm"
"""A dump in front of each block, exceptions, no blocks run behind one another unseen, and the code of each block."""
ONE_INSTRUCTION = ("one-insn-per-tb", "singlestep")
"""The monitor's command for blocks of one instruction, since QEMU 8.1 and before."""
STEPS_ALREADY = "(single step mode)"
"""In ``info status``, of QEMU before 9.0."""
ON_THE_COMMAND_LINE = ("-singlestep", "-one-insn-per-tb", "one-insn-per-tb=on")


class PipeWriter(Protocol):
    """Who writes to a pipe."""

    @property
    def process(self) -> int: ...
    @property
    def words(self) -> tuple[str, ...]: ...


class KeptPipe(LogPipe, Protocol):
    """A pipe that survives dr6's death as a note of what is to be undone."""

    def fileno(self) -> int: ...

    def hold_little(self) -> None:
        """Hold no more than a few dozen dumps of registers."""

    def writer(self) -> PipeWriter | None: ...

    def keep_note(self, undo: Sequence[str]) -> None:
        """Write down what the monitor of who writes to the pipe has to be told, should this process not come to it."""


class AbandonedLog(Protocol):
    """What a dr6 that was killed left behind: ``qemu`` is the process, ``undo`` what its monitor has to be told."""

    @property
    def qemu(self) -> int: ...
    @property
    def undo(self) -> tuple[str, ...]: ...
    def forget(self) -> None: ...


class InstructionLog:
    """One log, from `begin` to `end`; the guest has to be stopped for both."""

    def __init__(self, remote: RemoteTarget, pipe: KeptPipe, items: str = ITEMS) -> None:
        self._remote = remote
        self._items = items
        self.pipe = pipe
        self._undo: list[str] = []
        self.active = False

    async def begin(self) -> None:
        """Have QEMU log. Raises `CannotLog` with the reason where that can't be; nothing is changed then."""
        try:
            await self._begin()
        except BaseException:
            await self.end()
            raise

    async def _begin(self) -> None:
        await open_log(self._remote, self.pipe)
        self._undo = ["log none", f"logfile {NOWHERE}"]
        writer = self.pipe.writer()
        words = () if writer is None else writer.words
        steps = STEPS_ALREADY in await ask_monitor(self._remote, "info status")
        steps = steps or any(option in word for word in words for option in ON_THE_COMMAND_LINE)
        if not steps:
            self._undo.append(await self._one_instruction())
        if said := (await ask_monitor(self._remote, f"log {self._items}")).strip():
            raise CannotLog(f"QEMU's monitor does not log instructions: {said}")
        self.active = True

    async def _one_instruction(self) -> str:
        """Blocks of one instruction from now on; what undoes it. A note of it is made before."""
        said = ""
        for name in ONE_INSTRUCTION:
            self.pipe.keep_note((*self._undo, f"{name} off"))
            said = (await ask_monitor(self._remote, f"{name} on")).strip()
            if not said:
                return f"{name} off"
        raise CannotLog(f"QEMU's monitor can't run instructions one by one: {said}")

    async def end(self) -> None:
        """Have QEMU log as before, and run whole blocks again. Harmless where nothing was begun, or QEMU is gone."""
        self.active = False
        undo, self._undo = self._undo, []
        if self._remote.lost is None and not self._remote.running:
            for words in undo:
                await ask_monitor(self._remote, words)
        self.pipe.close()


async def put_back(remote: RemoteTarget, pipe: KeptPipe, left: Sequence[AbandonedLog]) -> bool:
    """Undo what a dr6 that was killed left in this QEMU, if it did; the guest has to be stopped."""
    try:
        if (await remote.monitor(f"logfile {pipe.path}")).strip():
            return False
        me = pipe.writer()
        found = [one for one in left if me is not None and one.qemu == me.process]
        for words in [words for one in found for words in one.undo] or [f"logfile {NOWHERE}"]:
            await remote.monitor(words)
        for one in found:
            one.forget()
        return bool(found)
    except GdbError:
        return False
    finally:
        pipe.close()
