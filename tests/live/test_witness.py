"""The second witness beside commands, clients and steps: QEMU's log, which is as before once dr6 has left."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from tests.guests.machine import qemu_version
from tests.guests.ways import Way, arguments, build_way, taken
from tests.live.machine import SECONDS, Machine, dr6, machine
from tests.live.served import gdb, serving

pytestmark = [pytest.mark.live, pytest.mark.slow]

FAR = Way("disk", ("FAR",))
"""Its LIDT is so far behind its entry that no breakpoint is at its handler in time."""


def commands(*lines: str) -> list[str]:
    return [word for line in lines for word in ("-ex", line)]


def pipes(guest: Machine) -> list[str]:
    """dr6's pipes that QEMU holds open once it has had time: it closes a log's file behind an RCU grace period
    (util/log.c, qemu_set_log_internal)."""
    folder, ends = Path(f"/proc/{guest.process.pid}/fd"), time.monotonic() + SECONDS
    while (held := [name for link in folder.iterdir() if "dr6-log" in (name := _target(link))]) and (
        time.monotonic() < ends
    ):
        time.sleep(0.02)
    return held


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except FileNotFoundError:  # closed since the folder was read
        return ""


def test_in_a_script_what_the_breakpoints_miss_is_said_and_listed(tmp_path: Path) -> None:
    console = tmp_path / "console"
    with machine(tmp_path, None, *arguments(FAR, console)) as guest:
        ran = dr6("attach", guest.target, "--batch", *commands("catch db", "continue", "events"))
        guest.process.wait(30)
    assert ran.out.count("event #DB, seen in QEMU's log") == taken(console) == 40
    assert ran.err.count("event #DB, seen in QEMU's log") == 20
    assert "20 more events were seen in QEMU's log alone; events lists them." in ran.err
    assert "missing" not in ran.err


def end_of(way: Way) -> int:
    """Where the guest has taken all of its #DBs: LIDT, and the INT3 that ends it."""
    kernel = build_way(way).read_bytes()[512:]
    return next(
        at for at in range(len(kernel)) if kernel[at : at + 3] == b"\x0f\x01\x1d" and kernel[at + 7] == 0xCC
    ) + (0x100000)


def test_a_client_reads_in_its_console_what_nobody_stopped_for(tmp_path: Path) -> None:
    end = f"hbreak *{end_of(FAR):#x}"
    with machine(tmp_path, None, *arguments(FAR, tmp_path / "console")) as guest, serving(guest, tmp_path) as server:
        lines = ("monitor catch db", end, "continue", "echo behind\\n", "monitor events", "monitor catch off")
        text = gdb(server.path, Path("/dev/null"), *lines)
    console, _, listed = text.partition("behind")
    assert "no handler yet" in console
    assert console.count("event #DB, seen in QEMU's log") == 20
    assert "20 more events were seen in QEMU's log alone; monitor events lists them." in console
    assert listed.count("event #DB, seen in QEMU's log") == 40


def test_steps_into_a_handler_are_one_event_each(tmp_path: Path) -> None:
    way, rows = Way("rom"), tmp_path / "rows.jsonl"
    with machine(tmp_path, None, *arguments(way, tmp_path / "console")) as guest:
        ran = dr6(
            "trace", guest.target, "--from", "hw:0x100000", "--steps", "300", "--catch", "db", "--output", str(rows)
        )
    assert ran.code == 0, ran.err
    found = [json.loads(line) for line in rows.read_text().splitlines()]
    seen = [(row["n"], row["frame"]["rip"], row["seen_by"]) for row in found if row["kind"] == "event"]
    assert seen
    assert len({number for number, _, _ in seen}) == len(seen)
    assert found[-1]["missed"] == 0
    assert found[-1]["taken"] == found[-1]["seen"] == len(seen)


def test_what_can_not_be_had_is_refused_only_where_it_is_required(tmp_path: Path) -> None:
    own = ("-d", "int", "-D", str(tmp_path / "own.log"))
    with machine(tmp_path, None, *arguments(FAR, tmp_path / "console"), *own) as guest:
        ran = dr6("attach", guest.target, "--batch", "--strict", "--witness", "require", *commands("catch db"))
        assert (ran.code, "leaves alone" in ran.err) == (1, True)
    with machine(tmp_path, None, *arguments(FAR, tmp_path / "console"), *own) as guest:
        ran = dr6("attach", guest.target, "--batch", *commands("catch db", "continue"))
    assert (ran.code, "never had a handler" in ran.err) == (0, True)


def test_the_log_goes_with_the_last_catch_and_where_the_user_takes_it(tmp_path: Path) -> None:
    lines = ("catch db", "monitor logfile /dev/null", "delete 1", "catch db", "delete 2", "monitor info status")
    with machine(tmp_path, None, *arguments(FAR, tmp_path / "console")) as guest:
        ran = dr6("attach", guest.target, "--batch", "--leave", "stopped", *commands(*lines))
        assert ran.code == 0, ran.err
        assert pipes(guest) == []
    assert ran.err.count("there is no second witness from here on") == 1


