"""The demo guest is built from its source, and does under real QEMU what its list of events says."""

from __future__ import annotations

from pathlib import Path

import pytest

from frontend.demo_guest import (
    DEMO_EVENTS,
    DEMO_IMAGE,
    MEASURED,
    DemoEvent,
    GuestLogEntry,
    LogRecord,
    deviations,
    expected,
    parse_log,
)
from tests.guests.build import made_as_installed, make
from tests.guests.image import read_image
from tests.guests.machine import gdb, memory_at_end, qemu_version, run_to_end

SOURCE = Path(__file__).parents[2] / "guests" / "demo"
RF = 1 << 16
VECTOR_NAMES = {"db": 1, "bp": 3, "ud": 6, "gp": 13}


def test_the_installed_image_is_what_the_source_builds(tmp_path: Path) -> None:
    built = make("demo", tmp_path)
    assert read_image(DEMO_IMAGE) == read_image(built)
    assert not made_as_installed() or DEMO_IMAGE.read_bytes() == built.read_bytes()


def test_the_image_holds_no_path_of_the_machine_that_built_it() -> None:
    assert b".s\0" not in DEMO_IMAGE.read_bytes()
    assert str(SOURCE.parent).encode() not in DEMO_IMAGE.read_bytes()


def test_events_are_numbered_in_order_and_their_names_are_unique() -> None:
    assert [event.id for event in DEMO_EVENTS] == list(range(1, len(DEMO_EVENTS) + 1))
    assert len({event.name for event in DEMO_EVENTS}) == len(DEMO_EVENTS)


def test_every_symbol_of_the_list_is_in_the_image() -> None:
    symbols = read_image(DEMO_IMAGE).symbols
    named = {r.rip for e in DEMO_EVENTS for r in e.raised} | {e.instruction for e in DEMO_EVENTS}
    named |= {s.rip for rows in MEASURED.values() for d in rows.values() for s in d.seen}
    assert named - symbols.keys() == set()


def test_measured_rows_name_events_and_differ_from_the_architecture() -> None:
    architecture = {e.name: expected(e, "none", "0") for e in DEMO_EVENTS}
    for rows in MEASURED.values():
        for name, deviation in rows.items():
            assert deviation.seen != architecture[name]


def test_a_release_that_was_not_measured_is_taken_for_the_one_before_it() -> None:
    for version, release in (
        ("10.0.13", "10.0"),
        ("11.2.0", "10.0"),
        ("9.0.1", "8.2"),
        ("8.1.0", "7.2"),
        ("6.0", "7.2"),
    ):
        assert deviations("qemu-tcg", version) is MEASURED["qemu-tcg", release]
    assert deviations("none", "1.0") == {}


def test_every_slot_kind_and_length_of_a_breakpoint_occurs() -> None:
    causes = {(c.cause, c.slot) for e in DEMO_EVENTS for r in e.raised for c in r.causes}
    for cause in ("instruction-breakpoint", "data-write", "data-access"):
        assert {(cause, slot) for slot in range(4)} <= causes
    for kind in ("write", "access"):
        titles = " ".join(e.title for e in DEMO_EVENTS if e.name.startswith(kind))
        assert all(f"{length} byte" in titles for length in (1, 2, 4, 8))


def test_bits_and_dr6_agree_with_the_register_s_polarity() -> None:
    by_name = {event.name: event.raised[0] for event in DEMO_EVENTS}
    assert by_name["bus_lock"].dr6 == 0xFFFF07F0
    assert by_name["bus_lock"].set_bits == ("BLD",)
    assert by_name["sticky_write"].dr6 == 0xFFFF4FF2
    assert by_name["sticky_write"].set_bits == ("B1",)
    assert by_name["step_execute"].set_bits == ("B0", "BS")


def test_a_log_ends_at_the_first_empty_record() -> None:
    record = bytes.fromhex("01".ljust(16, "0")) * 8
    assert parse_log(record + bytes(64) + record) == (LogRecord(1, 1, 1, 1, 1, 1, 1, 1),)


