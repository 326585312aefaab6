"""A guest whose exceptions a second witness sees beside the breakpoints at handlers, and what is said where nobody did.

The witness is there for as long as a vector is caught, where it is wanted and can be had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

import trio

from gdbstub.backends.qemu.exception_log import LoggedException
from gdbstub.debugger.attach import Attachment
from gdbstub.debugger.failed_deliveries import gate_of
from gdbstub.debugger.interrupt_table import CR0_PE
from gdbstub.debugger.logged_event import UNKNOWN_CPU
from gdbstub.debugger.record import StopRecord
from gdbstub.debugger.snapshot import SIGTRAP, Snapshot
from gdbstub.debugger.vector_catch import BlindSpot
from gdbstub.debugger.witness import DEBUG, UNDEFINED, Witness, Witnessed
from gdbstub.errors import GdbError
from gdbstub.explain.evidence import CodeBytes
from gdbstub.explain.rules.stop_reply import triple_fault
from gdbstub.protocol.stops import Stopped
from gdbstub.x86.decode import shape
from gdbstub.x86.exceptions import vector

GOES_ON = frozenset((2, SIGTRAP))
"""Signals of a guest that did not end."""
MOST_FAILED = 8
"""Places of failed deliveries that are told of in one session."""
LOG_COMMANDS = frozenset(("log", "logfile"))
"""With these a user takes QEMU's log away from the witness."""


def ignore(news: object) -> None:
    """Who wants it hears of it as a listener."""


