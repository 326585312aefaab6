"""The protocol against a real QEMU: handshake, description, registers, monitor, steps, and what a late byte does."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator

import pytest

from gdbstub.errors import LocalProtocolError
from gdbstub.protocol import messages
from gdbstub.protocol.events import Event, Lost, Reply, StopReply
from gdbstub.protocol.features import CLIENT_FEATURES, parse_supported, settle, supported_request
from gdbstub.protocol.fields import ThreadId
from gdbstub.protocol.layout import RegisterLayout
from gdbstub.protocol.link import Expect, Link
from gdbstub.protocol.states import Role
from gdbstub.protocol.stops import Stopped
from gdbstub.protocol.target_xml import ROOT, annexes_wanted, parse_description

pytestmark = pytest.mark.live

SECONDS = 60.0


class Wire:
    """A link and a blocking socket."""

    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream
        self.link = Link(Role.CLIENT)

    def events(self, count: int) -> list[Event]:
        """Send what is queued and wait for ``count`` events."""
        self.stream.sendall(self.link.data_to_send())
        events: list[Event] = []
        while len(events) < count:
            events += self.link.receive(self.stream.recv(65536))
            self.stream.sendall(self.link.data_to_send())
            assert not any(isinstance(event, Lost) for event in events)
        return events

    def ask(self, payload: bytes, expects: Expect = Expect.REPLY) -> Reply:
        token = self.link.send(payload, expects)
        (event,) = self.events(1)
        assert isinstance(event, Reply)
        assert event.token == token
        return event

    def annex(self, name: str) -> bytes:
        whole, last = b"", False
        while not last:
            request = messages.read_features(name, len(whole), 0xFFB)
            part, last = messages.parse_xfer(request, self.ask(request).payload)
            whole += part
        return whole

    def layout(self) -> RegisterLayout:
        parts: dict[str, bytes] = {}
        wanted = [ROOT]
        while wanted:
            name = wanted.pop()
            parts[name] = self.annex(name)
            wanted += [annex for annex in annexes_wanted(parts[name]) if annex not in parts]
        return parse_description(parts)


@pytest.fixture
def stream() -> Iterator[socket.socket]:
    """The gdb socket of a QEMU that has not run an instruction; QEMU gets its end when it starts."""
    ours, theirs = socket.socketpair()
    ours.settimeout(SECONDS)
    command = ["qemu-system-x86_64", "-display", "none", "-nodefaults", "-S", "-accel", "tcg"]
    command += ["-chardev", f"socket,id=gdb0,fd={theirs.fileno()}", "-gdb", "chardev:gdb0"]
    with ours, theirs, subprocess.Popen(command, pass_fds=[theirs.fileno()]) as qemu:
        theirs.close()
        try:
            yield ours
        finally:
            qemu.kill()


def test_a_real_qemu_is_understood_from_hello_to_kill(stream: socket.socket) -> None:
    wire = Wire(stream)
    features = settle(CLIENT_FEATURES, parse_supported(wire.ask(supported_request()).payload))
    assert features.xml
    assert features.multiprocess
    assert not features.no_ack
    wire.link.packet_size = features.packet_size
    layout = wire.layout()
    assert layout.architecture == "i386:x86-64"
    assert len(layout.registers) == 66
    assert "cs_base" not in layout.by_name  # it stands in a comment

    wire.link.pipelined = True
    answer = wire.ask(messages.READ_REGISTERS).payload
    registers, wide = layout.decode_g(answer), layout.decode_wide(answer)
    assert len(answer) == 2 * layout.size
    assert (registers["rip"], registers["cs"], registers["eflags"]) == (0xFFF0, 0xF000, 2)
    assert registers["cr0"] == 0x60000010
    assert set(wide) == {f"st{n}" for n in range(8)} | {f"xmm{n}" for n in range(16)}
    rip = layout.by_name["rip"]
    one = messages.expect_hex(b"p", wire.ask(messages.read_register(rip.number)).payload)
    assert int.from_bytes(one, "little") == 0xFFF0

    assert messages.parse_actions(messages.WHICH_ACTIONS, wire.ask(messages.WHICH_ACTIONS).payload) == {*"cCsS"}
    threads = messages.parse_threads(messages.FIRST_THREADS, wire.ask(messages.FIRST_THREADS).payload)
    assert threads.threads == (ThreadId(1, 1),)

    text = wire.ask(messages.monitor("info registers"), Expect.MONITOR).output
    assert text is not None
    assert b"DR6=00000000ffff0ff0 DR7=0000000000000400" in text

    tokens = [wire.link.send(messages.read_memory(0xFFFF0, 16)), wire.link.send(messages.READ_REGISTERS)]
    tokens.append(wire.link.send(messages.resume_threads([("s", ThreadId(1, 1))]), Expect.STOP))
    memory, again, stop = wire.events(3)
    assert isinstance(memory, Reply)
    assert isinstance(again, Reply)
    assert isinstance(stop, StopReply)
    assert [memory.token, again.token, stop.token] == tokens
    assert len(messages.expect_hex(b"m", memory.payload)) == 16
    assert again.payload == answer
    assert stop.stop == Stopped(5, ThreadId(1, 1))
    assert layout.decode_g(wire.ask(messages.READ_REGISTERS).payload)["rip"] != 0xFFF0

    go = wire.link.send(messages.resume_threads([("c", None)]), Expect.STOP)
    stream.sendall(wire.link.data_to_send())
    wire.link.interrupt()
    (stopped,) = wire.events(1)
    assert isinstance(stopped, StopReply)
    assert stopped == StopReply(go, Stopped(2, ThreadId(1, 1)), stopped.raw)

    wire.link.send(messages.KILL, Expect.NOTHING)
    stream.sendall(wire.link.data_to_send())
    while not any(isinstance(event, Lost) for event in wire.link.receive(stream.recv(4096))):
        pass


def test_the_longest_request_that_we_allow_is_answered(stream: socket.socket) -> None:
    """QEMU drops a request of PacketSize bytes without a word."""
    wire = Wire(stream)
    features = settle(CLIENT_FEATURES, parse_supported(wire.ask(supported_request()).payload))
    wire.link.packet_size = features.packet_size
    assert wire.ask(b"q" + b"x" * (features.packet_size - 1)).payload == b""
    with pytest.raises(LocalProtocolError):
        wire.link.send(b"q" + b"x" * features.packet_size)


def test_a_deadline_that_passed_is_recovered_from_with_a_probe(stream: socket.socket) -> None:
    """QEMU does not answer a question about a thread that it does not have."""
    wire = Wire(stream)
    wire.ask(supported_request())
    wire.link.pipelined = True
    wire.link.send(b"qThreadExtraInfo,p1.63")
    token = wire.link.resynchronise()
    (event,) = wire.events(1)
    assert event == Reply(token, b"QCp01.01", None)
    assert len(messages.expect_hex(b"m", wire.ask(messages.read_memory(0, 4)).payload)) == 4
