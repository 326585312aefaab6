"""``struct kvm_run``: when it tells of the stop, and what becomes of that at a stop."""

from __future__ import annotations

import struct

import pytest
from trio.testing import memory_stream_pair

from gdbstub.backends.qemu.kvm_run import DebugExit, parse_debug_exit
from gdbstub.backends.qemu.kvm_state import MOST_PENDING, KvmState
from gdbstub.backends.qemu.monitor_state import MonitorState
from gdbstub.errors import GdbError
from gdbstub.remote.link_stream import Token
from gdbstub.remote.target import RemoteTarget
from gdbstub.x86.cpu_state import CpuState, DebugState

BS = 0xFFFF4FF0


def run(reason: int = 4, exception: int = 1, pc: int = 0x1001, dr6: int = BS, dr7: int = 0x400) -> bytes:
    """The head of one, as arch/x86/include/uapi/asm/kvm.h lays it out."""
    return struct.pack("<8xI20xI4xQQQ", reason, exception, pc, dr6, dr7)


def test_a_db_that_stopped_the_vcpu_is_told_with_both_registers() -> None:
    assert len(run()) == 64
    assert parse_debug_exit(run()) == DebugExit(0x1001, BS, 0x400)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(run(reason=10), id="a signal: what debug.arch holds is old"),
        pytest.param(run(reason=2), id="port I/O: it is overwritten"),
        pytest.param(run(exception=3), id="INT3: DR6 and DR7 are old, or 0"),
        pytest.param(run(dr6=0), id="kvm_amd before Linux 5.7"),
        pytest.param(run(dr6=BS | 1 << 32), id="no DR6"),
        pytest.param(run()[:63], id="cut off"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_anything_else_tells_nothing(data: bytes) -> None:
    assert parse_debug_exit(data) is None


class Exits:
    def __init__(self, *answers: bytes | GdbError) -> None:
        self.answers = list(answers)
        self.asked: list[int] = []

    async def read(self, cpu: int) -> bytes:
        self.asked.append(cpu)
        answer = self.answers.pop(0)
        if isinstance(answer, GdbError):
            raise answer
        return answer


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The monitor shows RIP 0x1001 at each stop; what is said comes into the list."""
    tokens = iter(range(100))

    async def ask(self: MonitorState, cpu: int) -> Token:
        return Token(next(tokens))

    async def state(self: MonitorState, cpu: int, asked: object, registers: dict[str, int], step: object) -> CpuState:
        return CpuState(cpu, registers, DebugState(0, 0, 0, 0, 0xFFFF0FF0, 0x400, "monitor"), 64, 0)

    monkeypatch.setattr(MonitorState, "ask", ask)
    monkeypatch.setattr(MonitorState, "state", state)
    return []


def made(exits: Exits, said: list[str]) -> KvmState:
    return KvmState(RemoteTarget(memory_stream_pair()[0]), exits, said.append)


async def debug(source: KvmState, asked: Token | None, rip: int = 0x1001) -> DebugState:
    return (await source.state(0, asked, {"rip": rip}, None)).debug


async def test_each_stop_has_its_own_exit_though_the_next_is_there_already(source: list[str]) -> None:
    state = made(Exits(run(), run(pc=0x1002, dr6=0xFFFF4FF1, dr7=0)), source)
    first, second = await state.ask(0), await state.ask(0)
    told = await debug(state, first)
    assert (told.exit.dr6, told.exit.dr7, told.exit.source, told.dr6) == (BS, 0x400, "kvm_run", 0xFFFF0FF0)
    told = await debug(state, second, 0x1002)
    assert (told.exit.dr6, told.exit.dr7) == (0xFFFF4FF1, None), "0 is a DR7 that KVM did not fill in"
    assert (await debug(state, second, 0x1002)).exit.dr6 is None, "it is told once"
    assert (await debug(state, None)).exit.dr6 is None


async def test_an_exit_at_another_rip_is_an_old_one(source: list[str]) -> None:
    state = made(Exits(run()), source)
    assert (await debug(state, await state.ask(0), 0x2000)).exit.dr6 is None


async def test_what_cannot_be_read_is_said_once_and_not_tried_again(source: list[str]) -> None:
    exits = Exits(GdbError("There are no rights."))
    state = made(exits, source)
    assert (await debug(state, await state.ask(0))).exit.dr6 is None
    await state.ask(1)
    assert (source, exits.asked) == (["There are no rights."], [0])


async def test_stops_that_nobody_reads_on_do_not_pile_up(source: list[str]) -> None:
    state = made(Exits(*[run()] * (MOST_PENDING + 1)), source)
    tokens = [await state.ask(0) for _ in range(MOST_PENDING + 1)]
    assert (await debug(state, tokens[0])).exit.dr6 is None
    assert (await debug(state, tokens[-1])).exit.dr6 == BS