class WitnessedGuest(Attachment):
    """The second witness of one guest."""

    witness: Witness | None = None
    _real_mode_is_unseen = False
    _said_unseen = False
    _parting = False
    _said_no_int1 = False
    _said_unread = False
    _went_with_catches = False
    _said_failed: frozenset[tuple[int, int]] = frozenset()
    on_gap: Callable[[str], None] = staticmethod(ignore)
    """Hears where events may have been missed, in a sentence; it is said to listeners, too."""
    on_witnessed: Callable[[StopRecord], None] = staticmethod(ignore)
    """Hears of the records of exceptions that only a log showed; listeners do, too."""

    # -- its coming and going ---------------------------------------------------------------------------------

    async def call_witness(self, vectors: Iterable[int]) -> str:
        """Have exceptions of these vectors seen by the hypervisor's log as well; why not, in a sentence, where that
        can't be. The guest has to be stopped."""
        if not self._parts.backend.logs_exceptions:
            return f"{self._parts.backend.title} has no log of the exceptions that it delivers."
        if self.witness is None:
            if self._options.log_pipe is None:
                return "The session is recorded, or a recording: QEMU's log is no part of it."
            try:
                pipe = self._options.log_pipe()
            except GdbError as error:
                return str(error)
            self.witness = Witness(self._remote, pipe)
            self.witness.on_debug_exception = self._look_where_it_was
            self.witness.on_unread = self._say_unread
            self.witness.on_failed = self._say_failed
            self._real_mode_is_unseen = False
        began = self.witness.active
        if why := await self.witness.begin(vectors):
            self.witness = None
            return why
        if not began:
            trio.lowlevel.spawn_system_task(self.witness.pump)
        return ""

    async def watch_log(self, vectors: Iterable[int]) -> str:
        """As `call_witness`, with each exception kept, explained and given to ``on_witnessed`` as it comes: nobody
        stops the guest for it."""
        why = await self.call_witness(vectors)
        if not why and self.witness is not None:
            state = await self._reader.state(self._reader.cpu)
            self._real_mode_is_unseen = not state.registers.get("cr0", 1) & CR0_PE
            self.witness.on_exception = lambda logged: self.on_witnessed(
                self._log.keep_logged(logged, self._only_cpu, self._options.image_code(logged.pc))
            )
        return why

    async def _witness_what_is_caught(self) -> None:
        """What is caught has changed: so has what the witness is to look for. Raises `GdbError` where there has to be
        one, and can't."""
        caught, wanted = self._catcher.vectors, self._options.witness
        if not caught:
            await self._dismiss_witness()
        elif self.witness is not None or wanted != "off":
            why = await self.call_witness(caught)
            if why and wanted == "require":
                raise GdbError(f"There is no second witness. {why}")

    async def _dismiss_witness(self) -> None:
        witness, self.witness = self.witness, None
        if witness is not None:
            await witness.end()

    async def _before_leaving(self) -> None:
        if not self.ended:
            self.say_unseen()
        await self._dismiss_witness()

    def _look_where_it_was(self, pc: int) -> None:
        """A #DB was delivered at ``pc`` while the guest ran. Where a breakpoint of ours lies there, they may meet: the
        guest is stopped for a moment, and goes on without ours. It stops by itself where #DB is caught."""
        if DEBUG in self._catcher.handlers.values():
            return
        if pc in self._table.points.marks and self._remote.running and not self._parting:
            self._parting = True
            trio.lowlevel.spawn_system_task(self._pause)

    async def _pause(self) -> None:
        async def nothing() -> None:
            self._parting = False

        with suppress(GdbError):
            await self.deferred.ask(nothing)

    def _note_log_command(self, command: str) -> None:
        """A user gave QEMU's monitor this command, and it was done."""
        if self.witness is not None and not LOG_COMMANDS.isdisjoint(command.split()[:1]):
            witness, self.witness = self.witness, None
            witness.abandon()
            self._say_gap("QEMU's log was given to somebody else, so there is no second witness from here on.")

    # -- what it saw --------------------------------------------------------------------------------------------

    async def _keep_witnessed(self, snapshot: Snapshot) -> Snapshot:
        """What the guest got since the last stop that no breakpoint at a handler saw, in front of this stop; then where
        nobody can have seen anything. The stop, with what the witness knows of it."""
        stop = snapshot.stop
        gone = not isinstance(stop, Stopped)
        if self.witness is not None:
            met = self._runner.meeting.places(snapshot.state.debug)
            handlers = {number: at for at, number in self._catcher.handlers.items() if at not in met}
            snapshot = await self._named(self.witness, snapshot)
            seen = self.witness.passed_by(snapshot.event, handlers)
            snapshot = self._confirmed(seen, snapshot)
            passed = seen.passed + (self.witness.never_begun() if gone else ())
            for logged in passed:
                window = await self._code_of(logged, snapshot)
                self.on_witnessed(self._log.keep_logged(logged, self._only_cpu, window))
            self._say_losses(self.witness)
            failed = self.witness.take_triple_fault()
            if not isinstance(stop, Stopped) or stop.signal not in GOES_ON:
                snapshot = snapshot._replace(triple_fault=failed)
            elif failed is not None:
                self.say(f"The guest was reset by a {triple_fault(failed)}.")
            await self._note_missing_int1(self.witness, snapshot)
        self._say_gaps(self._catcher.take_gaps())
        if gone:
            self.say_unseen()
        return snapshot

    async def _named(self, witness: Witness, snapshot: Snapshot) -> Snapshot:
        """Of several caught vectors with one handler the log tells which it was."""
        state, event = snapshot.state, snapshot.event
        numbers = [] if event is None else self._catcher.vectors_at(state.pc)
        number = witness.newest_of(numbers) if len(numbers) > 1 else None
        if event is None or number in (None, event.vector):
            return snapshot
        event, frame_mode, windows = await self._catcher.event(number or 0, state)
        return snapshot._replace(event=event, frame_mode=frame_mode, windows=windows)

    def _confirmed(self, seen: Witnessed, snapshot: Snapshot) -> Snapshot:
        """Where the log tells of no exception of that vector the guest came to its handler by itself: that is no event.
        Of real mode's it tells nothing."""
        if snapshot.event is None or self.witness is None:
            return snapshot
        if seen.event is not None:
            return snapshot._replace(instead_of=seen.event.instead_of, doubts=())
        protected = snapshot.state.registers.get("cr0", 0) & CR0_PE
        if seen.denied and protected and not self.witness.unread:
            self._reader.forget_event()
            return snapshot._replace(event=None)
        self.witness.taken += 1
        return snapshot

    def _came_by_itself(self, snapshot: Snapshot) -> bool:
        """Is this stop at a caught handler of no interest, since no exception led there?"""
        plain = isinstance(snapshot.stop, Stopped) and snapshot.stop.signal == SIGTRAP and not snapshot.stop.reasons
        return plain and snapshot.event is None and snapshot.state.pc in self._catcher.handlers

    async def _note_missing_int1(self, witness: Witness, snapshot: Snapshot) -> None:
        """Once: who waits for the #DB of an INT1 that raises #UD waits in vain."""
        undefined, witness.undefined = witness.undefined, []
        if self._said_no_int1 or DEBUG not in witness.vectors or UNDEFINED in witness.vectors:
            return
        for logged in undefined:
            window = await self._code_of(logged, snapshot)
            what = None if window is None else shape(window.bytes[logged.pc - window.address :], logged.shown.mode)
            if what is not None and "icebp" in what.traits:
                self._said_no_int1 = True
                self.say(
                    f"The guest's INT1 at {logged.pc:#x} raised #UD, and no #DB: this emulator has no INT1. Catch ud "
                    "as well to stop there."
                )
                return

    async def _code_of(self, logged: LoggedException, snapshot: Snapshot) -> CodeBytes | None:
        """The code around a logged RIP: the guest's, if it stands still in the same address space; else its image's."""
        same = snapshot.state.registers.get("cr3") == logged.shown.cr3
        if same and isinstance(snapshot.stop, Stopped):
            return next(iter(await self._catcher.code_around(logged.pc)), None)
        return self._options.image_code(logged.pc)

    @property
    def _only_cpu(self) -> int:
        """The vCPU of a log that names none."""
        return 0 if len(self.capabilities.cpus) == 1 else UNKNOWN_CPU

    # -- where nobody saw anything ------------------------------------------------------------------------------

    def _say_gap(self, why: str) -> None:
        self.say(why)
        self.on_gap(why)

    def _say_unread(self) -> None:
        """At once, for the first since the last stop; a log that goes on like that is said once more, with a number."""
        if self.witness is not None and not self._said_unread:
            self._said_unread = True
            self._say_gap(_damaged(self.witness))

    def _say_failed(self, logged: LoggedException) -> None:
        """While the guest runs, for each place once: what goes wrong there seldom ends in a stop."""
        place = logged.vector, logged.pc
        if not self._remote.running or logged.failed is None or place in self._said_failed:
            return
        if len(self._said_failed) < MOST_FAILED:
            self._said_failed |= {place}
            what = f"{vector(logged.vector).name} at {logged.pc:#x}"
            more = (
                "" if len(self._said_failed) < MOST_FAILED else " Further places are not told of while the guest runs."
            )
            self.say(
                f"{what} could not be delivered (gate at {gate_of(logged):#x}): {logged.failed} came instead.{more}"
            )

    def _say_losses(self, witness: Witness) -> None:
        lost, witness.lost, self._said_unread = witness.lost, 0, False
        if lost:
            self._say_gap(f"{lost} exceptions were delivered that could not be kept.")
        if witness.unread:
            self._say_gap(_damaged(witness))

    def _say_gaps(self, gaps: Iterable[BlindSpot]) -> None:
        """Not where a witness has seen what the breakpoints missed: all but real mode."""
        for gap in gaps:
            if self.witness is None or gap.in_real_mode:
                self._say_gap(gap.why)

    def say_unseen(self) -> None:
        """At the end, once: what was to be caught, and can't have been."""
        if self._said_unseen or not self._went_with_catches:
            return
        self._said_unseen = True
        for number in self._catcher.never_found if self.witness is None else ():
            name = vector(number).name
            self._say_gap(f"{name} never had a handler that dr6 found; if the guest took one, it is missing.")
        if self._real_mode_is_unseen:
            self._say_gap("QEMU's log has no line for exceptions of real mode, through which this guest went.")


def _damaged(witness: Witness) -> str:
    """What can't be read, once."""
    count, witness.unread = witness.unread, 0
    return f"QEMU's log is damaged: {count} exception{'s' * (count > 1)} in it can't be read."
