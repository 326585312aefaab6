"""Whole sessions with real hypervisors, played again: dr6 asks the same, byte for byte, and says what is written down.

`make labs LABS=--record` records them; `python -m tests.labs.recordings` writes the texts anew.
"""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest

from frontend.demo_guest import DEMO_EVENTS, MEASURED, expected
from gdbstub.errors import TransportError
from tests.labs.demo_lab import SEEN, seen_on
from tests.labs.errors import LabError
from tests.labs.kvm_oracle import held
from tests.labs.recordings import GOLDEN, OURS, PACKED, keep, recordings, replayed, text_file, text_of
from tests.labs.stories import STORIES

NAMES = [str(path.relative_to(GOLDEN)).removesuffix(PACKED) for path in recordings()]
PLATFORMS = sorted(path.parent.name for path in GOLDEN.glob(f"*/{SEEN}"))


def test_there_are_recordings_of_every_story_on_every_platform() -> None:
    assert {"qemu-tcg-7.2", "qemu-tcg-10.0", "kvm-amd-on-tcg-7.2"} <= set(PLATFORMS)
    assert set(NAMES) >= {f"{platform}/{story.name}" for platform in PLATFORMS for story in STORIES}


@pytest.mark.slow
@pytest.mark.parametrize("packed", recordings(), ids=NAMES)
def test_a_replay_says_what_it_said(packed: Path) -> None:
    assert text_of(packed) == text_file(packed).read_text(encoding="utf-8"), "python -m tests.labs.recordings"


@pytest.mark.slow
@pytest.mark.parametrize("platform", ["kvm-amd-on-tcg-7.2", "kvm-intel-on-bochs-7.2"])
def test_what_kvm_had_at_each_stop_is_what_dr6_says(platform: str) -> None:
    """The oracle of the labs, on what they recorded."""
    verdict = held(replayed(GOLDEN / platform / f"steps{PACKED}").records)
    assert verdict.faults == []
    assert verdict.stops > 30


@pytest.mark.parametrize("packed", recordings(), ids=NAMES)
def test_a_recording_names_no_path_of_the_machine_that_it_was_made_on(packed: Path) -> None:
    data = lzma.decompress(packed.read_bytes())
    assert not any(str(path).encode() in data for path in OURS)


@pytest.mark.slow
def test_a_request_that_is_not_the_recorded_one_is_a_fault(tmp_path: Path) -> None:
    """One byte of what was sent then, changed."""
    data = lzma.decompress((GOLDEN / "qemu-tcg-7.2" / f"shared{PACKED}").read_bytes())
    assert data.count(b"$Z1,100928,1#") == 1
    changed = tmp_path / f"changed{PACKED}"
    changed.write_bytes(lzma.compress(data.replace(b"$Z1,100928,1#", b"$Z1,100929,1#")))
    with pytest.raises(TransportError) as caught:
        text_of(changed)
    assert "Z1,100929" in str(caught.value)


@pytest.mark.parametrize("word", ["/somewhere/gdb.sock", f"{Path.home()}/x"])
def test_a_recording_with_a_path_is_not_kept(word: str, tmp_path: Path) -> None:
    header = {"transcript": 1, "tool": "dr6", "target": "unix:x", "date": "2026", "command": ["attach", word]}
    (tmp_path / "story").write_text(json.dumps(header) + "\n")
    with pytest.raises(LabError, match="path of this machine"):
        keep(tmp_path / "story", "nowhere", "story")
    assert not (GOLDEN / "nowhere").exists()


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_the_guest_saw_is_what_the_list_of_events_and_the_measured_deviations_say(platform: str) -> None:
    name, _, release = platform.rpartition("-")
    assert (name, release) in MEASURED
    seen = seen_on(platform)
    for event in DEMO_EVENTS:
        wanted, optional = expected(event, name, release), event.raised[0].optional
        assert [one._replace(dr6=one.dr6 & ~optional) for one in seen[event.name]] == [
            one._replace(dr6=one.dr6 & ~optional) for one in wanted
        ], event.name
