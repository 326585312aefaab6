"""What a `Link` reports: one value for each thing that happened, in the order of the wire."""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.protocol.stops import FileRequest, Stop


class Reply(NamedTuple):
    """The answer to the request ``token``. ``output`` is the monitor's text for `Expect.MONITOR`, None for
    any other request. For a resume it means that the stub did not resume: refused, unknown, or an echo."""

    token: int
    payload: bytes
    output: bytes | None


class StopReply(NamedTuple):
    """The guest stopped, or ended, after the resume ``token``."""

    token: int
    stop: Stop
    raw: bytes


class GuestOutput(NamedTuple):
    """Text from the guest's console; not yet fit for a terminal."""

    text: bytes


class UnsolicitedStop(NamedTuple):
    """A stop that answers nothing of ours: owed to a previous client, or late."""

    stop: Stop
    raw: bytes


class FileCall(NamedTuple):
    """The guest wants a file operation and waits; answer with `Link.send_file_reply`."""

    request: FileRequest


class Notified(NamedTuple):
    """An asynchronous notification (non-stop mode, which we never ask for)."""

    payload: bytes


class Stale(NamedTuple):
    """An answer that came while the link was looking for the answer to its probe; nobody waits for it."""

    payload: bytes


class BadFrame(NamedTuple):
    """The peer broke the protocol; ``reason`` is part of a sentence. With a ``token``, the answer to that
    request was lost with the frame, and none will come."""

    reason: str
    token: int | None


class Lost(NamedTuple):
    """The link is closed. ``tokens`` are the requests that will never be answered."""

    reason: str
    tokens: tuple[int, ...]


class Request(NamedTuple):
    """Server: the client asks; answer with `Link.reply`, or `Link.stop` for what resumes."""

    payload: bytes


class Break(NamedTuple):
    """Server: the client asks for the guest to stop (0x03)."""


Event = (
    Reply | StopReply | GuestOutput | UnsolicitedStop | FileCall | Notified | Stale | BadFrame | Lost | Request | Break
)
