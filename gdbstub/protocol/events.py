"""What a `Link` reports: one value for each thing that happened, in the order of the wire."""

from __future__ import annotations

from dataclasses import dataclass

from gdbstub.protocol.stops import FileRequest, Stop


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to the request ``token``. ``output`` is the monitor's text for `Expect.MONITOR`, None for
    any other request. For a resume it means that the stub did not resume: refused, unknown, or an echo."""

    token: int
    payload: bytes
    output: bytes | None


@dataclass(frozen=True, slots=True)
class StopReply:
    """The guest stopped, or ended, after the resume ``token``."""

    token: int
    stop: Stop
    raw: bytes


@dataclass(frozen=True, slots=True)
class GuestOutput:
    """Text from the guest's console; not yet fit for a terminal."""

    text: bytes


@dataclass(frozen=True, slots=True)
class UnsolicitedStop:
    """A stop that answers nothing of ours: owed to a previous client, or late."""

    stop: Stop
    raw: bytes


@dataclass(frozen=True, slots=True)
class FileCall:
    """The guest wants a file operation and waits; answer with `Link.send_file_reply`."""

    request: FileRequest


@dataclass(frozen=True, slots=True)
class Notified:
    """An asynchronous notification (non-stop mode, which we never ask for)."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Stale:
    """An answer that came while the link was looking for the answer to its probe; nobody waits for it."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class BadFrame:
    """The peer broke the protocol; ``reason`` is part of a sentence. With a ``token``, the answer to that
    request was lost with the frame, and none will come."""

    reason: str
    token: int | None


@dataclass(frozen=True, slots=True)
class Lost:
    """The link is closed. ``tokens`` are the requests that will never be answered."""

    reason: str
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """Server: the client asks; answer with `Link.reply`, or `Link.stop` for what resumes."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Break:
    """Server: the client asks for the guest to stop (0x03)."""


Event = (
    Reply | StopReply | GuestOutput | UnsolicitedStop | FileCall | Notified | Stale | BadFrame | Lost | Request | Break
)
