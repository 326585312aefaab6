"""Explanations ask what a backend does, never its name, and say nothing of a platform that the guest is not on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest

from gdbstub.backends import ABILITIES, BACKENDS, Backend
from gdbstub.explain.abilities import AMD, UNKNOWN, Abilities, Ability, holds
from gdbstub.explain.evidence import Evidence, Known, Unknown
from gdbstub.explain.evidence_json import evidence_from_json
from gdbstub.explain.explain import explain
from gdbstub.explain.explanation import Explanation
from gdbstub.remote.capabilities import BackendInfo
from tests.bench.random_evidence import evidences
from tests.gdbstub.explain.vectors import CASES

NAMES = (*ABILITIES, "bhyve", None)
FUNCTIONS = {
    "TCG": r"\bTCG\b|check_hw_breakpoints|check_for_breakpoints_slow|breakpoint_handler|translate\.c|WANT_ICEBP",
    "KVM": r"\bKVM\b|\bkvm_\w+|handle_exception_nmi|db_interception|x86_emulate_instruction|\bLKML\b",
    "QEMU": r"\bQEMU\b|gdb_vm_state_change",
    "Xen": r"\bXen\b|\bgdbsx\b|\bxenctx\b|\bdom0\b|domain_pause_for_debugger|VMEXIT_\w+|\b(?:vmx|svm|hvm|pv)_\w+",
}
"""How a text names a platform: by its words, or by a function of its sources."""
OWN = {"qemu-tcg": ("TCG", "QEMU"), "qemu-kvm": ("KVM", "QEMU"), "xen-gdbsx": ("Xen",)}
ON_AN_EMULATED_CPU = re.compile(r"Known quirk emulated-cpu-.*", re.DOTALL)
"""Those rows say of the CPU below KVM that it is none of KVM's own."""


def texts(answer: Explanation) -> Iterator[str]:
    """All that an answer says, but the guest's instructions."""
    yield answer.summary
    for cause in answer.causes:
        yield from cause.because
        yield from cause.sources
    yield from answer.unknowns
    yield from answer.advice
    yield from (ON_AN_EMULATED_CPU.sub("", text) for text in answer.contradictions)


def on(evidence: Evidence, backend: str | None) -> Evidence:
    """The same stop on another backend."""
    name = Unknown("not given") if backend is None else Known(backend, "test")
    abilities = ABILITIES.get(backend or "", UNKNOWN)
    return replace(evidence, platform=replace(evidence.platform, backend=name, abilities=abilities))


def foreign(backend: str | None) -> re.Pattern[str]:
    """What names a platform other than this backend's. Functions of KVM and Xen begin alike (svm_, vmx_)."""
    own = OWN.get(backend or "", ())
    patterns = [pattern for name, pattern in FUNCTIONS.items() if name not in own]
    if "KVM" in own:
        patterns = [pattern.replace(r"|\b(?:vmx|svm|hvm|pv)_\w+", r"|\b(?:hvm|pv)_\w+") for pattern in patterns]
    return re.compile("|".join(patterns))


def said_of_others(evidence: Evidence, backend: str | None) -> list[str]:
    pattern = foreign(backend)
    return [text for text in texts(explain(on(evidence, backend))) if pattern.search(text)]


@pytest.mark.parametrize("backend", NAMES)
def test_no_vector_names_another_platform(backend: str | None) -> None:
    assert {name: found for name, case in CASES.items() if (found := said_of_others(case.evidence, backend))} == {}


@pytest.mark.slow
@pytest.mark.parametrize("backend", NAMES)
def test_no_evidence_names_another_platform(backend: str | None) -> None:
    assert [found for evidence in evidences(800) if (found := said_of_others(evidence, backend))] == []


