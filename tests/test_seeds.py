"""The table from the mailing lists to the rules names only what there is."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from tests.gdbstub.explain.test_architecture_model import QUALIFICATIONS, VECTORS
from tests.gdbstub.explain.vectors import ALL, CASES, NOT_EVIDENCE

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "seeds.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| statement")]


def test_each_name_of_the_code_is_there() -> None:
    names = re.findall(r"`((?:explain|x86)\.[a-z_0-9.]+)\.([A-Za-z_0-9]+)`", PAGE)
    assert len(names) > 30
    for module, name in names:
        assert hasattr(importlib.import_module(f"gdbstub.{module}"), name), (module, name)


def test_each_test_is_there() -> None:
    tests = re.findall(r"`(test_\w+\.py)::(\w+)`", PAGE)
    assert len(tests) > 5
    for file, name in tests:
        source = (ROOT / "tests" / "gdbstub" / "explain" / file).read_text(encoding="utf-8")
        assert f"def {name}(" in source, (file, name)


def test_each_vector_is_asked_or_has_its_reason() -> None:
    vectors = set(re.findall(r"\b([AKTX]\d\d)\b", PAGE))
    assert len(vectors) > 20
    assert vectors <= set(ALL)
    assert vectors <= {name.partition("-")[0] for name in CASES} | set(VECTORS) | set(QUALIFICATIONS) | set(
        NOT_EVIDENCE
    )


def test_each_statement_has_all_its_columns() -> None:
    assert len(ROWS) > 30
    for row in ROWS:
        assert all(cell.strip() for cell in row.strip("|").split("|")), row
