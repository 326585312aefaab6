"""The lists behind a breakpoint packet."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.errors import RemoteProtocolError
from gdbstub.protocol.agent import Commands, commands, conditions
from gdbstub.protocol.server_messages import parse_breakpoint

NOTHING = Commands(False, ())
ROWS = [
    (b"", (), NOTHING),
    (b";", (), NOTHING),
    (b";X3,220127", (b"\x22\x01\x27",), NOTHING),
    (b"X3,220127", (b"\x22\x01\x27",), NOTHING),
    (b";X3,220127X1,27", (b"\x22\x01\x27", b"\x27"), NOTHING),
    (b"X3,220127;X1,27;", (b"\x22\x01\x27", b"\x27"), NOTHING),
    (b";cmds:1,X1,27X2,2827", (), Commands(True, (b"\x27", b"\x28\x27"))),
    (b";X1,27;cmds:0,X2,2827", (b"\x27",), Commands(False, (b"\x28\x27",))),
    (b"X0,", (b"",), NOTHING),
    (b"Xa,00112233445566778899", (bytes.fromhex("00112233445566778899"),), NOTHING),
]
BROKEN = [
    b";X",
    b"X3",
    b"X3,",
    b"X3,2201",
    b"X3,22012",
    b"X3,22012x",
    b"X3,22012727",
    b"Xg,27",
    b"cmds:X1,27",
    b"Y1,27",
]
BROKEN += [b"cmds:1,Y", b"X1,27X1", b"X-1,27", b"X100000000,27", b"X1,2\xff"]


@pytest.mark.parametrize(("options", "due", "run"), ROWS)
def test_a_list_is_read(options: bytes, due: tuple[bytes, ...], run: Commands) -> None:
    assert conditions(options) == due
    assert commands(options) == run


def test_the_options_of_a_packet_are_read() -> None:
    assert conditions(parse_breakpoint(b"Z1,100400,1;X1,27X2,2827;cmds:1,X1,27").options) == (b"\x27", b"\x28\x27")


@pytest.mark.parametrize("options", BROKEN)
def test_a_list_that_is_cut_or_odd_is_the_clients_fault(options: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match=r"^The client sent .* belongs\.$"):
        conditions(options)


@given(st.lists(st.binary(max_size=40), max_size=5), st.booleans(), st.lists(st.binary(max_size=40), max_size=5))
def test_what_is_written_as_gdb_writes_it_is_read(ours: list[bytes], persist: bool, theirs: list[bytes]) -> None:
    def listed(codes: list[bytes]) -> bytes:
        return b"".join(b"X%x,%s" % (len(code), code.hex().encode()) for code in codes)

    options = b";%s;cmds:%x,%s" % (listed(ours), persist, listed(theirs))
    assert conditions(options) == tuple(ours)
    assert commands(options) == Commands(persist, tuple(theirs))


@given(st.lists(st.sampled_from([b"X", b"1", b",", b"27", b";", b"cmds:", b"g", b"-"])).map(b"".join) | st.binary())
def test_any_options_are_read_or_refused(options: bytes) -> None:
    with contextlib.suppress(RemoteProtocolError):
        conditions(options)
        commands(options)
