"""Results against the profile and what is known, lines of the report, and the verdict."""

from __future__ import annotations

import pytest

from gdbstub.doctor import PROBES, PVM
from gdbstub.doctor.judges import HUNG
from gdbstub.doctor.probe import Probe, ProbeLog, VcpuMoment
from gdbstub.doctor.results import Line, ProbedPlatform, Result, Status, judge, lines, untested, verdict
from gdbstub.remote.capabilities import BackendInfo

BY_NAME = {probe.name: probe for probe in PROBES}
START = VcpuMoment("start", None, None, 0, {})


def tcg(version: str | None) -> ProbedPlatform:
    return ProbedPlatform(BackendInfo("qemu-tcg", version, "amd", "qemu-tcg"))


def kvm(host: str | None = None) -> ProbedPlatform:
    return ProbedPlatform(BackendInfo("qemu-kvm", "7.2.22", "intel", "qemu-kvm"), host)


def judged(name: str, outcome: str, platform: ProbedPlatform) -> Result:
    """The result of the probe ``name`` if it came to ``outcome``."""
    seen = ProbeLog(START, (VcpuMoment("end", None, None, 0, {}),)) if outcome == HUNG else ProbeLog(START)
    return judge(BY_NAME[name]._replace(judge=lambda _: outcome, measure=None), seen, platform)


@pytest.mark.parametrize(
    ("name", "outcome", "platform", "status", "quirk"),
    [
        ("step-sti", "1 instruction", tcg("7.2.22"), "ok", None),
        ("step-sti", "2 instructions", tcg("7.2.22"), "new", None),
        ("step-mov-ss", "1 instruction", tcg("10.0.2"), "known", "tcg-step-mov-ss"),
        ("step-mov-ss", "1 instruction", kvm(), "known", "kvm-emulated-shadow"),
        ("step-rep", "one step each, and one without progress", tcg("10.0.2"), "known", "tcg-rep-last"),
        ("step-rep", "one step each, and one without progress", tcg("7.2.22"), "new", None),
        ("step-rep", "one step each, and one without progress", kvm(PVM), "known", None),
        ("own-tf-sti", "delivered 1 instruction late", tcg("7.2.22"), "known", "tcg-sti-hides-step"),
        ("own-tf-sti", "delivered 1 instruction late", tcg(None), "known", "tcg-sti-hides-step"),
        ("own-tf-sti", "delivered 1 instruction late", tcg("10.0.2"), "new", None),
        ("own-icebp-z1", "#UD instead", tcg("7.2.22"), "known", "tcg-icebp-ud"),
        ("own-icebp-z1", "#UD instead", kvm(), "new", None),
        ("own-icebp-z1", "delivered with DR6 00000000", kvm(), "known", "kvm-reinjected-polarity"),
        ("own-icebp-z1", "again and again", kvm(), "known", "kvm-icebp-reinjected"),
        ("own-tf-z1", "delivered with DR6 00004000", kvm(), "known", "kvm-reinjected-polarity"),
        ("own-write-z1", "not delivered", kvm(), "ok", None),
        ("own-write-z1", "not delivered", tcg("7.2.22"), "new", None),
        ("own-write", "not delivered", kvm(), "new", None),
        ("own-gd", "not delivered", tcg("7.2.22"), "known", "tcg-no-general-detect"),
        ("hardware-slots", "4", kvm(), "ok", None),
        ("hardware-slots", "4", tcg("7.2.22"), "new", None),
        ("software", HUNG, kvm(PVM), "known", None),
        ("software", HUNG, kvm(), "new", None),
        ("watch-read", "not supported", kvm(), "ok", None),
        ("watch-3-at-0", "refused", kvm(), "ok", None),
        ("watch-3-at-0", "refused", tcg("7.2.22"), "new", None),
        ("watch-4-at-0", "refused", kvm(), "new", None),
        ("watch-step", "not named", kvm(), "known", "kvm-step-hides-watch"),
        ("watch-step-after", "stops once more, without progress", tcg("7.2.22"), "ok", None),
        ("step-pushf", "TF is in the saved flags", kvm(), "ok", None),
        ("step-pushf", "TF is in the saved flags", tcg("7.2.22"), "new", None),
    ],
)
def test_an_outcome_is_as_promised_or_known_or_new(
    name: str, outcome: str, platform: ProbedPlatform, status: Status, quirk: str | None
) -> None:
    result = judged(name, outcome, platform)
    assert result.status == status
    assert (result.known.quirk if result.known is not None else None) == quirk


