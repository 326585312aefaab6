"""qSupported: read, written, and what it settles."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.errors import RemoteProtocolError
from gdbstub.protocol.features import (
    CLIENT_FEATURES,
    DEFAULT_PACKET_SIZE,
    Features,
    FeatureValue,
    format_supported,
    parse_supported,
    settle,
    supported_request,
)

QEMU = b"PacketSize=1000;qXfer:features:read+;vContSupported+;multiprocess+"


def test_what_qemu_says() -> None:
    features = settle(CLIENT_FEATURES, parse_supported(QEMU))
    assert features == Features(
        packet_size=0xFFF,
        multiprocess=True,
        vcont_supported=True,
        xml=True,
        raw={
            "PacketSize": "1000",
            "qXfer:features:read": True,
            "vContSupported": True,
            "multiprocess": True,
        },
    )


def test_what_a_qemu_that_replays_says() -> None:
    features = settle(CLIENT_FEATURES, parse_supported(QEMU + b";ReverseStep+;ReverseContinue+"))
    assert features.reverse_step
    assert features.reverse_continue


def test_what_gdbsx_says() -> None:
    assert settle(CLIENT_FEATURES, parse_supported(b"")) == Features()
    assert Features().packet_size == DEFAULT_PACKET_SIZE


def test_a_feature_of_both_sides_needs_both() -> None:
    theirs = parse_supported(b"swbreak+;hwbreak-;multiprocess+;error-message+;QStartNoAckMode+;binary-upload+")
    features = settle({"swbreak": True, "hwbreak": True, "multiprocess": False}, theirs)
    assert features.swbreak
    assert not features.hwbreak
    assert not features.multiprocess
    assert not features.error_message
    assert features.no_ack
    assert features.binary_upload


def test_every_kind_of_entry_is_read_and_written() -> None:
    features: dict[str, FeatureValue] = {"PacketSize": "3fff", "a+": True, "b": False, "c": None, "d": ""}
    text = b"PacketSize=3fff;a++;b-;c?;d="
    assert parse_supported(text) == features
    assert format_supported(features) == text
    assert parse_supported(supported_request(features)) == features
    assert parse_supported(text + b";") == features


def test_the_request_says_what_our_client_can() -> None:
    assert supported_request() == (b"qSupported:multiprocess+;swbreak+;hwbreak+;xmlRegisters=i386;vContSupported+")


@pytest.mark.parametrize("item", [b"x", b"+", b"=", b"=1", b"OK"])
def test_what_is_no_feature(item: bytes) -> None:
    for request, sender in ((b"", "stub"), (b"qSupported:", "client")):
        with pytest.raises(RemoteProtocolError, match=f"^The {sender}'s list of features"):
            parse_supported(request + b"a+;" + item)


@pytest.mark.parametrize("size", [b"", b"zz", b"0", b"1f", b"-1"])
def test_a_packet_size_that_can_not_be(size: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        settle({}, parse_supported(b"PacketSize=" + size))


names = st.text("abcXYZ:-", min_size=1, max_size=8)
values = st.none() | st.booleans() | st.text("abc123", max_size=5)


@given(st.dictionaries(names, values))
def test_every_list_survives_the_wire(features: dict[str, FeatureValue]) -> None:
    assert parse_supported(supported_request(features)) == features


@pytest.mark.parametrize(
    ("offered", "process"),
    [
        (b"PacketSize=1000;qXfer:features:read+;vContSupported+;multiprocess+", False),  # QEMU
        (b"QStartNoAckMode+;fork-events+;vfork-events+;swbreak+;qXfer:features:read+", False),  # Rust's gdbstub
        (b"PacketSize=1000;qXfer:threads:read+", False),
        (b"PacketSize=1000;qXfer:features:read+;qXfer:auxv:read+", True),  # QEMU's user mode
        (b"QPassSignals+;qXfer:libraries-svr4:read+", True),
        (b"QPassSignals-", False),
    ],
)
def test_a_stub_of_processes_is_known_by_what_only_processes_have(offered: bytes, process: bool) -> None:
    assert bool(settle(CLIENT_FEATURES, parse_supported(offered)).of_process) is process
