"""What each lab shows: the demo guest alone and debugged, compared with what is known; and the recordings of it."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import trio

from frontend.demo_guest import DEMO_EVENTS, GuestLogEntry
from tests.labs.check import RF, Delivered, on_console, symbols, wrong_alone, wrong_debugged
from tests.labs.errors import LabError
from tests.labs.kvm_oracle import held
from tests.labs.platforms import Platform
from tests.labs.progress import Progress
from tests.labs.recordings import GOLDEN, keep, replay
from tests.labs.run_dr6 import prepare, read_trace, run
from tests.labs.stories import DEMO, STORIES, Story

SHOWN = 5
SEEN = "demo.json"
"""Beside the recordings: what the guest saw without a debugger. docs/backends.md is made from it."""


async def show(platform: Platform, progress: Progress, record: bool, stories: Sequence[Story] = STORIES) -> None:
    """Run the demo guest on ``platform``, alone and with each story, `DEMO` among them. Raises `LabError` where one is
    not as known."""
    with tempfile.TemporaryDirectory(prefix="dr6-lab-") as name:
        folder = Path(name)
        prepare(folder)
        progress.step("the demo guest runs alone")
        console = await platform.alone()
        faults = list(wrong_alone(console, platform.key))
        for story in stories:
            progress.step(f"dr6 and the demo guest: {story.title}")
            faults += unexplained(story, await tell(platform, story, folder))
            if platform.words:
                verdict = held((await replay(folder / f"{story.name}.rec")).records)
                progress.say(f"{story.name}: {verdict}")
                faults += [f"{story.name}: {fault}" for fault in verdict.faults]
        rows = read_trace(folder / f"{DEMO.name}.jsonl")
        faults += wrong_debugged(rows, platform.key)
        if record:
            progress.step("the recordings are kept")
            await trio.to_thread.run_sync(_keep, platform, stories, folder, console)
    if faults:
        for fault in faults:
            progress.say(fault)
        raise LabError(
            f"{len(faults)} things are not what is known of {' '.join(platform.key)}; they are listed above."
        )
    events = sum(row["kind"] == "event" for row in rows)
    progress.say(f"{events} events of the guest, each explained; {rows[-1]['seconds']:.1f} s to trace them")


async def tell(platform: Platform, story: Story, folder: Path) -> str:
    """One story, from the guest at reset: what dr6 prints. ``folder`` then has its recording, and of a trace its
    rows."""
    async with platform.debugged(folder) as target:
        output = ("--output", f"{story.name}.jsonl") if story.command == "trace" else ()
        return await run(
            folder, story.command, target, *platform.words, *story.words, "--record", f"{story.name}.rec", *output
        )


def unexplained(story: Story, printed: str) -> list[str]:
    """The stops of a story for which dr6 has no cause, each as its headline. ``spurious`` is one: TCG reports the
    handler of a data breakpoint twice to a step."""
    stops = re.split(r"^(?=#\d+ )", printed, flags=re.MULTILINE)
    bare = (stop for stop in stops if re.search(r"^  unknown · ", stop, re.MULTILINE))
    return [f"{story.name}: unexplained: {stop.splitlines()[0]}" for stop in bare]


def _keep(platform: Platform, stories: Sequence[Story], folder: Path, console: str) -> None:
    """The recordings, and `SEEN`: RF and the error code are not on the guest's console, and are those of the trace."""
    name = "-".join(platform.key)
    for story in stories:
        keep(folder / f"{story.name}.rec", name, story.name)
    frames = [row["frame"] or {} for row in read_trace(folder / f"{DEMO.name}.jsonl") if row["kind"] == "event"]
    seen = on_console(console)
    by_event: dict[str, list[dict[str, object]]] = {event.name: [] for event in DEMO_EVENTS}
    delivered = [(event, one) for event in DEMO_EVENTS for one in seen[event.id]]
    for (event, one), frame in zip(delivered, frames, strict=False):
        by_event[event.name].append(_named(one, frame))
    (GOLDEN / name / SEEN).write_text(json.dumps(by_event, indent=1) + "\n", encoding="utf-8")


def _named(one: Delivered, frame: dict[str, str]) -> dict[str, object]:
    """As `GuestLogEntry` has it."""
    names = {address: name for name, address in sorted(symbols().items(), key=lambda item: item[0].startswith("ev_"))}
    return {
        "vector": one.vector,
        "rip": names.get(one.rip, hex(one.rip)),
        "dr6": one.dr6,
        "rf": bool(int(frame.get("rflags", "0"), 16) & RF),
        "error_code": int(frame.get("error_code") or "0", 16),
    }


def seen_on(platform: str) -> dict[str, tuple[GuestLogEntry, ...]]:
    """What the guest saw when ``platform`` (NAME-RELEASE) was recorded: name of the event → its exceptions."""
    read = json.loads((GOLDEN / platform / SEEN).read_text(encoding="utf-8"))
    return {name: tuple(GuestLogEntry(**one) for one in exceptions) for name, exceptions in read.items()}
