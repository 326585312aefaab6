"""QEMU's monitor texts: real ones are read exactly, altered ones are refused or read as what they then say."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.backends.qemu.monitor import (
    MonitorRegisters,
    parse_cpu_path,
    parse_info_registers,
    parse_kvm,
    parse_roms,
    parse_vendor,
    parse_version,
)
from gdbstub.errors import RemoteProtocolError
from gdbstub.x86.cpu_state import DebugState, Segment

GOLDEN = Path(__file__).parent / "golden"
NAMES = ("reset", "16", "32", "64")
LAST_LINE_READ = "EFER="


def golden(name: str) -> str:
    """What QEMU 7.2's monitor printed for the test guest ``modes``."""
    return (GOLDEN / f"{name}.txt").read_text()


TEXTS = {name: golden(f"registers-{name}") for name in NAMES}


@pytest.mark.parametrize(("name", "mode"), [("reset", 16), ("16", 16), ("32", 32), ("64", 64)])
def test_each_mode_is_told_from_cs_and_efer(name: str, mode: int) -> None:
    assert parse_info_registers(TEXTS[name]).mode == mode


def test_sixteen_bit_code_is_read_with_its_segment_bases() -> None:
    read = parse_info_registers(TEXTS["16"])
    assert (read.cpu, read.rip, read.rflags, read.cpl, read.halted) == (0, 0x24, 0x46, 0, False)
    assert read.segments["cs"] == Segment(0x800, 0x8000, 0xFFFF, 0x9B00)
    assert set(read.segments) == {"es", "cs", "ss", "ds", "fs", "gs"}
    assert (read.cr0, read.cr2, read.cr3, read.cr4, read.efer) == (0x10, 0, 0, 0, 0)
    assert (read.tables.gdt, read.tables.idt) == ((0x101000, 0x2F), (0, 0x3FF))


def test_sixty_four_bit_code_is_read_with_its_tables_and_debug_registers() -> None:
    read = parse_info_registers(TEXTS["64"])
    assert read.segments["cs"] == Segment(8, 0, 0xFFFF_FFFF, 0xAF9B00)
    assert read.tables.tr == Segment(0, 0, 0xFFFF, 0x8B00)
    assert read.tables.ldt == Segment(0, 0, 0xFFFF, 0x8200)
    assert (read.cr0, read.cr3, read.cr4, read.efer) == (0x80000011, 0x102000, 0x20, 0x500)
    assert read.debug == DebugState(0, 0, 0, 0, 0xFFFF0FF0, 0x400, "monitor")


def test_debug_registers_are_taken_each_from_its_own_field() -> None:
    text = TEXTS["64"]
    for number, name in enumerate(("DR0", "DR1", "DR2", "DR3", "DR6", "DR7"), start=1):
        text = re.sub(rf"{name}=[0-9a-f]+", f"{name}=1122334455667{number:03x}", text)
    assert parse_info_registers(text).debug[:6] == tuple(0x1122334455667001 + n for n in range(6))


def test_a_halted_vcpu_and_its_number_are_read() -> None:
    text = TEXTS["32"].replace("HLT=0", "HLT=1").replace("CPU#0", "CPU#17").replace("CPL=0", "CPL=3")
    read = parse_info_registers(text)
    assert (read.halted, read.cpu, read.cpl) == (True, 17, 3)


def test_a_text_without_the_vcpu_s_line_is_read_too() -> None:
    text = TEXTS["64"].replace("\nCPU#0\n", "")
    assert parse_info_registers(text).cpu is None


def lines_that_are_read(text: str) -> list[str]:
    lines = text.splitlines(keepends=True)
    end = next(i for i, line in enumerate(lines) if line.startswith(LAST_LINE_READ))
    return lines[: end + 1]


def relevant() -> list[tuple[str, int]]:
    """Lines from RIP to EFER; general registers come from ``g`` and are not read here."""
    found = []
    for name in NAMES:
        lines = lines_that_are_read(TEXTS[name])
        first = next(i for i, line in enumerate(lines) if re.match("[RE]IP=", line))
        found += [(name, i) for i in range(first, len(lines))]
    return found


@pytest.mark.parametrize(("name", "number"), relevant())
def test_no_line_may_be_missing_doubled_cut_or_renamed(name: str, number: int) -> None:
    lines = TEXTS[name].splitlines(keepends=True)
    line = lines[number]
    half = line[: len(line) // 2] + "\n"
    for altered in ("", half, line.replace("=", ":"), line.replace("0", "x"), line.replace("=", "Q=", 1)):
        text = "".join([*lines[:number], altered, *lines[number + 1 :]])
        with pytest.raises(RemoteProtocolError, match="info registers"):
            parse_info_registers(text)
    doubled = "".join([*lines[:number], line, *lines[number:]])
    assert_refused_or_equal(doubled, parse_info_registers(TEXTS[name]))


def assert_refused_or_equal(text: str, wanted: MonitorRegisters) -> None:
    try:
        read = parse_info_registers(text)
    except RemoteProtocolError:
        return
    assert read == wanted


@given(st.sampled_from(NAMES), st.data())
def test_a_text_that_lost_a_character_gives_no_wrong_value(name: str, data: st.DataObject) -> None:
    text = "".join(lines_that_are_read(TEXTS[name]))
    at = data.draw(st.integers(len("\nCPU#0\n"), len(text) - 1))
    assert_refused_or_equal(text[:at] + text[at + 1 :], parse_info_registers(text))


@given(st.text(max_size=200))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_info_registers(text)


def test_version_accelerator_and_vendor_are_read_as_qemu_prints_them() -> None:
    assert re.fullmatch(r"7\.2\.\d+", parse_version(golden("version")) or "")
    assert parse_kvm(golden("kvm")) is False
    assert parse_kvm("kvm support: enabled\n") is True
    assert parse_cpu_path(golden("cpus")) == "/machine/unattached/device[0]"
    assert parse_vendor('"AuthenticAMD"\n') == "amd"
    assert parse_vendor('"GenuineIntel"\n') == "intel"


def test_what_is_not_understood_is_unknown() -> None:
    assert parse_version("unknown command: 'info version'") is None
    assert parse_kvm("unknown command") is None
    assert parse_cpu_path("Hotpluggable CPUs:\n") is None
    assert parse_vendor('"HygonGenuine"') is None
    assert parse_roms("") == ()


def test_only_what_was_loaded_into_ram_is_listed() -> None:
    assert parse_roms(golden("roms")) == ((0x100000, 0xC7), (0x101000, 0x4410), (0x106000, 0xA0))


@pytest.mark.parametrize(
    "text", ["1" * 200_000, "1." * 100_000, "\n" * 200_000, "RIP=00000000 RFL=" * 12_000, "0" * 8 * 25_000]
)
def test_a_text_of_any_length_takes_no_time_to_speak_of(text: str) -> None:
    """What grows with the square of the length takes minutes here."""
    started = time.process_time()
    parse_version(text)
    parse_kvm(text)
    parse_cpu_path(text)
    parse_roms(text)
    with pytest.raises(RemoteProtocolError):
        parse_info_registers(text)
    with pytest.raises(RemoteProtocolError):
        parse_info_registers("RIP=0000000000000000 RFL=00000000 [] CPL=0 II=0 A20=1 SMM=0 HLT=0\n" + text)
    assert time.process_time() - started < 2


def test_a_version_is_three_numbers_of_a_version() -> None:
    assert parse_version("7.2.22\r\n") == "7.2.22"
    assert parse_version("1" * 10 + ".2.3") is None
    assert parse_version("1.2." + "3" * 10) is None
