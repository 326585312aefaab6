"""Bytecode that stock gdb compiled, held against what the same gdb makes of the same expression itself."""

from __future__ import annotations

import contextlib
import random
import socket
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from gdbstub.protocol import server_messages
from gdbstub.protocol.agent import commands, conditions, evaluate, execute
from gdbstub.protocol.events import Lost, Request
from gdbstub.protocol.features import format_supported
from gdbstub.protocol.fields import ThreadId, encode_hex
from gdbstub.protocol.link import Link
from gdbstub.protocol.server_messages import BreakpointRequest
from gdbstub.protocol.states import Role
from gdbstub.protocol.stops import Stopped, format_stop
from gdbstub.protocol.target_xml_writer import format_description
from tests.gdbstub.protocol.agent import run
from tests.gdbstub.protocol.test_live_gdb import LAYOUT
from tests.guests.build import build

pytestmark = [pytest.mark.live, pytest.mark.slow]

NAMES = {register.number: register.name for register in LAYOUT.registers}
BASE = 0x100000
MEMORY = bytearray(random.Random(6).randbytes(0x8000))
TEXT = 0x103000
MEMORY[TEXT - BASE : TEXT - BASE + 6] = b"hello\0"
VALUES: dict[str, int | bytes] = {
    "rax": 5,
    "rbx": 0xFEDCBA9876543210,
    "rcx": 3,
    "rdx": 0xFFFFFFFFFFFFFFFD,
    "rsi": TEXT,
    "rdi": 0x102000,
    "rsp": 0x101003,
    "r10": 0x8000000000000000,
    "rip": 0x100402,
    "r8": 70,
    "r9": 0,
    "r12": 0xFFFFFFFF,
    "eflags": 0x246,
    "cs": 8,
}
EXPRESSIONS = [  # not $pc, $eax, $eflags, 'c', &symbol: gdb 13 does not compile those, and evaluates them itself
    "$rax == 5",
    "$rax != 5",
    "$rip == 0x100402",
    "$cs & 3",
    "*(int*)$rsp > 3 && $rax & 4",
    "*(int*)$rsp <= 3 || $rcx >= 4",
    "$rax > 1 && $rcx < 0 || $rdx < 0",
    "$rdx < $rax",
    "(unsigned long)$rdx < (unsigned long)$rax",
    "(unsigned int)$rbx > (unsigned int)$rax",
    "(int)$rbx < (int)$rcx",
    "(char)$rdx",
    "(unsigned char)$rdx",
    "(short)$rbx + (unsigned short)$rbx",
    "(char)$r12 == -1",
    "(int)$r12",
    "(unsigned int)$r12 + 1",
    "$rax + $rbx * $rcx - $rdx",
    "$rbx / $rcx",
    "$r10 / 3",
    "$rdx / 2",
    "$rdx % 2",
    "(unsigned long)$rbx / 10",
    "(unsigned long)$rbx % 1000",
    "(int)$rbx / -7",
    "(int)$rbx % -7",
    "$rbx << 4",
    "$rbx >> 4",
    "(unsigned long)$rbx >> 60",
    "(int)$rbx >> 3",
    "(unsigned int)$rbx << 3",
    "~$rax",
    "!$rax",
    "!$r9",
    "-$rax",
    "$rax ^ 0xff",
    "$rax | 0x100000000",
    "$rax ? $rbx : $rcx",
    "$r9 ? $rbx : $r9 ? 1 : $rcx + 1",
    "*(char*)($rsp + 1)",
    "*(unsigned char*)($rsp + 1)",
    "*(short*)$rsp",
    "*(unsigned short*)$rsp",
    "*(int*)($rsp - 3)",
    "*(unsigned int*)$rsp",
    "*(long*)$rsp",
    "((int*)$rdi)[3]",
    "((char*)$rsi)[4] == 0x6f",
    "*(long*)($rdi + $rax * 8) & 0xffff",
    "(long)&((int*)$rdi)[$rax]",
    "(char*)$rsi - (char*)$rdi",
    "(long)((int*)$rdi + 2)",
    "(int)rounds",
    "(unsigned char)rounds != 0",
    "(long)rounds + (int)target",
    "sizeof(int) == 4",
    "(unsigned char)($rax + 254)",
    "0x123456789abcdef0 == $rbx",
    "70000 + $rax",
    "(1, $rcx)",
]
PRINTS = [  # format, arguments
    ("plain\\n", ""),
    ("rax %d rcx %ld\\n", "$rax, $rcx"),
    ("%d %u %x %X %o\\n", "$rdx, $rdx, $rbx, $rbx, $rcx"),
    ("%ld %lu %lx\\n", "$rdx, $rdx, $rbx"),
    ("[%5d] [%-5d] [%05d] [%+d] [%.3d] [%#x]\\n", "$rax, $rax, $rax, $rax, $rax, $rax"),
    ("%c%c\\t%%\\n", "104, 105"),
    ("%s and [%8s]\\n", "(char*)$rsi, (char*)$rsi"),
    ('quote \\" backslash \\\\ bell \\a\\n', ""),
    ("at %p\\n", "$rsi"),
    ("sum %d\\n", "*(int*)$rsp + $rax"),
]

FEATURES = format_supported(
    {
        "PacketSize": "1000",
        "qXfer:features:read": True,
        "multiprocess": True,
        "ConditionalBreakpoints": True,
        "BreakpointCommands": True,
    }
)
ANSWERS: dict[bytes, bytes] = {
    b"?": format_stop(Stopped(5, ThreadId(1, 1))),
    b"qfThreadInfo": server_messages.format_threads([ThreadId(1, 1)]),
    b"qsThreadInfo": b"l",
    b"qAttached:1": b"1",
    b"D;1": b"OK",
    b"g": LAYOUT.encode_g(VALUES),
    b"vCont?": b"vCont;c;C;s;S",
}


