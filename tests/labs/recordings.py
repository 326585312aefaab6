"""Golden recordings: `tests/golden/PLATFORM-RELEASE/STORY.rec.xz`, and beside it the text that a replay gives.

A recording is written by a lab. The text follows from it, and is written again when dr6 says things otherwise:

    python -m tests.labs.recordings

The recordings are packed, since most of one is the same register dump again and again; ``xz -dk FILE`` gives what
`dr6 replay` reads.
"""

from __future__ import annotations

import contextlib
import lzma
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import trio

from frontend.cli.parser import parse
from frontend.cli.replay import Again
from frontend.commands import Quit, run_lines
from frontend.commands.stop_text import describe
from gdbstub.debugger.record import StopRecord
from gdbstub.trace.rows import Row, row
from tests.labs.errors import LabError
from transports import ReplayStream, read_transcript

GOLDEN = Path(__file__).parents[1] / "golden"
PACKED = ".rec.xz"
OURS = (Path(__file__).parents[2], Path.home(), Path(tempfile.gettempdir()))
"""Paths of this machine that a recording might hold."""
SYMBOLS = Path(__file__).parents[2] / "frontend" / "data"
"""Where a replay finds the guest's symbols by the name that a recording has for them."""


def recordings() -> list[Path]:
    """All packed recordings, in order."""
    return sorted(GOLDEN.glob(f"*/*{PACKED}"))


def text_file(packed: Path) -> Path:
    return packed.with_name(packed.name.removesuffix(PACKED) + ".txt")


def keep(recording: Path, platform: str, story: str) -> Path:
    """Pack ``recording`` as the golden one of ``story`` and write its text. Raises `LabError` where it has no place
    among the goldens: it names paths of this machine, or a replay departs from it."""
    data = recording.read_bytes()
    command = read_transcript(recording).header.command
    if any(word.startswith("/") for word in command) or any(str(path).encode() in data for path in OURS):
        raise LabError(f"The recording of {story} names a path of this machine; record it with relative ones.")
    packed = GOLDEN / platform / f"{story}{PACKED}"
    packed.parent.mkdir(parents=True, exist_ok=True)
    packed.write_bytes(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
    text_file(packed).write_text(text_of(packed), encoding="utf-8")
    return packed


class Replayed(NamedTuple):
    """``text`` is what was printed: each command and its result, or each stop of a trace. ``rows`` are the stops as
    rows of a trace."""

    text: str
    records: list[StopRecord]

    @property
    def rows(self) -> list[Row]:
        return [row(record) for record in self.records]


def text_of(packed: Path) -> str:
    return replayed(packed).text


def replayed(packed: Path) -> Replayed:
    """The session once more. Raises what diverges."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / packed.name.removesuffix(".xz")
        path.write_bytes(lzma.decompress(packed.read_bytes()))
        return trio.run(replay, path)


async def replay(path: Path) -> Replayed:
    transcript = read_transcript(path)
    recorded = parse(_with_symbols(transcript.header.command))
    again = Again(str(path), transcript, recorded, files=tuple(getattr(recorded, "symbols", ())))
    lines: list[str] = []
    async with again.session() as session:
        stream = session.debugger.stream
        session.out = session.say = lines.append
        with contextlib.suppress(Quit):
            await run_lines(session, _told(transcript.notes("command"), lines), lines.append, strict=False)
        records = list(session.debugger.records)
        if again.traced:
            for record in records:
                lines += [*describe(record, session.symbols), ""]
    assert isinstance(stream, ReplayStream)
    if stream.unsent:
        raise LabError(f"The replay ended, and {stream.unsent} more bytes were recorded as sent.")
    return Replayed("\n".join(lines).rstrip() + "\n", records)


def _told(commands: list[str], lines: list[str]) -> Iterator[str]:
    for command in commands:
        lines.append(f"(dr6) {command}")
        yield command


def _with_symbols(command: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(SYMBOLS / word) if (SYMBOLS / word).is_file() else word for word in command)


def main() -> int:
    for packed in recordings():
        text_file(packed).write_text(text_of(packed), encoding="utf-8")
        print(text_file(packed).relative_to(Path.cwd()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
