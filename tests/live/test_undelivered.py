"""Exceptions that the guest's IDT has no gate for: none of them is claimed to have reached a handler, and the shutdown
that they lead to is named."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.guests.build import build
from tests.live.machine import SECONDS, Machine, command, dr6, environment, machine

pytestmark = [pytest.mark.live, pytest.mark.slow]

CHAIN = (
    r"shutdown: triple fault at (0x\w+): #UD \(gate at \w+\) could not be delivered, "
    r"nor could #GP \(gate at \w+\) and then #DF \(gate at \w+\) instead"
)
DB, UD, DF, NP, GP = 1, 6, 8, 11, 13
TAKEN = [
    *((DB, "#GP"), (GP, ""), (DB, "#NP"), (NP, ""), (GP, ""), (DB, ""), (UD, "#GP"), (GP, "#DF"), (DF, "")),
    *((UD, "#GP"), (GP, "#DF"), (DF, "a triple fault")),
]
"""The vectors that the guest `undelivered` raises, each with what came instead."""


def traced(folder: Path, *options: str) -> tuple[list[dict[str, Any]], str]:
    with machine(folder, build("undelivered")) as guest:
        ran = dr6("trace", guest.target, "--events", "--catch", "db,ud,gp,np,df", "--format", "jsonl", *options)
        assert ran.code == 0, ran.err
    return [json.loads(line) for line in ran.out.splitlines()], ran.err


@pytest.mark.parametrize("options", [("--no-stop",), ()], ids=["no stop", "stops"])
def test_what_was_not_delivered_has_no_frame_and_says_what_came_instead(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    rows, told = traced(tmp_path, *options)
    events = [row for row in rows if row["kind"] == "event"]
    assert [row["vector"] for row in events] == [vector for vector, _ in TAKEN]
    for row, (_, instead) in zip(events, TAKEN, strict=True):
        said = f"its delivery failed: {instead}"
        assert (row["frame"] is None, said in row["summary"]) == (bool(instead), bool(instead))
        assert any("none was pushed" in text for text in row["unknowns"]) == bool(instead)
        assert all(text.count("Known quirk") == 1 for text in row["contradictions"])
    (end,) = (re.fullmatch(CHAIN, row["summary"]) for row in rows if row["kind"] == "stop")
    assert end is not None
    assert end[1] == events[-3]["regs"]["rip"], "where the guest stood"
    assert told.count("This platform raises no #DB for INT1 (F1), but #UD (tcg-icebp-ud), for DR7.GD") == 1
    assert (rows[-1]["taken"], rows[-1]["seen"], rows[-1]["missed"]) == (12, 12, 0)


def test_nobody_is_said_to_have_taken_what_a_handler_only_runs_into(tmp_path: Path) -> None:
    """The handlers that pop an error code run on into that of #DB, which the log denies; one handler of two vectors is
    called by the one that came."""
    rows, _ = traced(tmp_path)
    handled = [row["vector"] for row in rows if row["kind"] == "event" and row["seen_by"] == "handler"]
    assert handled.count(DB) <= 1
    assert set(handled) <= {DB, NP, GP, DF}


def test_without_a_witness_the_shutdown_is_a_shutdown(tmp_path: Path) -> None:
    rows, _ = traced(tmp_path, "--witness", "off")
    assert [row["summary"] for row in rows if row["kind"] == "stop"] == ["shutdown: the stub said W00"]


def way_to_the_log(guest: Machine) -> str:
    """What QEMU writes its log to, once it does."""
    folder, deadline = Path(f"/proc/{guest.process.pid}/fd"), time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        for link in folder.iterdir():
            with suppress(OSError):
                if "dr6-log" in os.readlink(link):
                    return str(link)
        time.sleep(0.01)
    raise AssertionError("QEMU opened no log of dr6's")


def test_a_log_that_is_damaged_is_a_gap(tmp_path: Path) -> None:
    with machine(tmp_path, build("undelivered")) as guest:
        words = command("attach", guest.target, "--plain")
        pipe = subprocess.PIPE
        talk = subprocess.Popen(words, bufsize=0, stdin=pipe, stdout=pipe, stderr=pipe, env=environment())
        assert talk.stdin is not None
        talk.stdin.write(b"catch db\n")
        with Path(way_to_the_log(guest)).open("wb", buffering=0) as log:
            log.write(b"     7: v=01 e=0000 i=0 and no more\n")
        out, err = talk.communicate(b"continue\n", timeout=SECONDS)
    assert (out + err).decode().count("QEMU's log is damaged: 1 exception in it can't be read.") == 1
