"""``dr6 trace --expect FILE.toml``: what was expected of the trace, and JUnit's XML for a build server."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from xml.sax.saxutils import quoteattr

from frontend.clean import clean
from frontend.cli.exit_codes import DONE, FAILED, UNEXPECTED
from frontend.cli.row_text import one_row
from frontend.commands import parse_break
from frontend.commands.session import Session
from gdbstub.trace.errors import reason
from gdbstub.trace.expectations import Expectation, Expectations, expectations, places, read_file


async def read_expectations(options: argparse.Namespace, session: Session) -> Expectations | None:
    """Those of the options, with their symbols looked up; None where nothing is expected. Raises `GdbError`."""
    if options.expect is None:
        return None
    data = read_file(options.expect)
    addresses = {text: (await parse_break(session, text)).address for text in places(data, options.expect)}
    return expectations(data, options.expect, addresses)


def judge(found: Expectations, options: argparse.Namespace, code: int, name: str) -> int:
    """Say what is not as expected, write the XML where it is wanted, and the exit code: that of the trace where that
    failed itself."""
    for expected in found.missed:
        for line in _sentences(expected):
            print(clean(line), file=sys.stderr)
    if options.junit is not None:
        try:
            Path(options.junit).write_text(junit(found, name), encoding="utf-8")
        except OSError as error:
            print(f"dr6: Cannot write {clean(options.junit)}: {reason(error)}.", file=sys.stderr)
            code = code or FAILED
    if not found.missed:
        print(f"All {len(found.rows)} expectations are met.", file=sys.stderr)
    return code or (UNEXPECTED if found.missed else DONE)


def _sentences(expected: Expectation) -> list[str]:
    """Expected and seen."""
    lines = [f"not as expected: {expected.name}: {_rows(expected)}."]
    return lines + [f"  seen there: {one_row(row)}" for row in expected.near]


def _rows(expected: Expectation) -> str:
    return f"expected {expected.counted} such rows, seen {expected.seen}"


def junit(found: Expectations, name: str) -> str:
    """One test case for each expectation, as build servers read it."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites><testsuite name={_attribute(name)} tests="{len(found.rows)}" failures="{len(found.missed)}">',
    ]
    for expected in found.rows:
        head = f'<testcase classname="dr6 trace" name={_attribute(expected.name)}'
        if expected.is_met:
            lines.append(f"{head}/>")
        else:
            told = "; ".join(line.strip() for line in _sentences(expected))
            lines.append(f"{head}><failure message={_attribute(told)}/></testcase>")
    return "\n".join([*lines, "</testsuite></testsuites>", ""])


def _attribute(text: str) -> str:
    return quoteattr(clean(text))
