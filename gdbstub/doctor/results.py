"""What was found, and what can be trusted: from outcomes to results, lines of the report, and a verdict. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from gdbstub.backends import BACKENDS
from gdbstub.doctor import known
from gdbstub.doctor.judges import outcome
from gdbstub.doctor.known import KnownFault
from gdbstub.doctor.probe import Probe, ProbeLog
from gdbstub.remote.capabilities import BackendInfo

Status = Literal["ok", "known", "new", "untested"]


ABSENT = frozenset(("refused", "not supported"))


class ProbedPlatform(NamedTuple):
    """Whom the outcomes are of. ``host`` is `known.PVM` where the guest runs on that."""

    backend: BackendInfo
    host: str | None = None


class Result(NamedTuple):
    """``status``: ``ok`` as expected; ``known`` otherwise, but measured on this platform before; ``new`` otherwise, and
    in no table; ``untested``, and ``why`` says the reason."""

    probe: Probe
    status: Status
    outcome: str | None = None
    expected: str = ""
    known: KnownFault | None = None
    measure: str = ""
    why: str = ""

    @property
    def follows(self) -> str:
        """What the outcome means for somebody who debugs; empty where it is as it should be."""
        if self.status in ("ok", "untested"):
            return ""
        return dict(self.probe.follows).get(self.outcome or "", "")

    @property
    def good(self) -> bool:
        """As expected, or better than a profile promises."""
        return self.status == "ok" or (bool(self.probe.ideal) and self.outcome == self.probe.ideal)

    @property
    def absent(self) -> bool:
        """Does the stub not have it, and say so? That can be relied on, but is nothing to use."""
        return self.outcome in ABSENT

    @property
    def contradicts(self) -> bool:
        """Is this less than the profile, and what is known of the platform, promise? What is known of a host is not
        what the profile of its backend says."""
        promised = self.status == "new" or (self.known is not None and self.known.platform == known.PVM)
        return promised and not self.good


def judge(probe: Probe, seen: ProbeLog, platform: ProbedPlatform) -> Result:
    """Compare what was seen with what should be."""
    backend = platform.backend
    found, wanted = outcome(probe, seen), probe.expected(BACKENDS[backend.profile])
    measure = probe.measure(seen) if probe.measure is not None else ""
    if found == wanted:
        quirk = known.absent(probe.name, backend)
        why = f"The known quirk {quirk} does not show." if quirk else ""
        return Result(probe, "ok", found, wanted, None, measure, why)
    row = known.find(probe.name, found, backend, platform.host)
    return Result(probe, "known" if row else "new", found, wanted, row, measure)


def untested(probe: Probe, why: str) -> Result:
    return Result(probe, "untested", why=why)


class Line(NamedTuple):
    """One line of the report: the results of the probes that share it."""

    group: str
    title: str
    results: tuple[Result, ...]

    @property
    def good(self) -> bool | None:
        """Whether all that was tested is good; None where nothing was, or the stub has none of it."""
        tested = [result for result in self.results if result.status != "untested"]
        if not all(result.good for result in tested):
            return False
        return True if any(not result.absent for result in tested) else None

    @property
    def status(self) -> Status:
        """The worst of them; what was not tested counts only where nothing was."""
        found = {result.status for result in self.results}
        return next(status for status in _WORST if status in found)


_WORST: tuple[Status, ...] = ("new", "known", "ok", "untested")


def lines(results: Iterable[Result]) -> tuple[Line, ...]:
    """The lines in the order in which their first probes come."""
    rows: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        rows.setdefault((result.probe.group, result.probe.line), []).append(result)
    return tuple(Line(group, title, tuple(found)) for (group, title), found in rows.items())


class TrustVerdict(NamedTuple):
    """What may be relied on: groups, with what is excepted in them; lines that may not; and what was not tested, by
    reason."""

    trust: tuple[str, ...]
    distrust: tuple[str, ...]
    untested: tuple[tuple[str, tuple[str, ...]], ...]


def verdict(results: Sequence[Result]) -> TrustVerdict:
    table = lines(results)
    trust, distrust = [], []
    for group in dict.fromkeys(line.group for line in table):
        good = [line for line in table if line.group == group and line.good]
        bad = [line.title for line in table if line.group == group and line.good is False]
        if good:
            trust.append(f"{group} ({len(good)} of {len(good) + len(bad)})" if bad else group)
        distrust += bad if good else [group] if bad else []
    missing: dict[str, dict[str, None]] = {}
    for line in table:
        for result in line.results:
            if result.status == "untested":
                title = line.title if line.status == "untested" or not result.probe.variant else _variant(result)
                missing.setdefault(result.why, {})[title] = None
    return TrustVerdict(tuple(trust), tuple(distrust), tuple((why, tuple(titles)) for why, titles in missing.items()))


def _variant(result: Result) -> str:
    return f"{result.probe.line} ({result.probe.variant})"
