"""What is read around a stop: code before and after it, its stack, and what cannot be read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from frontend.tui.breakpoint_rows import BreakpointRow, snapshot
from frontend.tui.events import StopShown, Toggle
from frontend.tui.gatherer import place
from frontend.tui.listing import before, disassemble, named, operand, read_before, read_some, where
from frontend.tui.panes import PANES, status, text_of
from frontend.tui.update import update
from frontend.tui.window import gather_window, stack_address
from gdbstub.debugger.breakpoints import Breakpoint
from gdbstub.errors import Refused, TransportError
from gdbstub.protocol.stops import Exited
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.cpu_state import DebugState, Segment
from tests.frontend.drawing import text
from tests.frontend.stories import CODE, EVENT, HANDLER, NAMES, START, STEPPED, code_at, state, view


class Memory:
    """Readable from ``start`` on, with ``data`` there and zeros behind up to ``end``; whole or not at all."""

    def __init__(self, start: int, data: bytes, end: int | None = None) -> None:
        self.start, self.data = start, data.ljust((end or start + len(data)) - start, b"\0")
        self.asked: list[tuple[int, int]] = []

    async def read_memory(self, address: int, length: int) -> bytes:
        self.asked.append((address, length))
        at = address - self.start
        if at < 0 or at + length > len(self.data):
            raise Refused(f"m{address:x},{length:x}", "14")
        return self.data[at : at + length]


class Nameless:
    def nearest(self, address: int) -> tuple[str, int] | None:
        return None


async def test_a_window_holds_the_code_before_and_after_the_stop() -> None:
    memory = Memory(START - 0x400, b"\xcc" * 0x400 + CODE, START + 0x1000)
    window = await gather_window(memory, NAMES, replace(EVENT, state=state(START + 12)))
    texts = {line.address: line for line in window.lines}

    assert [hex(a) for a in texts if START <= a < START + 12] == ["0x100400", "0x100401", "0x100404", "0x100405"]
    assert texts[START].label == "icebp_test"
    assert texts[START + 12].text == "mov dr0, rax"
    assert texts[START + 0x19].target == "memory_test"
    assert window.stack == (), "the stack cannot be read"


async def test_a_window_holds_the_code_that_an_event_came_from() -> None:
    memory = Memory(HANDLER - 0x149, bytes(0x400) + CODE, START + 0x1000)
    window = await gather_window(memory, NAMES, EVENT)

    assert {line.address for line in window.event} >= {START + 0x1E, START + 0x1F}
    assert not {line.address for line in window.event} & {line.address for line in window.lines}
    assert (await gather_window(memory, NAMES, STEPPED)).event == ()


@pytest.mark.parametrize(
    ("code", "address"),
    [("e8d6feffff", START - 0x125), ("8e1527170000", START + 0x172D), ("8e142508221000", 0x102208), ("c3", None)],
    ids=["jump", "beside rip", "absolute", "none"],
)
def test_an_instruction_names_an_address_or_none(code: str, address: int | None) -> None:
    (found,) = disassemble(bytes.fromhex(code), START, 64)
    assert operand(named(found, None)) == address


async def test_the_stack_is_read_in_words_with_the_names_of_what_they_point_at() -> None:
    top = STEPPED.state.registers["rsp"]
    data = b"".join(value.to_bytes(8, "little") for value in (START + 4, 7))
    window = await gather_window(Memory(top, data, top + 0x400), NAMES, STEPPED)

    assert window.word == 8
    assert window.stack[0] == (top, 0, START + 4, "icebp_test+4")
    assert window.stack[1] == (top + 8, 8, 7, "")
    assert [line.text for line in window.lines][:1] == ["mov rbp, rsp"], "the record's own bytes stand in"


async def test_reading_ends_at_the_page_that_is_missing() -> None:
    memory = Memory(0x1000, bytes(range(256)) * 16)

    assert len(await read_some(memory, 0x1FF0, 256)) == 16
    assert await read_some(memory, 0x5000, 256) == b""
    assert len(await read_before(memory, 0x1010, 64)) == 16
    assert await read_before(memory, 0x1000, 64) == b""
    assert await read_before(memory, 0, 64) == b""


async def test_a_broken_link_is_not_hidden() -> None:
    class Gone:
        async def read_memory(self, address: int, length: int) -> bytes:
            raise TransportError("The stub closed the connection.")

    with pytest.raises(TransportError):
        await gather_window(Gone(), NAMES, STEPPED)


async def test_nothing_is_read_of_a_guest_that_is_gone() -> None:
    memory = Memory(0, b"")
    window = await gather_window(
        memory, NAMES, replace(EVENT, stop=Exited(0)), (BreakpointRow(1, BreakpointKind.EXECUTE, 5),)
    )

    assert (window.lines, window.stack, memory.asked) == ((), (), [])
    assert window.breakpoints == (BreakpointRow(1, BreakpointKind.EXECUTE, 5),)


def test_code_is_read_backwards_from_what_is_sure() -> None:
    code = CODE[:12]
    lines = before(code, START, 64, START + 4)

    assert [line.text for line in lines] == ["nop", "mov rax, 1"]


def test_code_is_read_backwards_only_where_it_meets_the_stop() -> None:
    assert [line.text for line in before(CODE[:12], START, 64, None)][-1] == "mov rax, 1"
    assert before(b"\xe8\x00\x00", START, 64, START) == (), "half an instruction"
    assert before(b"", START, 64, None) == ()


def test_bytes_that_are_no_instruction_stand_for_themselves() -> None:
    lines = disassemble(b"\x06" + CODE, START, 64)

    assert (lines[0].text, lines[0].bytes) == ("", b"\x06")
    assert lines[1].text == "push rbp"


async def test_code_of_a_mode_that_is_not_known_is_shown_as_far_as_all_modes_read_it_alike() -> None:
    told = state(START)
    cpu = replace(
        told,
        registers={name: value for name, value in told.registers.items() if name[:2] != "cr" and name != "efer"},
        debug=DebugState(),
    )
    memory = Memory(START, bytes.fromhex("90 4889c3") + bytes(0x400))
    window = await gather_window(memory, NAMES, replace(EVENT, state=cpu))
    assert [line.text for line in window.lines] == ["nop"]
    window = await gather_window(memory, NAMES, replace(EVENT, state=replace(cpu, architecture=64)))
    assert [line.text for line in window.lines][:2] == ["nop", "mov rbx, rax"]

    unread = replace(EVENT, state=cpu, code=bytes.fromhex("4889c3"), number=9)
    seen = update(view(), StopShown(place(NAMES, unread)))
    seen = update(seen, Toggle("handler"))
    assert "reads as the CPU mode has it" in text(PANES["code"].render(seen, 120, 10))
    assert "i386:x86-64" in text(PANES["code"].render(seen, 40, 10)), "what to do is on a narrow screen, too"
    assert "mode ? CPL 0" in text_of(status(seen, 100))


@pytest.mark.parametrize(
    ("mode", "top"), [(64, 0x1_0000_1234), (32, 0x10_1234), (16, 0x10_1234)], ids=["64", "32", "16"]
)
def test_the_stack_is_at_ss_base_outside_of_64_bit_mode(mode: int, top: int) -> None:
    segments = {"ss": Segment(0x10, 0x10_0000, 0xFFFF, 0)}
    cpu = replace(state(START, rsp=0x1_0000_1234), mode=mode, segments=segments)  # type: ignore[arg-type]

    assert stack_address(cpu) == top


def test_places_are_written_as_gdb_writes_them() -> None:
    assert where(NAMES, START + 12) == "icebp_test+12"
    assert where(NAMES, START) == "icebp_test"
    assert where(Nameless(), START) == ""


def test_a_snapshot_leaves_out_what_is_hidden() -> None:
    rows = {
        2: Breakpoint(2, BreakpointKind.WRITE, 0x2000, 4, hits=3),
        -1: Breakpoint(-1, BreakpointKind.EXECUTE, 0x1000, hidden=True),
        1: Breakpoint(1, BreakpointKind.CATCH, None, vector=1, text="db", condition="$rax == 1"),
    }

    assert snapshot(rows) == (
        BreakpointRow(1, BreakpointKind.CATCH, None, vector=1, text="db", condition="$rax == 1"),
        BreakpointRow(2, BreakpointKind.WRITE, 0x2000, 4, hits=3),
    )
    assert code_at(START) == CODE
