"""The fake gdbsx answers as a real one did, byte for byte, to every request of the recorded sessions."""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.gdbsx import Domain, FakeGdbsx, Vcpu, attached, registers
from tests.labs.recordings import GOLDEN
from transports.transcript import Received, Sent, read_transcript

RECORDINGS = sorted(GOLDEN.glob("xen-*/*.rec.xz"))
PAGE = 0x1000


def exchanges(path: Path, folder: Path) -> Iterator[tuple[bytes, bytes]]:
    """What was sent, and all that came before the next was sent."""
    plain = folder / "session.rec"
    plain.write_bytes(lzma.decompress(path.read_bytes()))
    sent = received = b""
    for entry in read_transcript(plain).entries:
        if isinstance(entry, Sent):
            if b"$" in entry.data and sent:
                yield sent, received
                sent = received = b""
            sent += entry.data
        elif isinstance(entry, Received):
            received += entry.data
    yield sent, received


def request_of(sent: bytes) -> bytes:
    return sent[sent.index(b"$") + 1 : sent.index(b"#")]


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.parent.name)
async def test_it_answers_as_the_recorded_one(path: Path, tmp_path: Path) -> None:
    domain = Domain(pv="-pv-" in path.parent.name)
    domain.pages.clear()
    gdbsx = FakeGdbsx(domain)
    compared = 0
    async with attached(gdbsx) as stream:
        for sent, received in exchanges(path, tmp_path):
            request = request_of(sent)
            answer = received.partition(b"$")[2].partition(b"#")[0]
            if request[:1] in b"cs":
                continue  # what the guest does is the guest's affair
            prepare(domain, request, answer)
            await stream.send_all(sent if sent.endswith(b"+") or request == b"D" else sent + b"+")
            got = b""
            while len(got) < len(received):
                got += await stream.receive_some()
            assert got == received, request
            compared += 1
    assert compared > 20


def prepare(domain: Domain, request: bytes, answer: bytes) -> None:
    """Give the fake domain what the real one had: the memory and the registers that were read."""
    if request[:1] == b"g":
        raw = bytes.fromhex(answer.decode())
        values = registers(pv=True)
        wide, narrow = list(values)[:17], list(values)[17:]
        words = [raw[8 * n : 8 * n + 8] for n in range(17)] + [raw[136 + 4 * n : 140 + 4 * n] for n in range(7)]
        numbers = [int.from_bytes(word, "little") for word in words]
        domain.cpus[0] = Vcpu(dict(zip((*wide, *narrow), numbers, strict=True)))
    elif request[:1] in b"mM":
        address = int(request[1:].partition(b",")[0], 16)
        domain.place(address, bytes.fromhex(answer.decode()) if request[:1] == b"m" and answer[:1] != b"E" else b"\0")
