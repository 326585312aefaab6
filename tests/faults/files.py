"""Files that dr6 reads, with bytes changed: ELF images, recordings, evidence, scripts."""

from __future__ import annotations

import lzma
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.fakes.elf import Entry, write_elf
from tests.labs.recordings import GOLDEN, PACKED

EVIDENCE = Path(__file__).parents[1] / "vectors" / "A01.json"
INTERESTING = (b"\xff", b"\x00", b"\x7f", b"\x1b", b"[", b'"', b"\n", b"9")


def _elf(folder: Path) -> bytes:
    return write_elf(
        folder / "whole.elf", [Entry(b"start", 0x100000, 4, 2), Entry(b"data", 0x100010, 0, 1)]
    ).read_bytes()


def _recording(folder: Path) -> bytes:
    return lzma.decompress((GOLDEN / "qemu-tcg-7.2" / f"steps{PACKED}").read_bytes())


def _evidence(folder: Path) -> bytes:
    return EVIDENCE.read_bytes()


KINDS: dict[str, tuple[Callable[[Path], bytes], Callable[[str], tuple[str, ...]]]] = {
    "elf": (_elf, lambda path: ("replay", path.replace("changed.elf", "whole.rec"), "--batch", "--symbols", path)),
    "recording": (_recording, lambda path: ("replay", path, "--batch")),
    "evidence": (_evidence, lambda path: ("explain", "--evidence", path)),
}


def changed(data: bytes, chosen: random.Random) -> bytes:
    """A few runs of bytes replaced, doubled or cut out, or the end missing."""
    out = bytearray(data)
    for _ in range(chosen.randint(1, 4)):
        if not out:
            break
        at, length = chosen.randrange(len(out)), chosen.choice((1, 1, 2, 4, 8, 64))
        match chosen.randrange(5):
            case 0:
                out[at : at + length] = chosen.choice(INTERESTING) * length
            case 1:
                out[at : at + length] = chosen.randbytes(length)
            case 2:
                out[at:at] = out[at : at + length] * chosen.choice((1, 50))
            case 3:
                del out[at : at + length]
            case _:
                del out[chosen.randrange(len(out) // 2, len(out)) :]
    return bytes(out)


def changed_files(folder: Path, count: int, seed: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    """``count`` times: what it is, and dr6's words for it."""
    chosen = random.Random(seed)
    (folder / "whole.rec").write_bytes(_recording(folder))
    for number in range(count):
        kind = tuple(KINDS)[number % len(KINDS)]
        make, use = KINDS[kind]
        path = folder / f"changed.{kind}"
        path.write_bytes(changed(make(folder), chosen))
        yield f"{kind} {number} of seed {seed}", use(str(path))
