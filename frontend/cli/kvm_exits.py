"""``struct kvm_run`` between `transports`, which reads it on QEMU's host, and `gdbstub`, which knows what it says.

What was read is part of a recording, as notes in order, so a replay has it again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from gdbstub.errors import GdbError
from transports import Endpoint, HelperFailed, LocalKvmRun, Recorder, RemoteKvmRun, ReplayStream, stub_socket

KIND = "kvm-run"


@dataclass(frozen=True)
class LiveExits:
    """Read on QEMU's host; ``note`` gets every answer."""

    inner: LocalKvmRun | RemoteKvmRun
    note: Callable[[str, str], None] | None = None

    async def read(self, cpu: int) -> bytes:
        try:
            data = await self.inner.read(cpu)
        except HelperFailed as failure:
            self._noted(cpu, f"!{failure}")
            raise GdbError(str(failure)) from None
        self._noted(cpu, data.hex())
        return data

    def _noted(self, cpu: int, text: str) -> None:
        if self.note is not None:
            self.note(KIND, f"{cpu} {text}")


class RecordedExits:
    """Out of a recording: the same answers in the same order."""

    def __init__(self, notes: tuple[str, ...]) -> None:
        self._notes = list(notes)

    async def read(self, cpu: int) -> bytes:
        """The next answer for that vCPU; others in front of it were not asked for this time."""
        for at, note in enumerate(self._notes):
            which, _, text = note.partition(" ")
            if which == str(cpu):
                del self._notes[: at + 1]
                if text.startswith("!"):
                    raise GdbError(text[1:])
                try:
                    return bytes.fromhex(text)
                except ValueError:
                    break
        raise GdbError(f"The recording does not have what KVM kept of vCPU {cpu} here.")


def exits_of(
    stack: AsyncExitStack, endpoint: Endpoint, host: str | None, recorder: Recorder | None
) -> LiveExits | RecordedExits | None:
    """What KVM keeps of exits, live or from a recording."""
    if isinstance(endpoint.stream, ReplayStream):
        notes = tuple(endpoint.stream.transcript.notes(KIND))
        return RecordedExits(notes) if notes else None
    stub = stub_socket(endpoint.stream)
    inner = LocalKvmRun(stub) if host is None else RemoteKvmRun(host, stub)
    stack.push_async_callback(inner.aclose)
    return LiveExits(inner, None if recorder is None else recorder.note)
