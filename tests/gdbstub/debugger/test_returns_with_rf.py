"""Which IRETs are gone over by a watchpoint on their frame, and that the stop behind one is a step's."""

from __future__ import annotations

import pytest

from gdbstub.debugger.meeting_breakpoints import MeetingBreakpoints
from gdbstub.debugger.physical_points import PhysicalBreakpoint, PhysicalPoints
from gdbstub.debugger.returns_with_rf import ReturnsWithRf, image_size
from gdbstub.debugger.snapshot import Snapshot
from gdbstub.errors import Refused
from gdbstub.explain.evidence import NOTHING_KNOWN
from gdbstub.protocol.stops import Exited, Stop, Stopped, parse_stop
from gdbstub.remote.capabilities import Capabilities
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.cpu_state import CpuState, DebugState
from gdbstub.x86.registers import Mode

STACK, BEHIND, RF = 0x8000, 0x2000, 0x10002
WATCHED = PhysicalBreakpoint(BreakpointKind.READ, STACK, 8)
STOP = parse_stop(b"T05thread:p01.01;")


class Memory:
    """What `PhysicalPoints` writes to: the frame, and what is in the target."""

    def __init__(self, frame: bytes, *, refuses: str = "") -> None:
        self.frame = frame
        self.refuses = refuses
        self.inside: list[PhysicalBreakpoint] = []

    async def insert(self, kind: BreakpointKind, address: int, length: int) -> None:
        if self.refuses == "watch":
            raise Refused("Z3", "", "no watchpoints here")
        self.inside.append(PhysicalBreakpoint(kind, address, length))

    async def remove(self, kind: BreakpointKind, address: int, length: int) -> None:
        self.inside.remove(PhysicalBreakpoint(kind, address, length))

    async def read_memory(self, address: int, length: int) -> bytes:
        if self.refuses == "read":
            raise Refused("m", "", "no such page")
        return self.frame[address - STACK :][:length]

    async def write_memory(self, address: int, data: bytes) -> None:
        raise AssertionError

    def kept_memory(self, address: int, length: int) -> bytes | None:
        raise AssertionError


def frame(rip: int = BEHIND, rflags: int = RF, size: int = 8) -> bytes:
    return b"".join(value.to_bytes(size, "little") for value in (rip, 8, rflags))


def seen(code: str = "48cf", *, dr7: int | None = 0x401, mode: Mode = 64) -> Snapshot:
    """In front of an IRET, with an instruction breakpoint of the guest's where it may lead."""
    assert isinstance(STOP, Stopped)
    debug = DebugState(BEHIND, 0, 0, 0, 0xFFFF0FF0, dr7)
    registers = {"rip": 0x1000, "rsp": STACK, "rflags": 2, "cs_base": 0, "ss_base": 0}
    state = CpuState(0, registers, debug, mode, 0)
    return Snapshot(STOP, STOP, state, bytes.fromhex(code), NOTHING_KNOWN, None)


def returns(memory: Memory, said: list[str], *, enabled: bool = True) -> tuple[ReturnsWithRf, PhysicalPoints]:
    points = PhysicalPoints(memory, Capabilities())
    meeting = MeetingBreakpoints(points, lambda address: None, enabled=True)
    return ReturnsWithRf(points, meeting, said.append, enabled=enabled), points


@pytest.mark.parametrize(
    ("code", "mode", "size"),
    [
        ("48cf", 64, 8),
        ("4ccf", 64, 8),
        ("cf", 64, 4),
        ("66cf", 64, 2),
        ("cf", 32, 4),
        ("66cf", 32, 2),
        ("cf", 16, 2),
        ("66cf", 16, 4),
        ("c3", 64, 0),
        ("", 64, 0),
    ],
)
def test_how_wide_the_images_are_goes_by_the_operand_size(code: str, mode: Mode, size: int) -> None:
    assert image_size(bytes.fromhex(code), mode) == size


@pytest.mark.parametrize(
    ("where", "memory"),
    [
        (seen(), Memory(frame())),
        (seen("cf", mode=32), Memory(frame(size=4))),
    ],
)
async def test_one_that_loads_rf_and_leads_to_a_breakpoint_of_the_guests_is_watched(
    where: Snapshot, memory: Memory
) -> None:
    said: list[str] = []
    over, points = returns(memory, said)
    assert await over.watch(where)
    assert await over.watch(where)
    assert len(said) == 1, "it is said once"
    assert [point.address for point in memory.inside] == [STACK]
    back = await over.end(parse_stop(f"T05thread:p01.01;rwatch:{STACK:x};".encode()))
    assert back == STOP
    assert isinstance(back, Stopped)
    assert "watch" not in back.raw
    assert memory.inside == []
    assert points.armed == ()


@pytest.mark.parametrize(
    ("where", "memory"),
    [
        (seen("c3"), Memory(frame())),
        (seen("66cf"), Memory(frame())),
        (seen(dr7=0x400), Memory(frame())),
        (seen(dr7=None), Memory(frame())),
        (seen(), Memory(frame(rflags=2))),
        (seen(), Memory(frame(rip=BEHIND + 1))),
        (seen(), Memory(frame(), refuses="read")),
    ],
)
async def test_no_other_instruction_is(where: Snapshot, memory: Memory) -> None:
    said: list[str] = []
    over, _ = returns(memory, said)
    assert not await over.watch(where)
    assert (memory.inside, said) == ([], [])


async def test_nor_on_a_stub_that_keeps_rf() -> None:
    over, _ = returns(Memory(frame()), [], enabled=False)
    assert not await over.watch(seen())
    assert not over.may_matter(seen().state.debug)


async def test_a_stub_that_refuses_the_watchpoint_loses_rf_which_is_said() -> None:
    said: list[str] = []
    over, _ = returns(Memory(frame(), refuses="watch"), said)
    assert not await over.watch(seen())
    assert "loses the RF that it loads" in said[0]


@pytest.mark.parametrize("stop", [Exited(0, raw="W00"), parse_stop(b"T05thread:p01.01;watch:9000;")])
async def test_what_else_stops_the_guest_is_told_as_it_is(stop: Stop) -> None:
    over, _ = returns(Memory(frame()), [])
    await over.watch(seen())
    assert await over.end(stop) == stop


async def test_where_the_user_watches_the_frame_the_hit_is_the_users() -> None:
    memory = Memory(frame())
    over, points = returns(memory, [])
    await points.insert(WATCHED)
    assert await over.watch(seen())
    hit = parse_stop(f"T05thread:p01.01;rwatch:{STACK:x};".encode())
    assert await over.end(hit) == hit
    assert memory.inside == [WATCHED]
