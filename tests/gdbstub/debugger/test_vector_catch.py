"""Catching vectors: the handler is found in every kind of interrupt table, followed when it changes, and the frame
on its stack is read as the gate laid it out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Literal

import pytest

from gdbstub.backends import BACKENDS
from gdbstub.debugger.breakpoints import BreakpointTable
from gdbstub.debugger.physical_points import PhysicalPoints
from gdbstub.debugger.vector_catch import VectorCatch
from gdbstub.errors import GdbError
from gdbstub.remote.handshake import greet
from gdbstub.remote.target import RemoteTarget
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.cpu_state import CpuState, DebugState, DescriptorTables, Segment
from gdbstub.x86.registers import Mode
from tests.fakes.stub import CODE, FakeStub, connected

IDT, GDT, STACK = 0x2000, 0x3000, 0x5000
CODE_64, CODE_32, CODE_16, DATA_32 = 0xAF9B00, 0xCF9B00, 0x009B00, 0xCF9300
INTERRUPT, TRAP, INTERRUPT_16, TASK = 0x8E, 0x8F, 0x86, 0x85


def state(
    mode: Mode,
    *,
    pc: int = 0,
    cs: Segment | None = None,
    ss: Segment | None = None,
    idt: tuple[int, int] = (IDT, 0xFFF),
    protected: bool = True,
) -> CpuState:
    """A CPU that executes at offset ``pc`` of ``cs``, its stack pointer at offset STACK."""
    attributes = {64: CODE_64, 32: CODE_32, 16: CODE_16}[mode]
    cs = cs or Segment(8, 0, 0xFFFF_FFFF, attributes)
    ss = ss or Segment(0x10, 0, 0xFFFF_FFFF, DATA_32)
    registers = {"rip": pc, "rsp": STACK, "cs": cs.selector, "cr0": int(protected), "efer": 0x500 if mode == 64 else 0}
    segments = dict.fromkeys(("es", "ds", "fs", "gs"), ss) | {"cs": cs, "ss": ss}
    tables = DescriptorTables((GDT, 0xFF), idt, Segment(0, 0, 0, 0), Segment(0, 0, 0, 0))
    return CpuState(0, registers, DebugState(), mode, cs.selector & 3, segments, tables)


def gate(offset: int, selector: int, attributes: int, *, wide: bool, ist: int = 0) -> bytes:
    low = (offset & 0xFFFF) | selector << 16 | ist << 32 | attributes << 40 | (offset >> 16 & 0xFFFF) << 48
    return low.to_bytes(8, "little") + ((offset >> 32).to_bytes(8, "little") if wide else b"")


def segment_descriptor(base: int, attributes: int) -> bytes:
    low = 0xFFFF | (base & 0xFFFF) << 16
    high = base >> 16 & 0xFF | attributes & 0xFFFF00 | base >> 24 << 24
    return (low | high << 32).to_bytes(8, "little")


def words(width: int, *values: int) -> bytes:
    return b"".join(value.to_bytes(width, "little") for value in values)


@asynccontextmanager
async def catcher(
    stub: FakeStub, *vectors: int, watch: bool = False
) -> AsyncIterator[tuple[VectorCatch, BreakpointTable]]:
    stub.place(IDT, bytes(0x1000))
    stub.place(GDT, bytes(0x1000))
    stub.place(STACK, bytes(0x1000))
    async with connected(stub) as stream:
        remote = RemoteTarget(stream)
        await greet(remote, "stub")
        rows = BreakpointTable(PhysicalPoints(remote, BACKENDS["qemu-tcg"].capabilities))
        for number in vectors:
            await rows.add(BreakpointKind.CATCH, None, vector=number, means="hw")
        yield VectorCatch(rows, watch_gates=watch), rows


async def test_a_vcpu_that_starts_up_takes_no_handler_from_those_that_run() -> None:
    stub = FakeStub()
    async with catcher(stub, 1) as (caught, _):
        stub.place(IDT + 16, gate(0x1234, 8, INTERRUPT, wide=True))
        running = state(64)
        await caught.refresh(running)
        assert caught.handlers == {0x1234: 1}
        starting = replace(state(64, idt=(IDT + 0x800, 0x3FF)), cpu=1)
        stub.place(IDT + 0x810, bytes.fromhex("53ff00f0") * 4)  # as the BIOS leaves its vectors: no gate of this mode
        await caught.refresh(starting)
        assert caught.handlers == {0x1234: 1}
        stub.place(0x7010, gate(0x5678, 8, INTERRUPT, wide=True))
        await caught.refresh(replace(state(64, idt=(0x7000, 0xFFF)), cpu=1))  # its LIDT
        assert caught.handlers == {0x5678: 1}


async def test_in_real_mode_the_vector_table_names_segment_and_offset() -> None:
    stub = FakeStub()
    async with catcher(stub, 1) as (caught, _):
        stub.place(IDT + 4, words(2, 0x123, 0x80))
        here = state(16, idt=(IDT, 0x3FF), protected=False)
        await caught.refresh(here)
        assert caught.handlers == {0x923: 1}
        stub.place(0x7000 + STACK, words(2, 0x44, 0x90, 0x302))
        stub.place(0x944, b"\xcc")
        at = state(
            16,
            pc=0x123,
            cs=Segment(0x80, 0x800, 0xFFFF, 0x9B00),
            ss=Segment(0x700, 0x7000, 0xFFFF, 0x9300),
            protected=False,
        )
        event, mode, windows = await caught.event(1, at)
        assert event.frame is not None
        assert (event.frame.rip, event.frame.cs, event.frame.rflags, event.frame.rsp) == (0x44, 0x90, 0x302, None)
        assert (mode, event.handler) == (16, 0x923)
        (window,) = windows
        assert window.address <= 0x944 < window.address + len(window.bytes)


@pytest.mark.parametrize(
    ("number", "also", "serves"), [(1, (2, 5), "2 other vectors"), (6, (7,), "1 other vector"), (8, (), "IRQ 0")]
)
async def test_a_real_mode_handler_that_serves_others_too_is_none_and_it_is_said_why(
    number: int, also: tuple[int, ...], serves: str
) -> None:
    stub = FakeStub()
    async with catcher(stub, number) as (caught, _):
        for one in (number, *also):
            stub.place(IDT + 4 * one, words(2, 0xFF53, 0xF000))
        await caught.refresh(state(16, idt=(IDT, 0x3FF), protected=False))
        assert caught.handlers == {}
        assert caught.why_none(number) == f"the one in real mode's table, at 0xfff53, is that of {serves} too"


async def test_an_empty_real_mode_vector_is_no_handler() -> None:
    stub = FakeStub()
    async with catcher(stub, 1) as (caught, rows):
        await caught.refresh(state(16, idt=(IDT, 0x3FF), protected=False))
        assert (caught.handlers, caught.why_none(1)) == ({}, "")
        assert not caught.settled
        assert next(iter(rows)).armed_as is None


@pytest.mark.parametrize("kind", [INTERRUPT, TRAP])
async def test_a_32_bit_gate_names_an_offset_in_a_segment_with_a_base(kind: int) -> None:
    stub = FakeStub()
    async with catcher(stub, 1) as (caught, _):
        stub.place(IDT + 8, gate(0x1_2345, 0x18, kind, wide=False))
        stub.place(GDT + 0x18, segment_descriptor(0x40_0000, CODE_32))
        await caught.refresh(state(32))
        assert caught.handlers == {0x41_2345: 1}
        loaded = Segment(0x18, 0x50_0000, 0xFFFF_FFFF, CODE_32)  # what CS holds counts, not what the GDT says now
        await caught.refresh(state(32, cs=loaded))
        assert caught.handlers == {0x51_2345: 1}


@pytest.mark.parametrize(("saved_cs", "from_user"), [(8, False), (0x1B, True)])
async def test_a_32_bit_frame_has_ss_and_esp_only_after_a_change_of_privilege(saved_cs: int, from_user: bool) -> None:
    stub = FakeStub()
    async with catcher(stub, 13) as (caught, _):
        stub.place(IDT + 13 * 8, gate(CODE, 8, INTERRUPT, wide=False))
        stub.place(GDT + 0x18, segment_descriptor(0, CODE_32))
        await caught.refresh(state(32))
        stub.place(STACK, words(4, 0x1234, 0x4000_1000, saved_cs, 0x202, 0xBFFF_0000, 0x23))
        event, mode, _ = await caught.event(13, state(32, pc=CODE))
        frame = event.frame
        assert frame is not None
        assert (frame.error_code, frame.rip, frame.cs, frame.rflags) == (0x1234, 0x4000_1000, saved_cs, 0x202)
        assert (frame.rsp, frame.ss) == ((0xBFFF_0000, 0x23) if from_user else (None, None))
        assert mode == 32


async def test_a_16_bit_gate_of_protected_mode_pushes_words() -> None:
    stub = FakeStub()
    async with catcher(stub, 1) as (caught, _):
        stub.place(IDT + 8, gate(0xFFFF_1000, 8, INTERRUPT_16, wide=False))
        await caught.refresh(state(32))
        assert caught.handlers == {0x1000: 1}
        stub.place(STACK, words(2, 0x4444, 8, 0x202))
        event, _, _ = await caught.event(1, state(32, pc=0x1000))
        assert event.frame is not None
        assert (event.frame.rip, event.frame.cs, event.frame.rflags) == (0x4444, 8, 0x202)


async def test_a_64_bit_gate_has_a_wide_offset_and_any_stack() -> None:
    stub = FakeStub()
    handler = 0xFFFF_8000_1234_5678
    async with catcher(stub, 1, 14) as (caught, _):
        stub.place(IDT + 16, gate(handler, 8, INTERRUPT, wide=True, ist=3))
        stub.place(IDT + 14 * 16, gate(CODE, 8, TRAP, wide=True))
        await caught.refresh(state(64))
        assert caught.handlers == {handler: 1, CODE: 14}
        stub.place(STACK, words(8, handler + 0x100, 0x33, 0x10302, 0x7FFF_0000_1000, 0x2B))
        event, mode, _ = await caught.event(1, state(64, pc=handler))
        assert event.frame is not None
        assert event.frame[:5] == (handler + 0x100, 0x33, 0x10302, 0x7FFF_0000_1000, 0x2B)
        assert event.frame.error_code is None
        stub.place(STACK, words(8, 2, CODE + 5, 8, 0x202, 0x6000, 0x10))
        event, mode, _ = await caught.event(14, state(64, pc=CODE))
        assert event.frame is not None
        assert (event.frame.error_code, event.frame.rip, mode) == (2, CODE + 5, 64)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (gate(CODE, 8, INTERRUPT & ~0x80, wide=True), "not present"),
        (gate(CODE, 0, INTERRUPT, wide=True), "null selector"),
        (gate(CODE, 8, TASK, wide=True), "task gate"),
        (bytes(16), "empty"),
    ],
)
async def test_what_is_no_handler_is_not_armed(entry: bytes, why: str) -> None:
    stub = FakeStub()
    async with catcher(stub, 1) as (caught, rows):
        stub.place(IDT + 16, entry)
        await caught.refresh(state(64))
        assert caught.handlers == {}, why
        assert next(iter(rows)).armed_as is None


@pytest.mark.parametrize(("idt", "why"), [((IDT, 15), "limit before the gate"), ((0x70_0000, 0xFFF), "not mapped")])
async def test_a_table_that_does_not_reach_to_the_gate_has_no_handler(idt: tuple[int, int], why: str) -> None:
    stub = FakeStub()
    async with catcher(stub, 1) as (caught, _):
        stub.place(IDT + 16, gate(CODE, 8, INTERRUPT, wide=True))
        await caught.refresh(state(64, idt=idt))
        assert caught.handlers == {}, why
        assert stub.points == []


async def test_another_table_or_another_mode_makes_it_stale_and_the_breakpoint_follows() -> None:
    stub = FakeStub()
    async with catcher(stub, 1) as (caught, _):
        stub.place(IDT + 8, gate(CODE, 8, INTERRUPT, wide=False))
        stub.place(IDT + 0x800 + 16, gate(CODE + 4, 8, INTERRUPT, wide=True))
        early = state(32)
        assert caught.is_stale(early)
        await caught.refresh(early)
        assert stub.points == [(1, CODE, 1)]
        assert not caught.is_stale(early)
        late = state(64, idt=(IDT + 0x800, 0x7FF))
        assert caught.is_stale(late)
        assert caught.is_stale(state(64))
        await caught.refresh(late)
        assert stub.points == [(1, CODE + 4, 1)]


@pytest.mark.parametrize("mode", [32, 64])
async def test_a_watched_gate_covers_its_bytes_and_a_rewritten_one_moves_the_breakpoint(mode: Literal[32, 64]) -> None:
    size = mode // 4
    stub = FakeStub()
    async with catcher(stub, 1, watch=True) as (caught, rows):
        real = [(2, 4, 4)] * (mode == 32)  # real mode's slot, for as long as the guest may be back there
        await caught.refresh(state(mode))
        assert sorted(stub.points) == sorted([(2, IDT + size, size), *real])
        assert [caught.is_gate_watch(IDT + at) for at in (size - 1, size, 2 * size - 1, 2 * size)] == [
            *(False, True, True, False)
        ]
        stub.place(IDT + size, gate(CODE, 8, INTERRUPT, wide=mode == 64))
        await caught.refresh(state(mode))
        assert sorted(stub.points) == sorted([(1, CODE, 1), (2, IDT + size, size), *real])
        await rows.remove(1)
        await caught.refresh(state(mode))
        assert stub.points == []


async def test_the_handler_of_real_mode_stays_watched_while_protected_mode_goes_to_and_fro() -> None:
    stub = FakeStub()
    async with catcher(stub, 1, watch=True) as (caught, _):
        stub.place(0, bytes(0x400))
        stub.place(4, words(2, 0x123, 0x80))
        stub.place(IDT + 8, gate(CODE, 8, INTERRUPT, wide=False))
        await caught.refresh(state(32))
        assert sorted(stub.points) == [(1, 0x923, 1), (1, CODE, 1), (2, 4, 4), (2, IDT + 8, 8)]
        assert caught.handlers == {CODE: 1}
        assert caught.is_passed_by(0x923)
        stub.place(4, words(2, 0x456, 0x80))
        await caught.refresh(state(32))
        assert (1, 0xC56, 1) in stub.points
        assert (1, 0x923, 1) not in stub.points
        await caught.refresh(state(16, idt=(0, 0x3FF), protected=False))
        assert (caught.handlers, sorted(stub.points)) == ({0xC56: 1}, [(1, 0xC56, 1), (2, 4, 4)])
        await caught.refresh(state(64))
        assert all(address not in (4, 0xC56) for _, address, _ in stub.points)


def task_state(*, previous: int = 0, eip: int = 0, cs: int = 8, esp: int = 0, eflags: int = 2) -> bytes:
    fields = {0: previous, 0x20: eip, 0x24: eflags, 0x38: esp, 0x4C: cs, 0x50: 0x10}
    return b"".join(fields.get(at, 0).to_bytes(4, "little") for at in range(0, 104, 4))


def task_descriptor(base: int) -> bytes:
    return segment_descriptor(base, 0x008B00)[:6] + bytes([0, base >> 24])


MAIN, HANDLING = 0x6000, 0x6100
TO_MAIN, TO_HANDLING = 0x18, 0x20


async def test_a_task_gate_leads_to_where_its_task_stands_and_the_frame_is_the_outgoing_task() -> None:
    stub = FakeStub()
    async with catcher(stub, 1, watch=True) as (caught, _):
        stub.place(IDT + 8, gate(0, TO_HANDLING, TASK, wide=False))
        stub.place(GDT + TO_MAIN, task_descriptor(MAIN))
        stub.place(GDT + TO_HANDLING, task_descriptor(HANDLING))
        stub.place(MAIN, task_state(eip=0x1234, esp=0x7000, eflags=0x102))
        stub.place(HANDLING, task_state(eip=CODE))
        await caught.refresh(state(32))
        assert caught.handlers == {CODE: 1}
        assert caught.is_gate_watch(HANDLING + 0x20)
        stub.place(HANDLING, task_state(previous=TO_MAIN, eip=CODE))
        at = state(32, pc=CODE)
        assert at.tables is not None
        at = replace(at, tables=at.tables._replace(tr=Segment(TO_HANDLING, HANDLING, 0x67, 0x8B00)))
        event, mode, _ = await caught.event(1, at)
        assert event.frame is not None
        assert event.frame[:5] == (0x1234, 8, 0x102, 0x7000, 0x10)
        assert (mode, event.frame.size) == (32, None)
        stub.place(HANDLING, task_state(eip=CODE + 9))  # it has run, and will go on behind its IRET
        await caught.refresh(state(32))
        assert caught.handlers == {CODE + 9: 1}


async def test_a_task_that_cannot_be_read_has_no_handler_and_no_frame() -> None:
    stub = FakeStub()
    async with catcher(stub, 1, watch=True) as (caught, _):
        stub.place(IDT + 8, gate(0, TO_HANDLING, TASK, wide=False))
        await caught.refresh(state(32))
        assert caught.handlers == {}
        stub.place(GDT + TO_HANDLING, task_descriptor(0x9000_0000))
        await caught.refresh(state(32))
        assert caught.handlers == {}
        event, mode, windows = await caught.event(1, state(32, pc=CODE))
        assert (event.frame, mode, windows) == (None, None, ())


FRAME_64 = words(8, 0x1234, 8, 0x202, 0x8000, 0x10)


@pytest.mark.parametrize(
    ("number", "pushed"), [(1, FRAME_64), (2, FRAME_64), (18, FRAME_64), (8, words(8, 0) + FRAME_64)]
)
async def test_a_frame_is_read_where_the_stack_ends_at_the_last_mapped_byte(number: int, pushed: bytes) -> None:
    stub = FakeStub()
    async with catcher(stub, number) as (caught, _):
        stub.place(IDT + 16 * number, gate(CODE, 8, INTERRUPT, wide=True, ist=1))
        await caught.refresh(state(64))
        assert STACK + 0x1000 not in stub.pages
        top = STACK + 0x1000 - len(pushed)
        stub.place(top, pushed)
        here = state(64, pc=CODE)
        event, _, _ = await caught.event(number, replace(here, registers=here.registers | {"rsp": top}))
        assert event.frame is not None
        assert event.frame[:5] == (0x1234, 8, 0x202, 0x8000, 0x10)


async def test_a_frame_that_goes_on_in_the_next_page_is_read_whole_or_as_far_as_it_goes() -> None:
    stub = FakeStub()
    async with catcher(stub, 1) as (caught, _):
        stub.place(IDT + 8, gate(CODE, 8, INTERRUPT, wide=False))
        await caught.refresh(state(32))
        top = STACK + 0x1000 - 12
        stub.place(top, words(4, 0x1234, 8, 0x202))
        here = state(32, pc=CODE)
        here = replace(here, registers=here.registers | {"rsp": top})
        event, _, _ = await caught.event(1, here)
        assert event.frame is not None
        assert (event.frame.rip, event.frame.rsp) == (0x1234, None)
        stub.place(STACK + 0x1000, bytes(0x1000))
        stub.place(top, words(4, 0x1234, 0x1B, 0x202, 0xBFFF_0000, 0x23))
        event, _, _ = await caught.event(1, here)
        assert event.frame is not None
        assert (event.frame.rsp, event.frame.ss) == (0xBFFF_0000, 0x23)


async def test_a_frame_that_cannot_be_read_is_no_frame() -> None:
    stub = FakeStub()
    async with catcher(stub, 1) as (caught, _):
        stub.place(IDT + 16, gate(CODE, 8, INTERRUPT, wide=True))
        await caught.refresh(state(64))
        del stub.pages[STACK]
        event, mode, windows = await caught.event(1, state(64, pc=CODE))
        assert (event.vector, event.handler, event.frame, mode, windows) == (1, CODE, None, None, ())


async def test_a_stub_that_shows_no_idtr_can_catch_nothing() -> None:
    bare = CpuState(0, {"rip": 0}, DebugState(), 64, None)
    async with catcher(FakeStub(), 1) as (caught, _):
        with pytest.raises(GdbError, match="does not show IDTR"):
            await caught.refresh(bare)
    async with catcher(FakeStub()) as (caught, _):
        await caught.refresh(bare)
        assert not caught.active
        assert not caught.is_stale(state(64))


async def test_a_disabled_catch_is_no_handler() -> None:
    stub = FakeStub()
    async with catcher(stub, 1) as (caught, rows):
        stub.place(IDT + 16, gate(CODE, 8, INTERRUPT, wide=True))
        await rows.enable(1, False)
        await caught.refresh(state(64))
        assert (caught.handlers, stub.points) == ({}, [])
        await rows.enable(1, True)
        await caught.refresh(state(64))
        assert (caught.handlers, stub.points) == ({CODE: 1}, [(1, CODE, 1)])


async def test_a_handler_that_all_vectors_of_a_bios_share_is_no_handler_of_one() -> None:
    """F000:FF53 serves interrupts as well: a stop there says nothing of vector 6."""
    stub = FakeStub()
    async with catcher(stub, 6) as (caught, rows):
        stub.place(IDT, words(2, 0xFF53, 0xF000) * 256)
        await caught.refresh(state(16, idt=(IDT, 0x3FF), protected=False))
        assert [row.address for row in rows] == [None]
        assert caught.handlers == {}


async def test_a_handler_that_vectors_of_an_idt_share_leaves_a_doubt() -> None:
    stub = FakeStub()
    async with catcher(stub, 6, 14) as (caught, _):
        stub.place(IDT, gate(CODE, 8, INTERRUPT, wide=True) * 3 + gate(CODE + 16, 8, INTERRUPT, wide=True) * 4)
        stub.place(IDT + 14 * 16, gate(CODE + 32, 8, INTERRUPT, wide=True))
        await caught.refresh(state(64))
        assert caught.handlers == {CODE + 16: 6, CODE + 32: 14}
        (doubt,) = caught.doubts(6)
        assert "3 others" in doubt
        assert caught.doubts(14) == ()


async def test_of_vectors_with_one_handler_what_changed_tells_which_it_was() -> None:
    stub = FakeStub()
    async with catcher(stub, 1, 13, 14) as (caught, _):
        for number in (1, 13, 14):
            stub.place(IDT + number * 16, gate(CODE, 8, INTERRUPT, wide=True))
        await caught.refresh(state(64))
        before, at = state(64), state(64, pc=CODE)
        assert caught.vector_at(at, before) == 13
        assert caught.vector_at(replace(at, registers=at.registers | {"cr2": 0x4000}), before) == 14
        assert caught.vector_at(replace(at, debug=DebugState(dr6=0xFFFF4FF0)), before) == 1
        assert caught.vector_at(before, before) is None


LIDT = bytes.fromhex("0f0118")


@asynccontextmanager
async def kvm_catcher(stub: FakeStub, *vectors: int) -> AsyncIterator[VectorCatch]:
    """As on KVM: software breakpoints, and no hardware one that nobody asked for."""
    stub.patches = True
    stub.place(IDT, bytes(0x1000))
    async with connected(stub) as stream:
        remote = RemoteTarget(stream)
        await greet(remote, "stub")
        rows = BreakpointTable(PhysicalPoints(remote, BACKENDS["qemu-kvm"].capabilities))
        for number in vectors:
            await rows.add(BreakpointKind.CATCH, None, vector=number, means="sw")
        yield VectorCatch(rows, watch_gates=False)


async def test_where_hardware_breakpoints_take_the_guests_own_away_only_a_proven_lidt_is_marked_by_an_int3() -> None:
    stub = FakeStub()
    places = {"proven": CODE, "a guess": CODE + 0x10, "proven, not loaded": CODE + 0x20}
    stub.place(CODE, LIDT)
    stub.place(CODE + 0x10, LIDT)
    stub.place(CODE + 0x20, bytes(3))
    async with kvm_catcher(stub) as caught:
        sure = frozenset({places["proven"], places["proven, not loaded"], 0x7777_0000_0000})
        await caught.watch_lidt((*places.values(), 0x7777_0000_0000), sure)
        assert stub.points == [(0, CODE, 1)]
        assert [caught.is_passed_by(address) for address in places.values()] == [True, False, False]


async def test_where_hardware_breakpoints_cost_nothing_every_lidt_is_marked_by_one() -> None:
    stub = FakeStub()
    async with catcher(stub, watch=True) as (caught, _):
        await caught.watch_lidt((CODE, CODE + 0x10), frozenset())
        assert stub.points == [(1, CODE, 1), (1, CODE + 0x10, 1)]


async def test_a_handler_that_is_not_mapped_has_no_breakpoint_until_it_is() -> None:
    """Between two modes: IDTR still names the 32-bit table, whose gates read as 64-bit ones lead nowhere."""
    stub = FakeStub()
    async with kvm_catcher(stub, 1) as caught:
        stub.place(CODE, bytes(16))
        stub.place(IDT + 8, gate(0x10_01F4, 0x40, INTERRUPT, wide=False) * 2)
        stub.place(
            IDT + 16, gate(0x10_01FA, 0x40, INTERRUPT, wide=False) + gate(0x10_0200, 0x40, INTERRUPT, wide=False)
        )
        await caught.refresh(state(64))
        assert caught.handlers == {}
        assert stub.points == []
        stub.place(0x6000 + 16, gate(CODE, 8, INTERRUPT, wide=True))
        await caught.refresh(state(64, idt=(0x6000, 0xFF)))
        assert caught.handlers == {CODE: 1}
        assert stub.points == [(0, CODE, 1)]