STALE = Way("multiboot", ("STALE",))
"""It steps while the data breakpoint that it has hit is armed, alone in its page."""
INT1_IS_UD = tuple(map(int, qemu_version().split(".")[:2])) < (9, 1)
MEETING = Way("multiboot", ("ON_HANDLER",))
"""An instruction breakpoint of its own lies on its handler of #BP: a #DB more in each of four rounds."""


@pytest.mark.parametrize("options", [(), ("--witness", "off")], ids=str)
def test_a_handler_with_a_breakpoint_of_the_guests_costs_it_no_exception(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    rows, console = tmp_path / "rows.jsonl", tmp_path / "console"
    with machine(tmp_path, None, *arguments(MEETING, console)) as guest:
        ran = dr6("trace", guest.target, "--events", "--catch", "db,bp", "--output", str(rows), *options)
        guest.process.wait(30)
    found = [json.loads(line) for line in rows.read_text().splitlines()]
    seen = [(row["vector"], row["seen_by"]) for row in found if row["kind"] == "event"]
    assert taken(console) == seen.count((1, "handler")) == 44
    assert seen.count((3, "log")) == (0 if options else 4)
    assert any("its handler of #BP" in row["why"] for row in found if row["kind"] == "gap") == bool(options)
    assert ("its handler of #BP" in ran.err) == bool(options)


def test_a_guest_that_is_made_to_take_the_same_for_ever_gets_away(tmp_path: Path) -> None:
    with machine(tmp_path, None, *arguments(MEETING, tmp_path / "console")) as guest:
        ran = dr6("trace", guest.target, "--events", "--catch", "bp", "--seconds", "40", "--format", "jsonl")
        guest.process.wait(30)
    *rows, end = [json.loads(line) for line in ran.out.splitlines()]
    assert [row["vector"] for row in rows if row["kind"] == "event"] == [3, 3, 3, 3]
    assert (end["reason"], end["missed"]) == ("shutdown", 0)


def test_who_stops_the_guest_takes_old_hits_out_of_its_dr6_and_who_reads_the_log_does_not(tmp_path: Path) -> None:
    """QEMU keeps the hit of a data breakpoint, shows it again in the DR6 of a step, and clears it for a debugger."""
    shown = {}
    for options in (("--no-stop",), ("--catch", "db")):
        with machine(tmp_path, None, *arguments(STALE, tmp_path / "console")) as guest:
            ran = dr6("trace", guest.target, "--events", "--format", "jsonl", *options)
        rows = [row for row in map(json.loads, ran.out.splitlines()) if row["kind"] == "event"]
        assert len(rows) == 60
        shown[options] = rows[10:15]
    alone, stopped = shown.values()
    assert [row["dr"]["dr6"] for row in alone] == ["0xffff4ff1"] * 5
    assert {cause["confidence"] for row in alone for cause in row["causes"] if cause["cause"] == "data-write"} == {
        "possible"
    }
    assert [row["dr"]["dr6"] for row in stopped] == ["0xffff4ff0"] * 5
    assert [cause["cause"] for row in stopped for cause in row["causes"]] == ["single-step"] * 5


def test_an_int1_that_raises_ud_is_said_where_only_db_is_caught(tmp_path: Path) -> None:
    for number, catches in enumerate(("db", "db,ud")):
        with machine(tmp_path, None, *arguments(Way("multiboot", ("INT1",)), tmp_path / "console")) as guest:
            ran = dr6("trace", guest.target, "--events", "--catch", catches, "--format", "jsonl")
        assert ran.err.count("raised #UD, and no #DB") == (1 - number if INT1_IS_UD else 0)


@pytest.mark.parametrize(("code", "said"), [("faf4", 1), ("fbf4ebfd", 0)], ids=["cli, hlt", "sti, hlt"])
def test_a_guest_that_sleeps_for_good_is_no_silence(code: str, said: int, tmp_path: Path) -> None:
    sector = tmp_path / "sector"
    sector.write_bytes(bytes.fromhex(code).ljust(510, b"\x90") + b"\x55\xaa")
    with machine(tmp_path, None, "-drive", f"format=raw,file={sector}", "-net", "none") as guest:
        ran = dr6("trace", guest.target, "--break", "hw:0x7c01", "--seconds", "4", "--format", "jsonl")
    rows = [json.loads(line) for line in ran.out.splitlines()]
    assert (rows[1]["pc"], rows[-1]["reason"]) == ("0x7c01", "seconds")
    assert ran.err.count("in HLT with IF clear: nothing but an NMI, an SMI, a #MC, INIT or a reset") == said
