"""TARGET text: what it means, its canonical form, and what bad text is told."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transports.address import (
    Address,
    BadTarget,
    FileKind,
    Gdbsx,
    Program,
    Replay,
    Serial,
    Tcp,
    Unix,
    Xen,
    parse_target,
)


def no_files(path: str) -> FileKind:
    return "nothing"


TARGETS: list[tuple[str, Address, str]] = [
    ("127.0.0.1:1234", Tcp("127.0.0.1", 1234), "tcp:127.0.0.1:1234"),
    ("host.example:65535", Tcp("host.example", 65535), "tcp:host.example:65535"),
    (":1234", Tcp("localhost", 1234), "tcp:localhost:1234"),
    ("[::1]:1234", Tcp("::1", 1234), "tcp:[::1]:1234"),
    ("[fe80::1%eth0]:1", Tcp("fe80::1%eth0", 1), "tcp:[fe80::1%eth0]:1"),
    ("tcp:host:1", Tcp("host", 1), "tcp:host:1"),
    ("tcp::1234", Tcp("localhost", 1234), "tcp:localhost:1234"),
    ("tcp:[::1]:1234", Tcp("::1", 1234), "tcp:[::1]:1234"),
    ("tcp4:host:1", Tcp("host", 1, "4"), "tcp4:host:1"),
    ("tcp6:[::1]:1", Tcp("::1", 1, "6"), "tcp6:[::1]:1"),
    ("unix:/tmp/a b:c", Unix("/tmp/a b:c"), "unix:/tmp/a b:c"),
    ("unix:rel", Unix("rel"), "unix:rel"),
    ("/run/not-there-yet", Unix("/run/not-there-yet"), "unix:/run/not-there-yet"),
    ("./gdb.sock", Unix("./gdb.sock"), "unix:./gdb.sock"),
    ("/dev/ttyS0", Serial("/dev/ttyS0", 115200), "serial:/dev/ttyS0?baud=115200"),
    ("serial:/dev/ttyUSB1?baud=9600", Serial("/dev/ttyUSB1", 9600), "serial:/dev/ttyUSB1?baud=9600"),
    ("serial:/dev/ttyS0", Serial("/dev/ttyS0", 115200), "serial:/dev/ttyS0?baud=115200"),
    ("|ssh host 'nc -U /x:1'", Program("ssh host 'nc -U /x:1'"), "|ssh host 'nc -U /x:1'"),
    ("| cat", Program("cat"), "|cat"),
    ("gdbsx:dom0:9999", Gdbsx("dom0", 9999), "gdbsx:dom0:9999"),
    ("gdbsx:[::1]:9", Gdbsx("::1", 9), "gdbsx:[::1]:9"),
    ("xen:my-guest", Xen("my-guest"), "xen:my-guest"),
    ("xen:7", Xen("7"), "xen:7"),
    ("replay:a:b.rsp", Replay("a:b.rsp"), "replay:a:b.rsp"),
    ("  :1234 ", Tcp("localhost", 1234), "tcp:localhost:1234"),
]


@pytest.mark.parametrize(("text", "address", "canonical"), TARGETS)
def test_each_form_has_one_meaning_and_its_canonical_form_means_the_same(
    text: str, address: Address, canonical: str
) -> None:
    assert parse_target(text, kind_of=no_files) == address
    assert str(address) == canonical
    assert parse_target(canonical, kind_of=no_files) == address


BAD: list[tuple[str, str]] = [
    ("", "is empty"),
    ("   ", "is empty"),
    ("a\nb:1", "control character"),
    ("\x1b[31m:1", r"'\x1b[31m:1'"),
    ("1234", "write :1234"),
    ("tcp:1234", "write :1234"),
    ("localhost", "localhost:1234"),
    ("localhost:", "'' in the target 'localhost:' is not a port"),
    ("localhost:http", "'http' in the target"),
    ("localhost:0", "1 to 65535"),
    ("localhost:65536", "1 to 65535"),
    ("localhost:-1", "1 to 65535"),
    ("localhost:٣", "1 to 65535"),
    ("localhost:9999999999999999999999", "1 to 65535"),
    ("::1:1234", "in brackets: [::1]:1234"),
    ("fe80::1:1234", "in brackets: [fe80::1]:1234"),
    ("[::1]", "[::1]:1234"),
    ("[::1:1234", "[::1]:1234"),
    ("[]:1", "[::1]:1234"),
    ("unix:", "No path after 'unix:'"),
    ("replay:", "No file after 'replay:'"),
    ("xen:", "No domain after 'xen:'"),
    ("|", "No command after '|'"),
    ("|  ", "No command after '|'"),
    ("gdbsx:", "names no host and port"),
    ("gdbsx:4", "write :4"),
    ("gdbxs:dom0:9999", "did you mean gdbsx:HOST:PORT?"),
    ("TCP:host:1", "did you mean tcp:HOST:PORT?"),
    ("http://host:80", "no target of the kind 'http'"),
    ("udp:host:1", "no target of the kind 'udp'"),
    ("serial", "serial:/dev/ttyS0?baud=115200"),
    ("serial:", "No device after 'serial:'"),
    ("serial:/dev/ttyS0?baud=1", "'1' is not a baud rate"),
    ("serial:/dev/ttyS0?baud=fast", "'fast' is not a baud rate"),
    ("serial:/dev/ttyS0?parity=even", "other than baud=N"),
    ("serial:/dev/ttyS0?9600", "other than baud=N"),
    ("some/file:1", "'some/file'"),
]


@pytest.mark.parametrize(("text", "hint"), BAD)
def test_bad_text_is_told_in_one_sentence_what_it_could_have_been(text: str, hint: str) -> None:
    with pytest.raises(BadTarget) as caught:
        parse_target(text, kind_of=no_files)
    sentence = str(caught.value)
    assert hint in sentence
    assert "\n" not in sentence
    assert sentence.isprintable()


def test_an_existing_socket_needs_no_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("gdb:1")
        assert parse_target("gdb:1") == Unix("gdb:1")
        assert parse_target(str(tmp_path / "gdb:1")) == Unix(str(tmp_path / "gdb:1"))


def test_a_link_to_a_terminal_is_a_serial_line(tmp_path: Path) -> None:
    link = tmp_path / "guest"
    master, slave = os.openpty()
    link.symlink_to(os.ttyname(slave))
    assert parse_target(str(link)) == Serial(str(link))
    os.close(master)
    os.close(slave)


def test_a_plain_file_is_told_about_replay_and_launch(tmp_path: Path) -> None:
    file = tmp_path / "session.rsp"
    file.touch()
    with pytest.raises(BadTarget, match=r"replay:.*dr6 launch"):
        parse_target(str(file))


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_an_address_or_a_bad_target(text: str) -> None:
    try:
        address = parse_target(text, kind_of=no_files)
    except BadTarget:
        return
    assert parse_target(str(address), kind_of=no_files) == address
