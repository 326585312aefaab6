"""`dr6 report` and `dr6 export`: one page that needs nothing else, whatever the guest put into it."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from frontend.cli.parser import main
from tests.gdbstub.trace.traces import write_all


class Page(HTMLParser):
    """Tags that are open, and everything that would be fetched or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.fetched: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.stack.append(tag)
        if tag in ("script", "link", "img", "iframe"):
            self.fetched.append(tag)
        self.fetched += [f"{name}={value}" for name, value in attrs if name in ("src", "href") or name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Opened and closed at once."""

    def handle_data(self, data: str) -> None:
        self.text += data


def report(path: Path, *words: str) -> Page:
    output = path.with_suffix(".html")
    assert main(["report", str(path), "--output", str(output), *words]) == 0
    return Page(output.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["t.jsonl", "t.parquet"])
def test_the_page_has_the_trace_and_fetches_nothing(tmp_path: Path, name: str) -> None:
    write_all(tmp_path / name)
    page = report(tmp_path / name)
    assert page.stack == []
    assert page.fetched == []
    for text in ("tcp:127.0.0.1:1234, qemu-tcg 7.2.22", "icebp 2", "0x10041b", "DR6.B0 is set but", "ended: shutdown"):
        assert text in page.text


def test_what_differs_from_another_trace_is_on_the_page(tmp_path: Path) -> None:
    write_all(tmp_path / "a.jsonl")
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    lines[2] = json.dumps(json.loads(lines[2]) | {"pc": "0x7", "contradictions": ["<b>odd</b> \x1b[31m"]})
    (tmp_path / "b.jsonl").write_text("\n".join(lines) + "\n")
    page = report(tmp_path / "a.jsonl", "--against", str(tmp_path / "b.jsonl"))
    assert "pc: 0x100402 and 0x7. <b>odd</b>" in page.text
    assert "\x1b" not in page.text
    same = report(tmp_path / "a.jsonl", "--against", str(tmp_path / "b.jsonl"), "--ignore", "pc")
    assert "tell the same" in same.text


def test_a_trace_without_events_is_a_page(tmp_path: Path) -> None:
    write_all(tmp_path / "a.jsonl")
    (tmp_path / "b.jsonl").write_text("".join((tmp_path / "a.jsonl").read_text().splitlines(keepends=True)[:3]))
    page = report(tmp_path / "b.jsonl")
    assert "No event is in this trace." in page.text
    assert "cut off" in page.text


def test_what_can_not_be_written_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_all(tmp_path / "a.jsonl")
    assert main(["report", str(tmp_path / "a.jsonl"), "-o", "/nowhere/r.html"]) == 1
    assert main(["export", str(tmp_path / "a.jsonl"), "--format", "tenet", "-o", "/nowhere/x"]) == 1
    assert main(["export", str(tmp_path / "a.jsonl"), "--format", "drcov", "-o", str(tmp_path / "x")]) == 0
    assert len(capsys.readouterr().err.splitlines()) == 2
