"""One kind of breakpoint: what its packet, its debug register and its word in evidence are."""

from __future__ import annotations

import pytest

from gdbstub.x86.breakpoints import BY_PACKET, BY_RW, BreakpointKind


def test_the_packets_are_those_of_the_gdb_manual_and_the_registers_those_of_the_sdm() -> None:
    assert [kind.value for kind in BY_PACKET] == ["software", "execute", "write", "read", "access"]
    assert [kind.value for kind in BY_RW] == ["execute", "write", "io", "access"]


@pytest.mark.parametrize("number", range(5))
def test_a_packet_names_its_kind_and_the_kind_its_packet(number: int) -> None:
    assert BY_PACKET[number].packet == number


@pytest.mark.parametrize("number", range(4))
def test_a_debug_register_names_its_kind_and_the_kind_its_bits(number: int) -> None:
    kind = BY_RW[number]
    assert (kind.rw, kind.in_register, kind.is_hardware) == (number, kind, True)


def test_a_debug_register_that_watches_reads_watches_accesses() -> None:
    assert BreakpointKind.READ.in_register is BreakpointKind.ACCESS
    assert BreakpointKind.READ.rw == BreakpointKind.ACCESS.rw
    assert BreakpointKind.READ.is_hardware


def test_execution_breakpoints_are_those_of_instructions_and_watchpoints_those_of_memory() -> None:
    assert [kind.value for kind in BreakpointKind if kind.is_execution] == ["software", "execute", "catch"]
    assert [kind.value for kind in BreakpointKind if kind.is_watch] == ["write", "read", "access"]


@pytest.mark.parametrize("kind", [BreakpointKind.IO, BreakpointKind.CATCH])
def test_what_no_packet_asks_for_has_none(kind: BreakpointKind) -> None:
    with pytest.raises(ValueError, match="not in tuple"):
        _ = kind.packet


@pytest.mark.parametrize("kind", [BreakpointKind.SOFTWARE, BreakpointKind.CATCH])
def test_what_no_debug_register_holds_has_no_bits(kind: BreakpointKind) -> None:
    assert not kind.is_hardware
    with pytest.raises(ValueError, match="not in tuple"):
        _ = kind.rw