STOPS_THAT_DID = {
    "general detect at a step": {
        "vendor": "amd", "reply": "T05thread:01;", "action": "step", "mode": 64,
        "before": {"rip": "0x100400", "rflags": "0x2", "dr7": "0x2400", "bytes": "0f23c0"},
        "after": {"rip": "0x100400", "dr7": "0x2400"}, "code": {"address": "0x100400", "bytes": "0f23c0"},
        "breakpoints": [],
    },
    "a step into a gate": {
        "vendor": "amd", "guest": "hvm", "reply": "T05thread:1;", "action": "step", "mode": 64,
        "before": {"rip": "0x1000", "rflags": "0x2", "bytes": "cd80"}, "after": {"rip": "0x2004"}, "breakpoints": [],
    },
    "a TF that a step left": {
        "vendor": "amd", "guest": "hvm", "mode": 64, "vector": 1, "at_handler": True,
        "before": {"dr6": "0xffff0ff0"}, "after": {"rip": "0x2000", "dr6": "0xffff4ff0", "dr7": "0x400"},
        "frame": {"rip": "0x1001", "cs": "0x8", "rflags": "0x102"}, "code": {"address": "0x1000", "bytes": "9090"},
        "stepped": [{"address": "0x900", "bytes": "9c"}],
    },
    "a step that ran nothing": {
        "reply": "T05", "action": "step", "mode": 64, "before": {"rip": "0x1000", "bytes": "90"},
        "after": {"rip": "0x1000"}, "breakpoints": [],
    },
    "a pause": {"reply": "T02", "action": "interrupt", "mode": 64, "breakpoints": []},
    "a step that stays on INT1": {
        "reply": "T05", "action": "step", "mode": 64, "before": {"rip": "0x1000", "bytes": "f190"},
        "after": {"rip": "0x1000"}, "breakpoints": [],
    },
}  # fmt: skip
"""Each said something of a platform that was not the guest's."""


@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize("name", STOPS_THAT_DID)
def test_these_stops_name_no_other_platform(name: str, backend: str | None) -> None:
    evidence = evidence_from_json(STOPS_THAT_DID[name], ABILITIES)
    assert said_of_others(evidence, backend) == []


def test_the_check_finds_a_platform_by_word_and_by_function() -> None:
    row = STOPS_THAT_DID["general detect at a step"]
    told = list(texts(explain(on(evidence_from_json(row), "qemu-kvm"))))
    assert any("KVM gave this #DB to the debugger" in text for text in told)
    assert any(foreign("xen-gdbsx").search(text) for text in told)
    assert foreign(None).search("QEMU kvm_handle_debug")
    assert foreign("qemu-tcg").search("the steps of svm_enable_nmi_window")


def test_a_backend_of_its_own_is_not_said_to_run_whole_machines_nor_to_do_what_others_do() -> None:
    found = BackendInfo("bhyve", None, None, "bhyve")
    platform = Backend(name="bhyve", title="bhyve").platform(found)
    assert platform.backend == Known("bhyve", "the name that the user gave")
    assert platform.abilities == UNKNOWN
    assert isinstance(platform.guest, Unknown)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_platform_has_the_abilities_of_its_backend(backend: str) -> None:
    assert BACKENDS[backend].platform(BackendInfo(backend, None, None, backend)).abilities is ABILITIES[backend]


def test_evidence_of_a_backend_that_is_not_in_the_table_has_no_abilities() -> None:
    assert evidence_from_json({"backend": "qemu-kvm"}).platform.abilities == UNKNOWN
    assert evidence_from_json({"backend": "qemu-kvm"}, ABILITIES).platform.abilities == ABILITIES["qemu-kvm"]
    assert evidence_from_json({"backend": "bhyve"}, ABILITIES).platform.abilities == UNKNOWN
    assert evidence_from_json({}, ABILITIES).platform.abilities == UNKNOWN


def test_an_ability_can_be_that_of_one_vendor() -> None:
    assert holds(Ability(vendors=AMD), "amd")
    assert not holds(Ability(vendors=AMD), None)
    assert not holds(None, "amd")


def test_every_ability_is_asked_and_had_by_somebody() -> None:
    sources = "".join(
        path.read_text(encoding="utf-8")
        for path in (Path(__file__).parents[3] / "gdbstub" / "explain").rglob("*.py")
        if path.name != "abilities.py"
    )
    for field in fields(Abilities):
        assert f".{field.name}" in sources, f"nobody asks {field.name}"
        blank = getattr(UNKNOWN, field.name)
        assert any(getattr(row, field.name) != blank for row in ABILITIES.values()), f"nobody has {field.name}"


def test_no_rule_asks_for_a_name() -> None:
    """The table of quirks and the reference pages are data that names backends."""
    room = Path(__file__).parents[3] / "gdbstub" / "explain"
    named = re.compile("|".join(json.dumps(name) for name in ABILITIES))
    asks = [
        path.name
        for path in room.rglob("*.py")
        if path.parent.name != "reference"
        and path.name not in ("table.py", "evidence.py")
        and named.search(path.read_text())
    ]
    assert asks == []
