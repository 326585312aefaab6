"""SQL over a trace: what the views hold, what is refused, and that nothing else of the machine is reached."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from frontend.cli.query import open_database
from gdbstub.trace import TraceError
from gdbstub.trace.columns.writer import ParquetWriter
from gdbstub.trace.query.database import TraceDatabase
from gdbstub.trace.query.views import VIEWS, with_hexadecimals
from tests.gdbstub.trace.traces import batch, head, write_all


@pytest.fixture(scope="module", params=["t.jsonl", "t.jsonl.zst", "t.parquet"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TraceDatabase]:
    path = tmp_path_factory.mktemp("trace") / str(request.param)
    write_all(path)
    with open_database(str(path)) as opened:
        yield opened


def ask(database: TraceDatabase, sql: str) -> list[tuple[object, ...]]:
    return list(database.ask(sql)[1])


def test_every_view_answers(database: TraceDatabase) -> None:
    counts = {view: ask(database, f"SELECT count(*) FROM {view}")[0][0] for view in VIEWS if view != "accesses"}
    assert counts == {
        "rows": 9,
        "stops": 5,
        "events": 2,
        "insns": 7,
        "causes": 7,
        "branches": 2,
        "changes": 3,
        "runs": 1,
    }


def test_rows_come_with_their_instructions(database: TraceDatabase) -> None:
    rows = ask(database, "SELECT n, kind, address, bytes, text FROM rows WHERE cpu = 0 ORDER BY n")
    assert [row[0] for row in rows] == [0, 1, 2, 3, 4, 5, 8]
    assert rows[3] == (3, "insn", 0x1000, "90", "nop")
    assert rows[5] == (5, "event", 0x10041B, "f1", "int1")


def test_causes_have_a_row_each(database: TraceDatabase) -> None:
    found = ask(database, "SELECT cause, count(*), any_value(because) FROM causes GROUP BY cause ORDER BY cause")
    assert found == [
        ("icebp", 2, ["the instruction before RIP is F1"]),
        ("single-step", 5, ["a step was asked for", "RIP moved past one instruction"]),
    ]


def test_changes_are_those_from_one_row_of_a_vcpu_to_the_next(database: TraceDatabase) -> None:
    assert ask(database, "FROM changes SELECT cpu, n, before, after WHERE register = 'rax' ORDER BY n") == [
        (0, 3, 0, 3),
        (0, 4, 3, 4),
        (0, 5, 4, 0),
    ]


def test_where_it_branched_is_told_by_the_length_of_the_instruction(database: TraceDatabase) -> None:
    assert ask(database, "SELECT n, address, pc FROM branches ORDER BY n") == [(3, 0x1000, 0x1004), (4, 0x1000, 0x1005)]


def test_hexadecimal_numbers_are_numbers(database: TraceDatabase) -> None:
    columns, rows = database.ask(
        "SELECT address, n, 0x10 AS sixteen, '0x10' AS text FROM rows WHERE address = 0x10041B"
    )
    assert next(rows) == (0x10041B, 5, 16, "0x10")
    assert [column.is_hex for column in columns] == [True, False, False, False]
    assert with_hexadecimals("""SELECT "0x1", 'it''s 0x2' -- 0x3\n, 0xFf /* 0x4 */""") == (
        """SELECT "0x1", 'it''s 0x2' -- 0x3\n, 255 /* 0x4 */"""
    )


def test_who_wrote_an_address_last_is_asked_of_the_accesses(tmp_path: Path) -> None:
    with ParquetWriter(tmp_path / "t.parquet") as writer:
        head(writer)
        number = writer.define(0x1000, b"\xf4", 64)
        writer.columns(batch(0, 10, number))
        writer.columns(batch(10, 10, number))
        writer.end("steps", 1.0)
    with open_database(str(tmp_path / "t.parquet")) as database:
        sql = "SELECT n, insn_address, text, value FROM accesses WHERE address = 0x5000 ORDER BY n DESC LIMIT 1"
        assert ask(database, sql) == [(19, 0x1000, "hlt", 10)]


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELEC 1", "DuckDB refuses the question: .*syntax error"),
        ("SELECT nothing FROM rows", 'refuses the question: .*"nothing"'),
        ("SELECT 1; SELECT 2", "this is 2 statements"),
        ("", "this is 0 statements"),
        ("COPY rows TO 'x.csv'", "a statement of kind COPY"),
        ("EXPLAIN ANALYZE COPY rows TO 'x.csv'", "a statement of kind EXPLAIN"),
        ("SET threads = 4", "a statement of kind SET"),
        ("INSTALL httpfs", "a statement of kind"),
        ("ATTACH 'x.db'", "a statement of kind ATTACH"),
        ("CREATE TABLE x AS SELECT 1", "a statement of kind CREATE"),
        ("SELECT * FROM read_csv('/etc/passwd')", "Cannot access file"),
        ("FROM '/etc/passwd'", "does not exist"),
        ("SELECT * FROM glob('/etc/*')", "Cannot access file"),
        ("SELECT content FROM read_text('/etc/hostname')", "Cannot access file"),
        ("SELECT error('no')", "refuses the question: .*no"),
    ],
)
def test_what_is_no_question_is_refused_in_one_sentence(database: TraceDatabase, sql: str, says: str) -> None:
    with pytest.raises(TraceError, match=says) as error:
        ask(database, sql)
    assert "\n" not in str(error.value)
    assert str(error.value).endswith(".")


def test_a_damaged_part_is_said_and_the_rest_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "it's [a] trace.parquet"
    write_all(path)
    (broken,) = (path / "rows").glob("run=*/cpu=1/*.parquet")
    broken.write_bytes(broken.read_bytes()[:-1])
    with open_database(str(path)) as database:
        assert ask(database, "SELECT count(*) FROM rows") == [(8,)]
    assert capsys.readouterr().err == f"dr6: {broken} can't be read (it is damaged), so its rows are missing.\n"