def test_a_quirk_that_does_not_show_is_said() -> None:
    assert judged("own-icebp", "delivered", tcg("7.2.22")).why == "The known quirk tcg-icebp-ud does not show."
    assert judged("own-icebp", "delivered", tcg("10.0.2")).why == ""


def test_what_the_profile_does_not_say_contradicts_it_also_where_the_host_is_known_for_it() -> None:
    assert judged("software", HUNG, kvm(PVM)).contradicts
    assert judged("own-gd-z1", "not delivered", kvm()).contradicts is False
    assert judged("step", "no progress", kvm()).contradicts
    assert judged("step", "1 instruction each", kvm()).contradicts is False


def test_better_than_the_profile_promises_is_good() -> None:
    better = judged("own-execute-z1", "delivered", kvm())
    assert (better.status, better.good, better.contradicts) == ("new", True, False)
    assert judged("step-pushf", "TF is hidden", kvm()).good
    assert not judged("own-write", "not delivered", kvm(PVM)).good


def all_of(group: str, platform: ProbedPlatform) -> list[Result]:
    """Every probe of a group as its profile promises it."""
    from gdbstub.backends import BACKENDS

    profile = BACKENDS[platform.backend.profile]
    return [judged(p.name, p.expected(profile), platform) for p in PROBES if p.group == group]


def test_a_group_without_a_fault_is_trusted_as_a_whole() -> None:
    found = verdict(all_of("steps", tcg("10.0.2")) + all_of("watchpoints", tcg("10.0.2")))
    assert (found.trust, found.distrust, found.untested) == (("steps", "watchpoints"), (), ())


def test_a_fault_takes_its_line_out_of_what_is_trusted() -> None:
    results = all_of("steps", tcg("10.0.2"))
    wrong = next(n for n, result in enumerate(results) if result.probe.name == "step-sti")
    results[wrong] = judged("step-sti", "2 instructions", tcg("10.0.2"))
    found = verdict(results)
    assert found.trust == (f"steps ({len(results) - 1} of {len(results)})",)
    assert found.distrust == ("step over STI",)


def test_a_group_of_which_nothing_works_is_named_once_and_what_the_stub_does_not_have_helps_it_not() -> None:
    results = [
        judged("watch-write", "never fires", kvm(PVM)),
        judged("watch-read", "not supported", kvm(PVM)),
        judged("watch-3-at-0", "refused", kvm(PVM)),
    ]
    found = verdict(results)
    assert (found.trust, found.distrust) == ((), ("watchpoints",))


def test_what_was_not_tested_is_neither_and_has_its_reason() -> None:
    why = "no reason"
    results = [untested(BY_NAME["step"], why), untested(BY_NAME["own-icebp-z1"], why)]
    results.append(judged("own-icebp", "delivered", tcg("10.0.2")))
    found = verdict(results)
    assert found.trust == ("the guest's own #DB",)
    assert found.untested == ((why, ("step over NOP", "INT1 (Z1 armed)")),)


def test_a_line_is_as_bad_as_its_worst_result() -> None:
    def status(*found: Result) -> Status:
        (line,) = lines(found)
        return line.status

    good, known = judged("own-gd", "delivered", tcg(None)), judged("own-gd-z1", "not delivered", tcg(None))
    assert status(good, known) == "known"
    assert status(good, known, judged("own-gd-z0", "delivered late", tcg(None))) == "new"
    assert status(good, untested(BY_NAME["own-gd-z1"], "")) == "ok"
    assert status(untested(BY_NAME["own-gd"], "")) == "untested"


def test_a_line_of_nothing_but_refusals_is_nothing_to_trust() -> None:
    line = Line("watchpoints", "watch", (judged("watch-3-at-0", "refused", kvm()),))
    assert line.good is None
    assert line.status == "ok"


def test_what_follows_is_said_of_what_is_not_as_it_should_be_only() -> None:
    assert judged("step-sti", "2 instructions", tcg(None)).follows == "A step can hide the instruction behind it."
    hidden: Probe = BY_NAME["step-pushf"]
    assert dict(hidden.follows)["TF is in the saved flags"]
    assert judged("step-pushf", "TF is in the saved flags", kvm()).follows == ""
