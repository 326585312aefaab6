"""``dr6 diff``: where two traces part, with what was before, and what it means."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence

from frontend.clean import clean
from frontend.cli.exit_codes import DONE, UNEXPECTED, USAGE
from frontend.cli.row_text import heading, one_row
from gdbstub.trace import Row, TraceReader
from gdbstub.trace.comparison.align import ALIKE, OnlyOneRan, Parted, RowsDiffer, SameRows, Why
from gdbstub.trace.comparison.facts import GROUPS
from gdbstub.trace.comparison.meaning import of_missing, of_one_row
from gdbstub.trace.comparison.stream import LOOK_AHEAD
from gdbstub.trace.comparison.traces import compare_traces

CONTEXT = 3
PARTED: dict[Why, str] = {
    "apart": f"They do not meet again within {LOOK_AHEAD} rows; the comparison ends here.",
    "apart to the end": "They do not meet again before they end.",
    "too short": f"Too few rows are left to tell whether they meet again: that takes {ALIKE} rows that are alike, or "
    "fewer up to both ends.",
}


def diff(options: argparse.Namespace) -> int:
    """Compare; raises `TraceError`."""
    ignored = ignored_names(options.ignore)
    with TraceReader(options.left, options.left_run) as left, TraceReader(options.right, options.right_run) as right:
        report = DiffReport(left.header, right.header, show_all=options.all)
        for step in compare_traces(left, right, ignored):
            report.take(step)
        report.end()
        for trace in (left, right):
            if trace.cut_off is not None:
                print(f"dr6: {clean(trace.cut_off)}", file=sys.stderr)
    return UNEXPECTED if report.differs else DONE


def ignored_names(words: Sequence[str]) -> frozenset[str]:
    """What ``--ignore`` names. Raises SystemExit(2) with one sentence for what is no name."""
    names = frozenset(name for text in words for name in text.split(","))
    for name in sorted(names):
        if not name.replace(".", "").isidentifier():
            print(f"dr6: --ignore takes registers and {', '.join(GROUPS[:10])}; not {clean(name)}.", file=sys.stderr)
            raise SystemExit(USAGE)
    return names


class DiffReport:
    """What was found, printed as it comes. ``differs`` is whether anything counts as a difference."""

    def __init__(self, left: Row, right: Row, show_all: bool) -> None:
        self._show_all = show_all
        self._same = self._handlers = self._stretches = 0
        self._facts: Counter[str] = Counter()
        self._ending: str | None = None
        self._headers = (left, right)
        self._names = _names(left, right)
        for sign, row in zip("-+", (left, right), strict=True):
            print(clean(f"{sign}{sign}{sign} {heading(row)}"))

    @property
    def differs(self) -> bool:
        return bool(self._facts or self._stretches or self._ending)

    def take(self, step: SameRows | RowsDiffer | OnlyOneRan | Parted) -> None:
        if isinstance(step, SameRows):
            self._same += step.count
        elif isinstance(step, RowsDiffer):
            self._differing(step)
        elif isinstance(step, OnlyOneRan):
            self._alone(step)
        else:
            self._parted(step)

    def end(self) -> None:
        """The sum."""
        if not self.differs:
            print(f"The traces tell the same: {_counted(self._same)}{self._interrupts()}.")
            return
        found = [f"The same: {_counted(self._same)}{self._interrupts()}"]
        if self._facts:
            facts = ", ".join(f"{name} in {_counted(count)}" for name, count in self._facts.most_common())
            found.append(f"different: {facts}")
        if self._stretches:
            found.append(
                "1 stretch is not in both" if self._stretches == 1 else f"{self._stretches} stretches are not in both"
            )
        if self._ending:
            found.append(self._ending)
        print(clean(f"{'; '.join(found)}."))

    def _interrupts(self) -> str:
        if not self._handlers:
            return ""
        handlers = "handler" if self._handlers == 1 else "handlers"
        return f", and {self._handlers} {handlers} that only one of them ran"

    def _differing(self, step: RowsDiffer) -> None:
        if self._shows():
            self._rows((step.left,), (step.right,))
            for name, left, right in step.found:
                print(clean(f"  {name}: {left}, and {self._names[1]} has {right}"))
            sides = (0, step.left, step.right), (1, step.right, step.left)
            self._meaning([(side, text) for side, row, other in sides for text in of_one_row(row, other)])
        self._facts.update({difference.name for difference in step.found})

    def _alone(self, step: OnlyOneRan) -> None:
        if step.is_handler:
            self._handlers += 1
            return
        if self._shows():
            self._rows(step.left[:CONTEXT], step.right[:CONTEXT])
            print(f"  {_counted(len(step.left))} and {_counted(len(step.right))} until both go on alike.")
            sides = (0, step.right), (1, step.left)
            self._meaning([(side, text) for side, rows in sides for text in of_missing(rows, self._headers[side])])
        self._stretches += 1

    def _parted(self, step: Parted) -> None:
        if self._shows():
            self._rows([step.left] if step.left else (), [step.right] if step.right else ())
            if step.why == "ended":
                print(f"  {self._names[1 if step.left else 0]} has ended, and the other goes on.")
            else:
                print(f"  {PARTED[step.why]}")
        self._ending = "one ends before the other" if step.why == "ended" else "the rest is not compared"

    def _shows(self) -> bool:
        return self._show_all or not self.differs

    def _rows(self, left: Sequence[Row], right: Sequence[Row]) -> None:
        print(f"The same until here: {_counted(self._same)}.")
        for sign, rows in (("-", left), ("+", right)):
            for row in rows:
                print(f"{sign} {clean(one_row(row))}")

    def _meaning(self, told: Sequence[tuple[int, str]]) -> None:
        """``told`` are sentences, and which of the two they are about."""
        for side, sentence in told:
            print(clean(f"  {self._names[side]}: {sentence}"))
        if not told:
            print("  No known departure of either platform accounts for that: the reason is unknown.")


def _counted(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _names(left: Row, right: Row) -> tuple[str, str]:
    """The two platforms, or the traces where those are alike."""
    found = [f"{row['backend']['name']} {row['backend']['version'] or ''}".strip() for row in (left, right)]
    return (found[0], found[1]) if found[0] != found[1] else ("the first", "the second")
