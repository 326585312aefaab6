"""`dr6 query` as a user sees it: tables, CSV, JSON lines, and one sentence where there is no answer."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from frontend.cli.parser import main
from frontend.cli.result_text import table_lines
from gdbstub.trace.query.database import ResultColumn
from tests.gdbstub.trace.traces import write_all

SQL = "SELECT n, kind, address, text, summary, causes FROM rows WHERE n IN (4, 5)"


@pytest.fixture
def trace(tmp_path: Path) -> str:
    path = tmp_path / "t.parquet"
    write_all(path)
    return str(path)


def test_the_answer_is_a_table(trace: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", trace, "SELECT n, kind, address, text FROM rows WHERE n IN (4, 5)"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "n  kind    address  text",
        "-  -----  --------  ----",
        "4  insn     0x1000  nop",
        "5  event  0x10041b  int1",
        "(2 rows)",
    ]


def test_programs_get_csv_and_json_lines(trace: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", trace, SQL, "--csv"]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == ["n,kind,address,text,summary,causes", "4,insn,0x1000,nop,,"]
    assert main(["query", trace, SQL, "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows[1]["address"] == "0x10041b"
    assert rows[1]["causes"][0]["cause"] == "icebp"


def test_what_fails_is_one_sentence_and_code_1(trace: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", trace, "SELEC"]) == 1
    assert main(["query", "/nowhere.jsonl", "SELECT 1"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert [line[:5] for line in err.splitlines()] == ["dr6: "] * 2


def test_without_a_question_the_views_are_listed(trace: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", trace]) == 0
    assert "registers that have another value" in capsys.readouterr().out


def test_what_the_guest_says_is_cleaned_and_wide_texts_are_cut() -> None:
    columns = [ResultColumn("a\x1b[2J", False), ResultColumn("b", True)]
    rows = [("\x1b[31mred\x07", 16), ("x" * 100, None)]
    lines = list(table_lines(columns, rows))
    assert all(line.isprintable() for line in lines)
    assert lines[2].endswith("0x10")
    assert lines[3].startswith("x" * 59 + "…")


ASKS = """
import sys
from frontend.cli.parser import main
print("on", flush=True)
sys.exit(main(["query", sys.argv[1], "SELECT sum(a.range * b.range) FROM range(10000000) AS a, range(10000000) AS b"]))
"""


@pytest.mark.slow
def test_ctrl_c_ends_a_question_that_takes_for_ever(trace: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ASKS, trace], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline() == "on\n"
        while child.poll() is None and not _has_loaded(child.pid):
            pass
        child.send_signal(signal.SIGINT)
        assert (child.wait(), child.stderr.read()) == (130, "")


def _has_loaded(process: int) -> bool:
    """Has it loaded DuckDB, which is the last thing that it does before it asks?"""
    return "_duckdb" in Path(f"/proc/{process}/maps").read_text()