def test_a_log_in_pieces_is_refused() -> None:
    with pytest.raises(ValueError, match="64 bytes"):
        parse_log(bytes(63))


def expected_here(event: DemoEvent) -> tuple[GuestLogEntry, ...]:
    version = qemu_version()
    if ("qemu-tcg", ".".join(version.split(".")[:2])) not in MEASURED:
        pytest.skip(f"QEMU {version} with TCG was not measured yet")
    return expected(event, "qemu-tcg", version)


def console_lines() -> list[str]:
    """What the guest prints here, from the list of events."""
    symbols = read_image(DEMO_IMAGE).symbols
    names = {vector: name for name, vector in VECTOR_NAMES.items()}
    lines = ["dr6 demo guest"]
    for event in DEMO_EVENTS:
        seen = expected_here(event)
        lines += [
            f"{event.id:02} {names[s.vector]} dr6={s.dr6:08x} rip={symbols[s.rip]:016x} {event.title}" for s in seen
        ]
        if not seen:
            missing = "not supported by this CPU" if event.needs else "not raised"
            lines.append(f"{event.id:02} -- {missing}: {event.title}")
    return [*lines, "end"]


@pytest.mark.live
@pytest.mark.slow
async def test_the_guest_prints_every_event_in_order_and_powers_off_with_status_0() -> None:
    ran = await run_to_end(DEMO_IMAGE)
    assert ran.console.splitlines() == console_lines()
    assert ran.status == 0


@pytest.mark.live
@pytest.mark.slow
async def test_the_guest_ends_without_acpi_too() -> None:
    ran = await run_to_end(DEMO_IMAGE, "-machine", "microvm")
    assert ran.console.splitlines()[-1] == "end"
    assert ran.status == 0


@pytest.mark.live
@pytest.mark.slow
async def test_the_guest_says_so_on_a_cpu_without_long_mode() -> None:
    ran = await run_to_end(DEMO_IMAGE, "-cpu", "qemu32")
    assert ran.console == "dr6 demo guest: this CPU has no long mode\n"
    assert ran.status == 0


@pytest.mark.live
@pytest.mark.slow
async def test_the_log_in_memory_holds_what_the_events_raise(tmp_path: Path) -> None:
    symbols = read_image(DEMO_IMAGE).symbols
    memory = await memory_at_end(DEMO_IMAGE, symbols["event_log"], 128 * 64, tmp_path)
    log = parse_log(memory)
    seen = [(r.event, r.vector, r.dr6, r.rip, bool(r.rflags & RF), r.error_code) for r in log]
    assert seen == [
        (event.id, s.vector, s.dr6, symbols[s.rip], s.rf, s.error_code)
        for event in DEMO_EVENTS
        for s in expected_here(event)
    ]
    cpls = {event.id: event.raised[-1].cpl for event in DEMO_EVENTS}
    assert all(r.cs & 3 == cpls[r.event] for r in log)


@pytest.mark.live
@pytest.mark.slow
async def test_an_exception_outside_of_every_event_is_named_and_ends_the_guest(tmp_path: Path) -> None:
    console = tmp_path / "console"
    ud2 = "set {short}$pc = 0x0b0f"
    await gdb(DEMO_IMAGE, "hbreak *run_events", "continue", ud2, "continue", qemu=f"-serial file:{console}")
    at = read_image(DEMO_IMAGE).symbols["run_events"]
    assert console.read_text().splitlines() == ["dr6 demo guest", f"-- unexpected exception 06 {at:016x}"]


@pytest.mark.live
@pytest.mark.slow
async def test_a_db_between_two_events_is_said_and_the_guest_goes_on(tmp_path: Path) -> None:
    console = tmp_path / "console"
    set_tf = "set $eflags = $eflags | 0x100"
    commands = ("hbreak *run_events", "continue", "delete", set_tf, "continue")
    await gdb(DEMO_IMAGE, *commands, qemu=f"-serial file:{console}")
    lines = console_lines()
    lines.insert(1, "-- a #DB between two events")
    assert console.read_text().splitlines() == lines
