"""The rows of the doctor: code is what its assembly says, names are unique, what is known is known of a probe."""

from __future__ import annotations

import re

import pytest

from frontend.cli.doctor_text import TITLE
from gdbstub.backends import BACKENDS
from gdbstub.doctor import PROBES, judges
from gdbstub.doctor.ground import CODE_SPAN, DATA_SPAN, DATA_START, SCRATCH
from gdbstub.doctor.guest_probes import ELSEWHERE
from gdbstub.doctor.known import KNOWN
from gdbstub.doctor.probe import SPIN, Probe, ProbeAddress
from gdbstub.x86.decode import shape

NAMES = [probe.name for probe in PROBES]


@pytest.mark.parametrize("probe", PROBES, ids=NAMES)
def test_the_code_of_a_probe_is_its_assembly(probe: Probe) -> None:
    said = [re.sub(r"^1: ", "", part) for part in probe.assembly.split("; ")]
    words = probe.code.split() or [SPIN]
    assert [_text(word) for word in words] == [_written(text) for text in said]


def _written(text: str) -> str:
    """As the disassembler writes it; targets of jumps are compared by where the probe arrives."""
    text = re.sub(r"^jmp .*", "jmp", text)
    return re.sub(r"\b0x0\b", "0", text)


def _text(word: str) -> str:
    code = bytes.fromhex(word)
    found = shape(code, 64)
    assert found is not None
    assert found.bytes == code, f"{word} is {found.text}, and more"
    text = found.text.replace("byte ptr ", "").replace("popfq", "popf").replace("pushfq", "pushf")
    return re.sub(r"^rep stosb .*", "rep stosb", text)


@pytest.mark.parametrize("probe", [probe for probe in PROBES if "handlers" not in probe.needs])
def test_what_runs_on_a_guest_of_the_user_s_means_the_same_in_32_bit_code(probe: Probe) -> None:
    for word in probe.code.split():
        found = shape(bytes.fromhex(word), 32)
        assert found is not None
        assert len(found.bytes) == len(word) // 2


def test_names_and_lines_of_probes_tell_them_apart() -> None:
    assert len(set(NAMES)) == len(NAMES)
    shown = [(probe.group, probe.line, probe.variant) for probe in PROBES]
    assert len(set(shown)) == len(shown)


@pytest.mark.parametrize("probe", PROBES, ids=NAMES)
def test_a_probe_keeps_to_what_is_borrowed(probe: Probe) -> None:
    assert len(probe.placed) + len(bytes.fromhex(SPIN)) <= min(CODE_SPAN, ELSEWHERE)
    places = [(point.at, point.length) for point in probe.points]
    places += [(value, 1) for name, value in probe.registers if isinstance(value, ProbeAddress)]
    for place, length in places:
        if place.base == "code":
            assert 0 <= place.offset < CODE_SPAN
        elif place.base == "data":
            assert -DATA_START <= place.offset <= place.offset + length <= DATA_SPAN - DATA_START
            assert "stack" in probe.needs or "handlers" in probe.needs
        else:
            assert "handlers" in probe.needs
    assert {name for name, _ in probe.registers} <= {*SCRATCH, "rip"}
    assert len(probe.line) <= TITLE


@pytest.mark.parametrize("probe", PROBES, ids=NAMES)
def test_an_outcome_is_expected_of_every_profile(probe: Probe) -> None:
    assert all(probe.expected(profile) for profile in BACKENDS.values())
    assert set(probe.moves) <= set("scx")


@pytest.mark.parametrize("row", KNOWN, ids=lambda row: row.probes[0])
def test_what_is_known_is_known_of_probes_and_is_not_what_is_expected_there(row: object) -> None:
    assert isinstance(row, type(KNOWN[0]))
    named = [p for p in PROBES for name in row.probes if p.name == name or name == f"{p.name[: len(name) - 1]}*"]
    assert named
    for name in row.probes:
        assert any(p.name == name or (name.endswith("*") and p.name.startswith(name[:-1])) for p in PROBES), name
    assert all(isinstance(probe.expects, str) is False or probe.expects not in row.outcomes for probe in named)


def test_the_log_of_the_guest_is_as_large_as_its_source_says() -> None:
    from tests.guests.test_probe_guest import SOURCE

    text = (SOURCE / "probe.s").read_text()
    assert f".set LOG_CAPACITY,  {judges.LOG_CAPACITY} " in text
