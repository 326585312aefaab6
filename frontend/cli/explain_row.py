"""``dr6 explain --trace F --row N``: what was concluded when the row was traced, or what follows from it now."""

from __future__ import annotations

import argparse
import json
from itertools import takewhile

from frontend.clean import clean, printable_json
from frontend.cli.columns import width
from frontend.cli.exit_codes import DONE
from frontend.cli.row_text import whole_row
from gdbstub.backends import ABILITIES
from gdbstub.errors import GdbError
from gdbstub.explain.evidence import Evidence
from gdbstub.explain.evidence_json import explanation_to_json
from gdbstub.explain.explain import explain
from gdbstub.explain.text.rendering import render_text
from gdbstub.trace import Row, TraceReader
from gdbstub.trace.evidence import evidence_of, took_db, wrote_dr6

ANSWER = ("summary", "causes", "contradictions", "unknowns")
NOTHING = (
    "The instruction ran, and DR6 gained no bit: nothing here shows a #DB. One whose bit was set before, or that sets "
    "none (INT1), would not show."
)
WROTE = "The instruction wrote DR6 itself and went on behind it: what DR6 shows then is no sign of a #DB."


def explain_row(args: argparse.Namespace) -> int:
    """Print it; raises `GdbError`."""
    with TraceReader(args.trace) as trace:
        before, row = trace.pair(args.row)
        header = trace.header
    if args.json:
        print(_as_json(header, before, row))
    else:
        print("\n".join(clean(line) for line in explained(header, before, row, width())))
    return DONE


def explained(header: Row, before: Row | None, row: Row, columns: int) -> list[str]:
    """Lines of at most ``columns`` characters, not cleaned; raises `GdbError` where nothing can be said."""
    if row["causes"]:
        return [*takewhile(lambda line: not line.startswith(("instruction", "registers")), whole_row(row, None))]
    evidence = _evidence(header, before, row)
    return render_text(explain(evidence), evidence, columns).split("\n") if evidence else [_nothing(row)]


def _as_json(header: Row, before: Row | None, row: Row) -> str:
    if row["causes"]:
        return printable_json(json.dumps({name: row[name] for name in ANSWER}, ensure_ascii=False, indent=2))
    if (evidence := _evidence(header, before, row)) is not None:
        return printable_json(json.dumps(explanation_to_json(explain(evidence)), ensure_ascii=False, indent=2))
    return json.dumps({"summary": _nothing(row), "causes": []})


def _evidence(header: Row, before: Row | None, row: Row) -> Evidence | None:
    """Of the #DB that an instruction ended with; None where it shows none."""
    if took_db(before, row):
        return evidence_of(header, before, row, ABILITIES)
    if before is None or row["dr"].get("dr6") is None:
        raise GdbError(f"Row {row['n']} can't be explained: DR6 of it and of the row before is needed.")
    return None


def _nothing(row: Row) -> str:
    return WROTE if wrote_dr6(row) else NOTHING
