"""`dr6 doctor` without a stub: its options, its text and its JSON, and what it finds installed."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from frontend.cli import doctor, installed, parser
from frontend.cli.doctor_text import WIDTH, as_json, identity_text, installed_text, results_text, verdict_text
from frontend.cli.installed import Installed, InstalledProgram, Kvm
from gdbstub.backends import BACKENDS
from gdbstub.backends.qemu.monitor import parse_info_registers
from gdbstub.doctor import PROBES, PVM, Identity
from gdbstub.doctor.judges import HUNG
from gdbstub.doctor.results import Result, untested
from gdbstub.remote.capabilities import BackendInfo
from gdbstub.x86.cpu_state import CpuState, DebugState
from tests.gdbstub.backends.qemu.test_monitor import golden
from tests.gdbstub.doctor.test_results import judged, kvm, tcg

PACKAGES = (("trio", "0.35.0"), ("capstone", None))
FOUND = Installed(
    "0.1.0",
    "3.11.7",
    PACKAGES,
    (
        InstalledProgram("qemu-system-x86_64", "/usr/bin/qemu-system-x86_64", "7.2.22"),
        InstalledProgram("gdb", None, None),
    ),
    Kvm(True, False, (PVM,)),
)


def identity(**more: object) -> Identity:
    shown = parse_info_registers(golden("registers-64"))
    state = CpuState(0, {"rip": shown.rip}, shown.debug, 64, 0, shown.segments, shown.tables, shown.halted)
    values: dict[str, object] = {
        "target": "unix:stub",
        "backend": BackendInfo("qemu-tcg", "7.2.22", "amd", "qemu-tcg"),
        "title": BACKENDS["qemu-tcg"].title,
        "offers": "PacketSize=1000",
        "packet_size": 4095,
        "actions": ("c", "s"),
        "registers": (("core", 66),),
        "monitor": True,
        "debug_registers": True,
        "step_bits": "ENABLE=1,NOIRQ=2",
        "step_mask": 3,
        "cpus": 2,
        "reply": "T05thread:p01.01;",
        "waits": False,
        "state": state,
    }
    return Identity(**(values | more))  # type: ignore[arg-type]  # names are the fields'


def everything() -> list[Result]:
    """One result of each sort, and a line of which the variants differ."""
    by_name = {probe.name: probe for probe in PROBES}
    return [
        judged("step", "1 instruction each", tcg("7.2.22")),
        judged("step-sti", "2 instructions", tcg("7.2.22")),
        judged("own-icebp", "delivered", kvm(PVM)),
        judged("own-icebp-z1", HUNG, kvm(PVM)),
        untested(by_name["own-icebp-z0"], "it ended the guest"),
        judged("watch-1-at-0", "exact", tcg("7.2.22")),
        judged("watch-2-at-0", "exact", tcg("7.2.22")),
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((":1", "--smp", "2"), "--smp goes without TARGET"),
        ((":1", "--accel", "kvm"), "--accel goes without TARGET"),
        ((":1", "--", "-m", "1G"), "QEMU ARGS goes without TARGET"),
        (("--leave", "running"), "--leave goes with TARGET"),
        (("--record", "file"), "--record goes with TARGET"),
    ],
)
def test_options_of_one_way_are_usage_errors_of_the_other(
    words: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        parser.main(("doctor", *words))
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


def test_the_help_of_the_command_loads_nothing_heavy(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parser.main(("doctor", "--help"))
    assert end.value.code == 0
    assert "--probe" in capsys.readouterr().out


def test_no_line_of_text_is_wider_than_a_terminal() -> None:
    target = identity(target="unix:/" + "directory/" * 20 + "stub", offers="a" * 30 + ";" + "b" * 200)
    text = [*installed_text(FOUND), *identity_text(target), *results_text(everything()), *verdict_text(everything())]
    assert max(map(len, text)) <= WIDTH


def test_what_a_stub_says_reaches_a_terminal_clean() -> None:
    target = identity(offers="\x1b]0;title\x07", reply="T05\x1b[2J", registers=(("\x1b[m", 1),), step_bits="\x1b")
    assert all(line.isprintable() for line in identity_text(target))


def test_a_new_outcome_is_marked_and_said_to_be_unknown() -> None:
    text = " ".join(" ".join(results_text(everything())).split())
    assert "NEW step over STI 2 instructions, should be: 1 instruction." in text
    assert "A step can hide the instruction behind it. Not known of this platform." in text
    assert "ok step over NOP 1 instruction each" in text


def test_variants_that_differ_are_told_apart_and_a_known_one_has_its_source() -> None:
    text = " ".join(" ".join(results_text(everything())).split())
    assert "known INT1 delivered (nothing armed); the hypervisor gives up, should be: delivered (Z1 armed)" in text
    assert "Known: kvm_pvm can't run INT3, INT n and INT1 in the guest's kernel" in text
    assert "ok watch, aligned exact (1, 2)" in text


def test_the_verdict_names_what_to_trust_what_not_and_what_was_not_tested() -> None:
    text = verdict_text(everything())
    assert text[0].split(maxsplit=1) == ["Trust:", "steps (1 of 2); watchpoints"]
    assert text[1].split(maxsplit=2)[2] == "step over STI; the guest's own #DB"
    assert text[2].split(maxsplit=2)[2] == "INT1 (Z0 armed) (it ended the guest)"


def test_json_has_every_test_with_its_code_its_source_and_what_is_known() -> None:
    said = json.loads(json.dumps(as_json("dr6 0.1.0", FOUND, identity(), everything(), ["CR2 is 0x1."])))
    assert said["schema"] == 1
    assert said["installed"]["packages"] == {"trio": "0.35.0", "capstone": None}
    assert said["installed"]["programs"]["gdb"] is None
    assert said["installed"]["kvm"] == {"present": True, "usable": False, "modules": [PVM]}
    assert said["target"]["backend"]["version"] == "7.2.22"
    assert said["restored"] == {"complete": False, "problems": ["CR2 is 0x1."]}
    tests = {test["name"]: test for test in said["tests"]}
    assert tests["step-sti"] | {"source": ""} == {
        "name": "step-sti",
        "group": "steps",
        "title": "step over STI",
        "variant": None,
        "assembly": "sti; cli; nop",
        "code": "fbfa90",
        "status": "new",
        "outcome": "2 instructions",
        "expected": "1 instruction",
        "source": "",
        "known": None,
        "follows": "A step can hide the instruction behind it.",
        "measure": None,
        "why": None,
    }
    assert tests["own-icebp-z1"]["known"]["quirk"] is None
    assert tests["own-icebp-z0"]["outcome"] is None
    assert said["verdict"]["untested"] == [{"why": "it ended the guest", "tests": ["INT1 (Z0 armed)"]}]


def test_a_contradiction_and_what_was_not_put_back_are_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    def code(results: list[Result], problems: list[str] | None, *, interrupted: bool = False) -> int:
        report = doctor.Report(False, FOUND)
        report.results, report.problems = results, problems
        return report.end(interrupted=interrupted)

    good = [judged("step", "1 instruction each", tcg("7.2.22"))]
    assert code(good, None) == code(good, []) == code([], None) == 0
    assert code(everything(), None) == 1
    assert code(good, ["CR2 is 0x1."]) == 1
    assert code(good, None, interrupted=True) == 130
    assert "dr6: CR2 is 0x1.\n" in capsys.readouterr().err


async def test_what_is_installed_is_found_with_its_version(tmp_path: Path) -> None:
    odd = tmp_path / "odd"
    odd.write_text("#!/bin/sh\necho no number at all\n")
    odd.chmod(0o755)
    found = await installed.look_around(str(odd))
    assert found.python == ".".join(map(str, sys.version_info[:3]))
    assert all(version for _, version in found.packages)
    assert found.programs[0] == InstalledProgram(str(odd), str(odd), None)
    missing = await installed.look_around(str(tmp_path / "none"))
    assert missing.programs[0].path is None
    assert re.search(r"^found\s+no\s+/", "\n".join(installed_text(missing)), re.MULTILINE)


@pytest.mark.parametrize(
    ("tty", "term", "shown"), [(True, "xterm", True), (True, "dumb", False), (False, "xterm", False)]
)
def test_how_far_it_is_is_shown_on_a_terminal_only(
    tty: bool, term: str, shown: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: tty)
    monkeypatch.setenv("TERM", term)
    report = doctor.Report(True, FOUND)
    report.progress(everything()[0])
    assert capsys.readouterr().err == (f"\r1/{len(PROBES)} step over NOP\x1b[K" if shown else "")


def test_a_mode_that_the_stub_does_not_show_is_not_known() -> None:
    found = identity(state=CpuState(0, {"rip": 0xFFF0, "cs": 0xF000, "r8": 0}, DebugState(), 64, 0))
    assert "the CPU mode is not shown, CPL 0, RIP 0xfff0" in "\n".join(identity_text(found))
    said = json.loads(json.dumps(as_json("dr6 0.1.0", FOUND, found, [], ["CR2 is 0x1."])))
    assert said["target"]["mode"] is None
