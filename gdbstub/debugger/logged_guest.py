"""A guest whose instructions QEMU logs, one by one, while nobody stops it."""

from __future__ import annotations

from gdbstub.debugger.instruction_log import ITEMS, InstructionLog, put_back
from gdbstub.debugger.qemu_log import CannotLog
from gdbstub.debugger.witnessed_guest import WitnessedGuest
from gdbstub.errors import GdbError
from gdbstub.protocol.stops import Stop

PUT_BACK = "A dr6 that was killed had left QEMU logging every instruction; that is over now."


class LoggedGuest(WitnessedGuest):
    """The log of one guest, where there is one."""

    _instruction_log: InstructionLog | None = None

    async def _recover(self) -> None:
        await super()._recover()
        make_pipe = self._options.log_pipe
        left = self._options.killed_logs() if self._parts.backend.logs_exceptions and make_pipe is not None else ()
        if left and make_pipe is not None and await put_back(self._remote, make_pipe(), left):
            self.say(PUT_BACK)

    async def log_instructions(self, items: str = ITEMS) -> InstructionLog:
        """Have QEMU run one instruction a block, and log ``items``: every one of them, and exceptions. The
        guest has to be stopped. Raises `CannotLog` with the reason where that can't be."""
        if not self._parts.backend.logs_exceptions:
            raise CannotLog(f"{self._parts.backend.title} does not log instructions.")
        if self._options.log_pipe is None:
            raise CannotLog("The session is recorded, or a recording: QEMU's log is no part of it.")
        if self.witness is not None:
            raise CannotLog("QEMU has one log, and a second witness of caught vectors has it.")
        try:
            pipe = self._options.log_pipe()
        except GdbError as error:
            raise CannotLog(str(error)) from error
        log = InstructionLog(self._remote, pipe, items)
        await log.begin()
        self._instruction_log = log
        return log

    async def end_instruction_log(self) -> None:
        """Have QEMU run and log as before. The guest has to be stopped, or gone."""
        log, self._instruction_log = self._instruction_log, None
        if log is not None:
            await log.end()

    async def _before_leaving(self) -> None:
        await self.end_instruction_log()
        await super()._before_leaving()

    async def halt(self) -> Stop | None:
        """Stop a guest whose run was given up half-way; None when it does not run. Raises `NoReply` where it does not
        stop."""
        return await self._runner.halt()
