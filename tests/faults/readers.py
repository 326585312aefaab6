"""What reads a stranger's bytes, one function at a time: what it may raise, and how long it may take."""

from __future__ import annotations

import json
import lzma
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from frontend.cli.explain import read_evidence
from frontend.symbols import SymbolError, Symbols, btf, read_kernel
from frontend.symbols.btf import BadBtf, Btf
from frontend.symbols.kallsyms import decode, find_tables
from gdbstub.backends.qemu import monitor
from gdbstub.backends.qemu.exception_log import ExceptionLog
from gdbstub.backends.xen.left_behind import left_behind
from gdbstub.errors import GdbError
from gdbstub.explain import explain
from gdbstub.explain.evidence_json import explanation_to_json
from gdbstub.explain.oops import explain_oops, read_oops
from gdbstub.protocol import messages, parse_stop, server_messages
from gdbstub.protocol.features import CLIENT_FEATURES, parse_supported, settle
from gdbstub.protocol.framing import FrameReader
from gdbstub.protocol.target_xml import annexes_wanted, parse_description
from gdbstub.server import Policy
from tests.fakes import kallsyms, oopses
from tests.fakes.btf import sample
from tests.fakes.elf import Entry, write_elf
from tests.fakes.stub import FakeStub
from tests.faults.files import changed
from tests.faults.hooks import ANSWERS, STOPS
from tests.faults.verdict import Tried
from tests.labs.recordings import GOLDEN, PACKED
from transports.transcript import BadTranscript, read_transcript

MOST_SECONDS = 20.0
"""Of this thread's CPU, for some kilobytes."""
AT_ONCE = 20
TEXTS = Path(__file__).parents[1] / "gdbstub" / "backends" / "qemu" / "golden"
VECTORS = tuple(sorted((Path(__file__).parents[1] / "vectors").glob("*.json")))
JOURNAL = b"\n".join(
    json.dumps(row).encode()
    for row in (
        {"kind": "target", "target": "t", "domain": None, "pid": 7},
        {"kind": "planted", "address": "0x1000", "original": "90", "behind": "9090"},
        {"kind": "kept", "cpu": 0, "own": ["0x0"] * 6, "slots": [[0, "execute", "0x1000", 1]]},
        {"kind": "removed", "address": "0x1000"},
    )
)
COMMANDS = (
    "info registers",
    "xp /4xw 0",
    "x/4i $pc",
    "p $pc",
    "help",
    "quit",
    "screendump /x",
    "migrate exec:x",
    "xp/4xw",
)


class Reader(NamedTuple):
    """``samples`` are changed and given to ``read``; ``mays`` is what that may raise."""

    samples: Callable[[Path], tuple[bytes, ...]]
    read: Callable[[bytes, Path], object]
    mays: tuple[type[Exception], ...]


def _texts(folder: Path) -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in sorted(TEXTS.glob("*.txt")))


def _monitor(data: bytes, folder: Path) -> None:
    text = data.decode("utf-8", "replace")
    for parse in (monitor.parse_version, monitor.parse_kvm, monitor.parse_cpu_path, monitor.parse_vendor):
        parse(text)
    monitor.parse_path(text)
    monitor.parse_roms(text)
    ExceptionLog().feed(data)
    monitor.parse_info_registers(text)


def _frames(data: bytes, folder: Path) -> None:
    reader = FrameReader()
    reader.feed(data)
    while reader.next_frame() is not None:
        pass


def _description(data: bytes, folder: Path) -> None:
    annexes_wanted(data)
    parse_description({"target.xml": data})


def _answers(data: bytes, folder: Path) -> None:
    settle(CLIENT_FEATURES, parse_supported(data))
    for parse in (messages.parse_threads, messages.parse_xfer, messages.parse_actions, messages.parse_current_thread):
        try:
            parse(messages.WHICH_ACTIONS, data)
        except GdbError:
            continue


def _requests(data: bytes, folder: Path) -> None:
    for parse in (server_messages.parse_breakpoint, server_messages.parse_range, server_messages.parse_thread_actions):
        try:
            parse(data)
        except GdbError:
            continue