def read(address: int, size: int) -> bytes:
    return bytes(MEMORY[address - BASE : address - BASE + size])


def answer(payload: bytes) -> bytes:
    if payload.startswith(b"qSupported"):
        return FEATURES
    if payload.startswith(b"qXfer:features:read:target.xml:"):
        offset, length = (int(part, 16) for part in payload.rpartition(b":")[2].split(b","))
        return server_messages.format_xfer(format_description(LAYOUT), offset, length)
    if payload.startswith(b"m"):
        return encode_hex(read(*server_messages.parse_range(payload))) or b"E14"
    if payload.startswith((b"H", b"Z", b"z")):
        return b"OK"
    return ANSWERS.get(payload, b"")


def serve(listener: socket.socket, points: list[BreakpointRequest]) -> None:
    """One client, until it leaves; its breakpoints are kept."""
    stream, _ = listener.accept()
    link = Link(Role.SERVER)
    with stream, contextlib.suppress(ConnectionError):  # a gdb that found an error leaves without a word
        while True:
            for event in link.receive(stream.recv(65536)):
                if isinstance(event, Lost):
                    return
                assert isinstance(event, Request)
                if event.payload.startswith(b"Z"):
                    points.append(server_messages.parse_breakpoint(event.payload))
                link.reply(answer(event.payload))
            stream.sendall(link.data_to_send())


def run_gdb(directory: Path, lines: Sequence[str]) -> tuple[str, list[BreakpointRequest]]:
    """What stock gdb printed for ``lines``, and the breakpoints that it wanted."""
    path, points = str(directory / "gdb.sock"), list[BreakpointRequest]()
    script = directory / "script"
    start = ["set pagination off", "set breakpoint always-inserted on", f"target remote {path}"]
    start += ["set breakpoint condition-evaluation target"]
    script.write_text("\n".join([*start, *lines, "detach"]), encoding="ascii")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        server = threading.Thread(target=serve, args=(listener, points), daemon=True)
        server.start()
        command = ["gdb", "-nx", "-q", "-batch", "-x", str(script), str(build("loop"))]
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
        server.join(10)
        assert not server.is_alive()
    assert not done.stderr, done.stderr.decode()
    return done.stdout.decode("latin-1"), points


def register(number: int) -> int:
    value = VALUES.get(NAMES[number], 0)
    assert isinstance(value, int)
    return value


def memory(address: int, size: int) -> int:
    return int.from_bytes(read(address, size), "little")


def value_of(code: bytes) -> int:
    return run(evaluate(code), register, memory)


IN_C = {
    "(int)$rbx < (int)$rcx": "0",
    "(short)$rbx + (unsigned short)$rbx": "6420",
    "(int)$rbx / -7": "ffffffffef188b23",
    "(int)$rbx % -7": "5",
    "(int)$rbx >> 3": "eca8642",
    "(unsigned int)$rbx << 3": "b2a19080",
}
"""Where gdb compiles what C says, and some release evaluates something else itself: 16.3 narrows the magnitude of a
negative number and not its two's complement, 13.1 does as C (both measured)."""


def test_what_gdb_compiled_has_the_value_that_gdb_says(tmp_path: Path) -> None:
    asked = [f"hbreak *{BASE + number} if {text}" for number, text in enumerate(EXPRESSIONS)]
    asked += [f'printf "= %lx\\n", (unsigned long)({text})' for text in EXPRESSIONS]
    output, points = run_gdb(tmp_path, asked)
    printed = [line[2:] for line in output.splitlines() if line.startswith("= ")]
    assert len(printed) == len(EXPRESSIONS)
    due = [IN_C.get(text, value) for text, value in zip(EXPRESSIONS, printed, strict=True)]
    codes = {point.address - BASE: conditions(point.options) for point in points}
    assert [text for number, text in enumerate(EXPRESSIONS) if len(codes[number]) != 1] == []
    ours = [f"{value_of(codes[number][0]):x}" for number in range(len(EXPRESSIONS))]
    assert list(zip(EXPRESSIONS, ours, strict=True)) == list(zip(EXPRESSIONS, due, strict=True))


def test_two_breakpoints_at_one_place_are_one_packet_with_both_conditions(tmp_path: Path) -> None:
    _, points = run_gdb(tmp_path, ["hbreak *0x100400 if $rax == 4", "hbreak *0x100400 if $rax == 5"])
    codes = conditions(points[-1].options)
    assert sorted(value_of(code) for code in codes) == [0, 1]


def test_what_gdb_has_the_agent_print_is_what_gdb_prints(tmp_path: Path) -> None:
    words = [f'"{text}"' + (f", {arguments}" if arguments else "") for text, arguments in PRINTS]
    asked = ["set dprintf-style agent", *(f"dprintf *{BASE + number},{text}" for number, text in enumerate(words))]
    printed = [part for text in words for part in ("echo =\\n", f"printf {text}")]
    output, points = run_gdb(tmp_path, [*asked, *printed])
    due = output.partition("=\n")[2].removesuffix("[Inferior 1 (process 1) detached]\n").split("=\n")
    lists = {point.address - BASE: commands(point.options) for point in points}
    ours = []
    for number in range(len(PRINTS)):
        texts: list[bytes] = []
        for code in lists[number].expressions:
            assert run(execute(code), register, memory, texts) == []
        ours.append(b"".join(texts).decode("latin-1"))
    assert ours == due
    assert all(found.persist for found in lists.values()), "the default of disconnected-dprintf"
