"""What the VMCB of a Xen domain's vCPU says of a stop that gdbsx answers with signal 2."""

from __future__ import annotations

import pytest

from gdbstub.backends import ABILITIES
from gdbstub.explain.evidence_json import evidence_from_json, evidence_to_json
from gdbstub.explain.explain import explain
from gdbstub.explain.explanation import Explanation

POPF = "9d" + "90" * 8
START, PC = 0x1000, 0x1001
BS = 0xFFFF4FF0


def answer(code: str = POPF, rip: int = PC, rflags: int = 0x2, exit_of: dict[str, str] | None = None) -> Explanation:
    """A PVH domain on AMD whose DR7 enables nothing: xenctx may show an old DR6, of a watch hit here."""
    data = {
        "backend": "xen-gdbsx", "version": "4.17.5", "vendor": "amd", "guest": "hvm", "mode": 64, "cpl": 0,
        "reply": "T02thread:0;", "action": "continue", "at_handler": False,
        "before": {"rip": hex(START), "rflags": "0x2", "dr6": "0xffff0ff2", "dr7": "0x400"},
        "after": {"rip": hex(rip), "rflags": hex(rflags), "dr6": "0xffff0ff2", "dr7": "0x400", "cs": "0x8",
                  **{f"dr{n}": "0x0" for n in range(4)}},
        "code": {"address": hex(START), "bytes": code}, "breakpoints": [],
        **(exit_of or {}),
    }  # fmt: skip
    evidence = evidence_from_json(data, ABILITIES)
    assert explain(evidence_from_json(evidence_to_json(evidence), ABILITIES)) == explain(evidence)
    return explain(evidence)


def rows(explanation: Explanation) -> list[tuple[str, str, str]]:
    return [(cause.cause, cause.owner, cause.confidence) for cause in explanation.causes]


def exit_for(event: str, dr6: int | None = None) -> dict[str, str]:
    return {"exit_event": event, "exit_dr7": "0x400"} | ({} if dr6 is None else {"exit_dr6": hex(dr6)})


def test_a_step_of_the_guests_whose_tf_is_gone_is_certain_by_the_exit() -> None:
    """POPF, or what follows it, has cleared TF: the registers alone tell nothing."""
    assert rows(answer()) == [("unknown", "unknown", "possible")]
    found = answer(exit_of=exit_for("db", BS))
    assert rows(found) == [("single-step", "guest", "certain")]
    assert found.exit_dr6 == (BS, "reported")
    assert "it was clear before" not in found.causes[0].because, "nobody knows"
    assert "the vCPU left the guest for a #DB, whose DR6 this is" in found.causes[0].because
    assert not any("svm_save_dr" in text for text in found.unknowns)


def test_a_step_over_a_branch_may_be_a_step_by_branches() -> None:
    found = answer("eb00" + "90" * 8, START + 2, 0x102, exit_for("db", BS))
    assert [row[:2] for row in rows(found)] == [("single-step", "guest")]


def test_a_pause_is_told_from_a_db() -> None:
    found = answer(exit_of=exit_for("none"))
    assert rows(found) == [("interrupt-request", "unknown", "likely")]
    assert "left the guest for no exception" in found.causes[0].because[0]


@pytest.mark.parametrize(("event", "level"), [("int1", "certain"), (None, "likely")])
def test_int1_is_certain_by_its_exit(event: str | None, level: str) -> None:
    code = "90f1" + "90" * 8
    found = answer(code, exit_of=None if event is None else exit_for(event))
    assert rows(found) == [("icebp", "guest", level)]


def test_int1_that_has_not_run_is_none() -> None:
    assert rows(answer("9df1" + "90" * 8, exit_of=exit_for("db", BS)))[0] == ("single-step", "guest", "certain")
