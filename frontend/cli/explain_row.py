"""``dr6 explain --trace F --row N``: what was concluded when the row was traced, or what follows from it now."""

from __future__ import annotations

import argparse
import json

from frontend.clean import clean, clean_text, printable_json
from frontend.cli.columns import width
from frontend.cli.exit_codes import DONE
from frontend.cli.row_text import whole_row
from gdbstub.backends import ABILITIES
from gdbstub.errors import GdbError
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
    if row["causes"]:
        _recorded(row, as_json=args.json)
    elif took_db(before, row):
        evidence = evidence_of(header, before, row, ABILITIES)
        answer = explain(evidence)
        if args.json:
            print(printable_json(json.dumps(explanation_to_json(answer), ensure_ascii=False, indent=2)))
        else:
            print("\n".join(clean_text(render_text(answer, evidence, width()))))
    elif before is None or row["dr"].get("dr6") is None:
        raise GdbError(f"Row {args.row} can't be explained: DR6 of it and of the row before is needed.")
    else:
        said = WROTE if wrote_dr6(row) else NOTHING
        print(json.dumps({"summary": said, "causes": []}) if args.json else said)
    return DONE


def _recorded(row: Row, as_json: bool) -> None:
    if as_json:
        print(printable_json(json.dumps({name: row[name] for name in ANSWER}, ensure_ascii=False, indent=2)))
        return
    for line in whole_row(row, None):
        if line.startswith(("instruction", "registers")):
            break
        print(clean(line))
