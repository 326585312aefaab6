"""The server's side of the protocol against stock gdb: what gdb makes of our description and our answers."""

from __future__ import annotations

import socket
import subprocess
import threading
from pathlib import Path

import pytest

from gdbstub.protocol import server_messages
from gdbstub.protocol.events import Break, Lost, Request
from gdbstub.protocol.features import format_supported
from gdbstub.protocol.fields import ThreadId, decode_hex
from gdbstub.protocol.layout import Feature, Field, Flags, Register, make_layout
from gdbstub.protocol.link import Link
from gdbstub.protocol.states import Role
from gdbstub.protocol.stops import BreakReason, Stopped, format_stop
from gdbstub.protocol.target_xml_writer import format_description

pytestmark = pytest.mark.live

CORE, DEBUG = "org.gnu.gdb.i386.core", "dr6.debug"
WORDS = [*(["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp"]), *(f"r{n}" for n in range(8, 16)), "rip"]
SHORT = ["eflags", "cs", "ss", "ds", "es", "fs", "gs"]
X87 = ["fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop"]
NAMED = [
    *(
        (name, 64, "data_ptr" if name in ("rbp", "rsp") else "code_ptr" if name == "rip" else "int64", CORE)
        for name in WORDS
    ),
    *((name, 32, "int32", CORE) for name in SHORT),
    *((f"st{n}", 80, "i387_ext", CORE) for n in range(8)),
    *((name, 32, "int", CORE) for name in X87),
    ("dr6", 64, "dr6_flags", DEBUG),
]
BITS = Flags("dr6_flags", 8, (Field("B0", None, 0, 0), Field("B1", None, 1, 1), Field("BS", None, 14, 14)))
LAYOUT = make_layout(
    (Register(name, bits, number, 0, kind, None, feature) for number, (name, bits, kind, feature) in enumerate(NAMED)),
    (Feature(CORE), Feature(DEBUG, (BITS,))),
    "i386:x86-64",
)
BREAKPOINT = 0x100480
VALUES: dict[str, int | bytes] = {"rip": 0x100402, "eflags": 2, "dr6": 0xFFFF4FF1, "rax": 0x1122334455667788}
THREAD = ThreadId(1, 1)
HALTED = Stopped(5, THREAD)
FEATURES = format_supported(
    {"PacketSize": "1000", "qXfer:features:read": True, "multiprocess": True, "hwbreak": True, "QStartNoAckMode": True}
)
ANSWERS: dict[bytes, bytes] = {
    b"?": format_stop(HALTED),
    b"vCont?": b"vCont;c;C;s;S",
    b"qfThreadInfo": server_messages.format_threads([THREAD]),
    b"qsThreadInfo": b"l",
    b"qAttached:1": b"1",
    b"QStartNoAckMode": b"OK",
    b"D;1": b"OK",
}


def answer(link: Link, payload: bytes, values: dict[str, int | bytes]) -> None:
    """A guest of one thread and nops; what continues it runs into the breakpoint at 0x100480."""
    if link.running and payload.startswith(b"vCont;s"):
        values["rip"] = 0x100403
        link.stop(HALTED)
    elif link.running:
        values["rip"] = BREAKPOINT
        link.stop(Stopped(5, THREAD, (BreakReason.HARDWARE,)))
    elif payload == b"g":
        link.reply(LAYOUT.encode_g(values))
    elif payload.startswith(b"qSupported"):
        link.reply(FEATURES)
    elif payload.startswith(b"qXfer:features:read:target.xml:"):
        offset, length = (int(part, 16) for part in payload.rpartition(b":")[2].split(b","))
        link.reply(server_messages.format_xfer(format_description(LAYOUT), offset, length))
    elif payload.startswith(b"qRcmd,"):
        link.console(b"you said " + decode_hex(payload[6:]) + b"\n")
        link.reply(b"OK")
    elif payload.startswith(b"m"):
        link.reply(b"90" * server_messages.parse_range(payload)[1])
    elif payload.startswith(b"X"):
        link.reply(b"")
    elif payload.startswith((b"H", b"M", b"Z", b"z")):
        link.reply(b"OK")
    else:
        link.reply(ANSWERS.get(payload, b""))


def serve(listener: socket.socket, seen: list[bytes]) -> None:
    """One client, until it leaves."""
    stream, _ = listener.accept()
    link, values = Link(Role.SERVER), dict(VALUES)
    with stream:
        while True:
            for event in link.receive(stream.recv(65536)):
                assert not isinstance(event, Break)
                if isinstance(event, Lost):
                    return
                if isinstance(event, Request):
                    seen.append(event.payload)
                    answer(link, event.payload, values)
            stream.sendall(link.data_to_send())


def test_stock_gdb_understands_our_side(tmp_path: Path) -> None:
    """gdb takes our registers, with flags of ours, our stops, our console and no-ack mode."""
    path = str(tmp_path / "gdb.sock")
    seen: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        server = threading.Thread(target=serve, args=(listener, seen), daemon=True)
        server.start()
        commands = ["set pagination off", f"target remote {path}", "p/x $rax", "p $dr6", "p/x $rip"]
        commands += ["monitor why", "hbreak *0x100480", "stepi", "p/x $rip", "continue", "detach"]
        gdb = ["gdb", "-nx", "-q", "-batch"] + [part for it in commands for part in ("-ex", it)]
        done = subprocess.run(gdb, capture_output=True, text=True, timeout=60, check=False)
        server.join(10)
        assert not server.is_alive()
    text = done.stdout + done.stderr  # the target's console goes to stderr
    assert "$1 = 0x1122334455667788" in text, text
    assert "$2 = [ B0 BS " in text
    assert "$3 = 0x100402" in text
    assert "you said why" in text
    assert "$4 = 0x100403" in text
    assert "Breakpoint 1, 0x0000000000100480" in text
    assert b"QStartNoAckMode" in seen
    assert any(payload.startswith(b"Z1,100480") for payload in seen)
    assert any(payload.startswith(b"vCont;") for payload in seen)
    assert "rror" not in done.stderr
