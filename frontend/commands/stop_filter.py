"""Which stops a list shows: ``events``, ``cpu 1``, ``cause single-step``, ``/text``, or several of these."""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.debugger.record import StopRecord


class StopFilter(NamedTuple):
    """All that is given has to hold; with nothing given every stop is shown."""

    events: bool = False
    cpu: int | None = None
    cause: str = ""
    text: str = ""
    """Lower case; sought in what the list says of a stop."""

    def holds(self, record: StopRecord, said: str) -> bool:
        """``said`` is what the list says of the stop."""
        return (
            (not self.events or record.event is not None)
            and (self.cpu is None or record.cpu == self.cpu)
            and (not self.cause or any(cause.cause == self.cause for cause in record.explanation.causes))
            and (not self.text or self.text in said.lower())
        )

    @property
    def words(self) -> str:
        """As it is typed; empty where every stop is shown."""
        parts = ["events"] if self.events else []
        parts += [f"cpu {self.cpu}"] if self.cpu is not None else []
        parts += [f"cause {self.cause}"] if self.cause else []
        return " ".join([*parts, *([f"/{self.text}"] if self.text else [])])


EVERY = StopFilter()
