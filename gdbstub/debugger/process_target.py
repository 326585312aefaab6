"""A stub of processes, where it is more than one of a machine: threads come and go, and signals are delivered."""

from __future__ import annotations

from collections.abc import Mapping

from gdbstub.protocol import messages
from gdbstub.protocol.features import CLIENT_FEATURES, FOLLOWED, FeatureValue, supported_request
from gdbstub.protocol.fields import ThreadId
from gdbstub.protocol.stops import NamedReason, Stop, Stopped
from gdbstub.remote.handshake import list_threads
from gdbstub.remote.target import RemoteTarget
from gdbstub.remote.threads import Signal, Span


class ProcessTarget:
    """What is behind ``remote``, if that is no machine: false where it is one."""

    def __init__(self, remote: RemoteTarget) -> None:
        self._remote = remote
        self._others: set[int] = set()
        """Processes that the one behind the stub has made, and that are held."""

    def __bool__(self) -> bool:
        return bool(self._remote.features.of_process)

    @property
    def offers(self) -> dict[str, FeatureValue]:
        """The stub's features that only processes have."""
        return self._remote.features.of_process

    @property
    def numbered(self) -> bool:
        """Do the stub's names of threads have the process in them?"""
        return self._remote.features.multiprocess

    def number_of(self, thread: ThreadId) -> int | None:
        """The number of a thread that the stub names so, whether or not with its process; None where there is none."""
        known = any(thread.thread == one.thread for one in self._remote.threads)
        return self._remote.cpu_of(thread) if known else None

    async def threads(self) -> tuple[ThreadId, ...]:
        """Those that there are now. New ones get numbers."""
        threads = await list_threads(self._remote)
        for thread in threads:
            self._remote.cpu_of(thread)
        return threads

    async def follow(self, wanted: Mapping[str, FeatureValue]) -> None:
        """Have the stub tell of the `FOLLOWED` that are ``wanted``."""
        events: dict[str, FeatureValue] = {
            name: True for name in FOLLOWED if wanted.get(name) is True and name in self.offers
        }
        if events:
            await self._remote.request(supported_request({**CLIENT_FEATURES, **events}), "qSupported")

    def note(self, stop: Stop) -> None:
        """A stop may tell of a process that was made."""
        for reason in stop.reasons if isinstance(stop, Stopped) else ():
            if isinstance(reason, NamedReason) and reason.name in ("fork", "vfork"):
                thread = ThreadId.parse(reason.value.encode("latin-1"))
                self._remote.cpu_of(thread)
                self._others.add(thread.process or thread.thread)

    async def leave(self, process: int, now: int) -> int | None:
        """Let one of several processes go, by the stub's number. The thread to go on with where ``now``, the selected
        one, went with it; as ``now`` otherwise; None where there is but one process, which was not let go."""
        threads = self._remote.threads
        mine = threads[now].process
        if not self._others or process not in {mine, *self._others}:
            return None
        await self._remote.request(messages.detach(process), "detach")
        kept = ({mine, *self._others} - {process}).pop() if process == mine else mine
        self._others -= {process, kept or 0}
        return next(cpu for cpu, thread in enumerate(threads) if thread.process == kept)

    @property
    def steps_through(self) -> bool:
        """Does its stub step through a range by itself (``vCont;r``)?"""
        return bool(self) and "r" in self._remote.actions

    def step_through(self, start: int, end: int, cpu: int, *, others: bool) -> None:
        """Have thread number ``cpu`` step through a range when it goes on."""
        self._remote.span = Span(start, end, cpu, others)

    def deliver(self, signal: int, cpu: int | None) -> None:
        """Give it the signal, by gdb's number, when it goes on; to thread number ``cpu``, or whichever goes."""
        self._remote.signal = Signal(signal, cpu)
