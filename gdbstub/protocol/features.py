"""``qSupported``: what each side says it can, and what the two together settle.

Source: gdb manual, "General Query Packets", qSupported. QEMU 7.2 and 10 answer
``PacketSize=1000;qXfer:features:read+;vContSupported+;multiprocess+``, gdbsx the empty packet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from gdbstub.errors import RemoteProtocolError
from gdbstub.protocol.fields import decode_number, shown

FeatureValue = str | bool | None
"""``name=text``, ``name+`` (True), ``name-`` (False), ``name?`` (None: ask)."""

CLIENT_FEATURES: Final[Mapping[str, FeatureValue]] = MappingProxyType(
    {"multiprocess": True, "swbreak": True, "hwbreak": True, "xmlRegisters": "i386", "vContSupported": True}
)
"""What our client says of itself."""

FOLLOWED: Final = ("fork-events", "vfork-events", "exec-events")
"""Told of where both sides say so: a process makes another one, or runs another program."""

OF_PROCESSES: Final = frozenset(
    (
        *("qXfer:auxv:read", "qXfer:exec-file:read", "qXfer:libraries-svr4:read", "augmented-libraries-svr4-read"),
        *("qXfer:siginfo:read", "qXfer:siginfo:write", "qXfer:osdata:read"),
        *("qXfer:threads:read", "QPassSignals", "QProgramSignals", "QCatchSyscalls", *FOLLOWED),
    )
)
"""What only a stub of processes offers: gdbserver, lldb-server, valgrind, QEMU's user mode."""

OF_ANY: Final = frozenset(("qXfer:threads:read", *FOLLOWED))
"""Those of them that alone say nothing: the Rust crate ``gdbstub`` offers them for virtual machines, too."""

DEFAULT_PACKET_SIZE: Final = 400
"""Payload bytes that any stub takes: gdb's own guess for one that names no size."""

_MARKS: Final[dict[str, FeatureValue]] = {"+": True, "-": False, "?": None}
_SIGNS = {value: mark for mark, value in _MARKS.items()}


@dataclass(frozen=True, slots=True)
class Features:
    """What may be used on this link.

    ``packet_size`` counts payload bytes as sent, escapes included. It is one less than the stub's PacketSize:
    QEMU says 4096, answers a request of 4095 bytes, and drops one of 4096 in silence (seen on 7.2.22).
    ``raw`` is all that the stub said.
    """

    packet_size: int = DEFAULT_PACKET_SIZE
    no_ack: bool = False
    multiprocess: bool = False
    swbreak: bool = False
    hwbreak: bool = False
    vcont_supported: bool = False
    xml: bool = False
    memory_map: bool = False
    reverse_step: bool = False
    reverse_continue: bool = False
    binary_upload: bool = False
    error_message: bool = False
    raw: Mapping[str, FeatureValue] = field(default_factory=dict)

    @property
    def of_process(self) -> dict[str, FeatureValue]:
        """Those of `OF_PROCESSES` that the stub offers; empty for one of a machine."""
        found = {name: True for name, value in self.raw.items() if value is True and name in OF_PROCESSES}
        return {} if found.keys() <= OF_ANY else dict(found)


def parse_supported(payload: bytes) -> dict[str, FeatureValue]:
    """The features of a request (``qSupported:…``) or of an answer; the later of two equal names holds."""
    sender = "client" if payload.startswith(b"qSupported") else "stub"
    text = payload.removeprefix(b"qSupported").removeprefix(b":")
    return dict(_feature(item, sender) for item in text.split(b";") if item)


def _feature(item: bytes, sender: str) -> tuple[str, FeatureValue]:
    name, equals, value = item.decode("latin-1").partition("=")
    if equals and name:
        return name, value
    if not equals and name[-1] in _MARKS and name[:-1]:
        return name[:-1], _MARKS[name[-1]]
    raise RemoteProtocolError(f"The {sender}'s list of features has an entry {shown(item)}.")


def format_supported(features: Mapping[str, FeatureValue]) -> bytes:
    """The answer that says ``features``; `parse_supported` reads it back."""
    items = (f"{name}={value}" if isinstance(value, str) else name + _SIGNS[value] for name, value in features.items())
    return ";".join(items).encode("latin-1")


def supported_request(features: Mapping[str, FeatureValue] = CLIENT_FEATURES) -> bytes:
    """The request that says ``features``."""
    return b"qSupported:" + format_supported(features)


def settle(ours: Mapping[str, FeatureValue], theirs: Mapping[str, FeatureValue]) -> Features:
    """What both can: a feature of both sides needs both, a packet of the stub's only its word.

    Raises `RemoteProtocolError` for a PacketSize that is no number, or too small to work with.
    """

    def both(name: str) -> bool:
        return ours.get(name) is True and theirs.get(name) is True

    def offered(name: str) -> bool:
        return theirs.get(name) is True

    return Features(
        packet_size=_packet_size(theirs.get("PacketSize")),
        no_ack=offered("QStartNoAckMode"),
        multiprocess=both("multiprocess"),
        swbreak=both("swbreak"),
        hwbreak=both("hwbreak"),
        vcont_supported=offered("vContSupported"),
        xml=offered("qXfer:features:read"),
        memory_map=offered("qXfer:memory-map:read"),
        reverse_step=offered("ReverseStep"),
        reverse_continue=offered("ReverseContinue"),
        binary_upload=offered("binary-upload"),
        error_message=both("error-message"),
        raw=dict(theirs),
    )


_SMALLEST_PACKET = 32


def _packet_size(value: FeatureValue) -> int:
    if not isinstance(value, str):
        return DEFAULT_PACKET_SIZE
    size = decode_number(value.encode("latin-1"))
    if size < _SMALLEST_PACKET:
        raise RemoteProtocolError(f"The stub says that it takes packets of {size} bytes; that is too few to work.")
    return size - 1