def _written(name: str, read: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    def through(data: bytes, folder: Path) -> object:
        path = folder / name
        path.write_bytes(data)
        return read(path)

    return through


def _symbols(path: Path) -> None:
    Symbols().add(path)


def _evidence(path: Path) -> str:
    return json.dumps(explanation_to_json(explain(read_evidence(str(path)))))


def _oops(data: bytes, folder: Path) -> str:
    return json.dumps(explanation_to_json(explain_oops(read_oops(data.decode("utf-8", "replace")))))


def _journal(path: Path) -> None:
    os.chmod(path, 0o600)
    os.chmod(path.parent, 0o700)
    for left in left_behind(path.parent, "t", None):
        assert left.pid < 1 << 23
        assert all(0 <= int3.address < 1 << 64 and 0 <= int3.shadow < 256 for int3 in left.int3s)


def _policy(data: bytes, folder: Path) -> None:
    """What passes is one printable line, whose first word, as QEMU ends it, is one that looks."""
    command = data.decode("utf-8", "replace")
    Policy(monitor="info").check_monitor(command)
    word = command.lstrip(" ").replace("/", " ").split(" ")[0]
    assert command.isprintable()
    assert word in ("info", "help", "?", "x", "xp", "p", "print", "gva2gpa", "gpa2hpa"), f"{command!r} passes"


def _kallsyms(data: bytes, folder: Path) -> None:
    """The guest's memory from its text on."""

    def read(address: int, length: int) -> bytes | None:
        at = address - kallsyms.TEXT
        return data[at : at + length] if at >= 0 and at + length <= len(data) else None

    rows = decode(read, find_tables(read, kallsyms.TEXT, kallsyms.TEXT + (1 << 24)))
    assert all(0 <= address < 1 << 64 and name.isprintable() for address, _, name in rows)


def _btf(data: bytes, folder: Path) -> None:
    types = Btf(data)
    types.enumerator("SLEEPING")
    for number in range(1, len(types)):
        entry = types.entry(number)
        if entry.kind in (btf.STRUCT, btf.UNION):
            types.members(entry)
        if entry.kind == btf.FUNC_PROTO:
            types.parameters(entry)


def _elf(folder: Path) -> tuple[bytes, ...]:
    entries = [Entry(b"start", 0x100000, 4, 2), Entry(b"data", 0x100010, 0, 1)]
    return (write_elf(folder / "whole", entries).read_bytes(),)


READERS: dict[str, Reader] = {
    "stop replies": Reader(lambda folder: STOPS, lambda data, folder: parse_stop(data), (GdbError,)),
    "answers": Reader(lambda folder: ANSWERS + STOPS, _answers, (GdbError,)),
    "requests": Reader(
        lambda folder: (*ANSWERS, b"0,1000,1;X3,220127", b"c:p1.1;s:2", b"1000,40"), _requests, (GdbError,)
    ),
    "frames": Reader(lambda folder: (b"$g#67+$m1,2#00%Stop:T05#aa\x03",), _frames, ()),
    "descriptions": Reader(lambda folder: (FakeStub().description,), _description, (GdbError,)),
    "monitor texts": Reader(_texts, _monitor, (GdbError,)),
    "elf files": Reader(_elf, _written("e.elf", _symbols), (SymbolError,)),
    "guests' symbols": Reader(
        lambda folder: tuple(
            kallsyms.image(form, kallsyms.symbols(per_cpu="per-cpu" in form)) for form in kallsyms.FORMS
        ),
        _kallsyms,
        (SymbolError,),
    ),
    "guests' types": Reader(lambda folder: (sample(),), _btf, (BadBtf,)),
    "kernels": Reader(_elf, _written("k.elf", lambda path: read_kernel(str(path))), (SymbolError, OSError)),
    "evidence": Reader(
        lambda folder: tuple(p.read_bytes() for p in VECTORS), _written("e.json", _evidence), (GdbError,)
    ),
    "oops texts": Reader(
        lambda folder: tuple(
            text.encode() for text in (oopses.GENERAL_PROTECTION, oopses.DEBUG_WARNING, oopses.OLD_32)
        ),
        _oops,
        (GdbError,),
    ),
    "recordings": Reader(
        lambda folder: (lzma.decompress((GOLDEN / "qemu-tcg-7.2" / f"steps{PACKED}").read_bytes())[:20_000],),
        _written("r.rec", read_transcript),
        (BadTranscript,),
    ),
    "journals": Reader(lambda folder: (JOURNAL,), _written("t.7.jsonl", _journal), ()),
    "monitor policy": Reader(lambda folder: tuple(c.encode() for c in COMMANDS), _policy, (GdbError,)),
}
_samples: dict[str, tuple[bytes, ...]] = {}


def one(dice: random.Random, folder: Path) -> Tried:
    """Some bytes for one of them."""
    name = dice.choice(tuple(READERS))
    reader = READERS[name]
    if name not in _samples:
        _samples[name] = reader.samples(folder)
    found = []
    for _ in range(AT_ONCE):
        data = changed(dice.choice(_samples[name]), dice)
        began = time.thread_time()
        try:
            reader.read(data, folder)
        except reader.mays:
            pass
        except Exception as error:
            found.append(f"{name}: {type(error).__name__}: {error} by {data[:200]!r}")
        if time.thread_time() - began > MOST_SECONDS:
            found.append(f"{name}: {time.thread_time() - began:.0f} s by {len(data)} bytes: {data[:200]!r}")
    return Tried(AT_ONCE, tuple(found))
