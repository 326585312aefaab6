"""The helpers of a Xen domain between `transports`, which runs them, and `gdbstub`, which reads them.

What they print is part of a recording, as notes in order, so a replay has it again.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from gdbstub.backends.xen.helpers import Helpers
from gdbstub.errors import CannotBreakIn, Refused
from transports import CannotInterrupt, CannotOpen, Domain, Endpoint, HelperFailed, Recorder, ReplayStream

KIND = "dom0"
Note = Callable[[str, str], None]


def _nothing(kind: str, text: str) -> None:
    return None


@dataclass
class LiveHelpers:
    """Helpers that are asked; ``note`` gets every answer."""

    inner: Domain
    note: Note = _nothing

    def __post_init__(self) -> None:
        self.note(
            KIND,
            json.dumps(
                {"domain": self.domain, "identity": self.identity, "sets-debug-registers": self.sets_debug_registers}
            ),
        )

    @property
    def domain(self) -> int:
        return self.inner.domain

    @property
    def identity(self) -> str | None:
        return self.inner.identity

    @property
    def sets_debug_registers(self) -> bool:
        return self.inner.sets_debug_registers

    async def vcpu(self, *words: str) -> str:
        return await self._asked(" ".join(("vcpu", *words)), self.inner.vcpu(*words))

    async def xenctx(self, cpu: int) -> str:
        return await self._asked(f"xenctx {cpu}", self.inner.xenctx(cpu))

    async def xl(self, *words: str) -> str:
        return await self._asked(" ".join(("xl", *words)), self.inner.xl(*words))

    async def cpuinfo(self) -> str:
        return await self._asked("cpuinfo", self.inner.cpuinfo())

    async def _asked(self, asked: str, answer: Awaitable[str]) -> str:
        try:
            text = await answer
        except HelperFailed as failure:
            self.note(KIND, json.dumps({"asked": asked, "failed": str(failure)}))
            raise Refused(asked, "", str(failure)) from None
        self.note(KIND, json.dumps({"asked": asked, "printed": text}))
        return text


class _Answer(NamedTuple):
    asked: str
    printed: str | None
    failed: str


class RecordedHelpers:
    """Helpers out of a recording: the same answers in the same order."""

    def __init__(self, head: dict[str, object], answers: list[_Answer]) -> None:
        domain, identity = head.get("domain"), head.get("identity")
        self.domain = domain if isinstance(domain, int) else 0
        self.identity = identity if isinstance(identity, str) else None
        self.sets_debug_registers = head.get("sets-debug-registers") is True
        self._answers = answers

    async def vcpu(self, *words: str) -> str:
        return self._next(" ".join(("vcpu", *words)))

    async def xenctx(self, cpu: int) -> str:
        return self._next(f"xenctx {cpu}")

    async def xl(self, *words: str) -> str:
        return self._next(" ".join(("xl", *words)))

    async def cpuinfo(self) -> str:
        return self._next("cpuinfo")

    def _next(self, asked: str) -> str:
        """The next answer to ``asked``; others in front of it were not asked for this time."""
        for at, answer in enumerate(self._answers):
            if answer.asked == asked:
                del self._answers[: at + 1]
                if answer.printed is None:
                    raise Refused(asked, "", answer.failed)
                return answer.printed
        raise Refused(asked, "", f"The recording has no answer of dom0's to '{asked}' here.")


def recorded(notes: tuple[str, ...]) -> RecordedHelpers | None:
    """The helpers that a recording had; None where it had none."""
    try:
        rows = [_helper_row(text) for text in notes]
        answers = [_answer(row) for row in rows[1:]]
    except (ValueError, RecursionError) as error:
        raise CannotOpen("The recording has a note of dom0's helpers that can't be read.") from error
    return RecordedHelpers(rows[0], answers) if rows else None


def _helper_row(text: str) -> dict[str, object]:
    row = json.loads(text)
    if not isinstance(row, dict):
        raise ValueError("not a JSON object")
    return row


def _answer(row: dict[str, object]) -> _Answer:
    asked, printed, failed = row.get("asked"), row.get("printed"), row.get("failed", "")
    if not isinstance(asked, str) or not isinstance(printed, str | None) or not isinstance(failed, str):
        raise ValueError("not an answer")
    return _Answer(asked, printed, failed)


def helpers_of(endpoint: Endpoint, recorder: Recorder | None) -> Helpers | None:
    """Those of a Xen domain, live or from a recording."""
    if isinstance(endpoint.stream, ReplayStream):
        return recorded(tuple(endpoint.stream.transcript.notes(KIND)))
    if endpoint.domain is None:
        return None
    return LiveHelpers(endpoint.domain) if recorder is None else LiveHelpers(endpoint.domain, recorder.note)


def breaking_in(interrupt: Callable[[], Awaitable[None]] | None) -> Callable[[], Awaitable[None]] | None:
    """A transport's way of stopping the guest, with its failure as one of `gdbstub`."""
    if interrupt is None:
        return None

    async def break_in() -> None:
        try:
            await interrupt()
        except CannotInterrupt as failure:
            raise CannotBreakIn(str(failure)) from failure

    return break_in
