"""What is concluded from the plugin's records: modes, debug registers, and where exceptions belong."""

from __future__ import annotations

import os
import struct

import numpy as np
import pytest

from gdbstub.backends.qemu.exception_log import Delivered, ExceptionLog, LoggedException
from gdbstub.backends.qemu.tcg_plugin.code_modes import CodeModes, fits, key_of
from gdbstub.backends.qemu.tcg_plugin.debug_shadow import write_of, written
from gdbstub.backends.qemu.tcg_plugin.known_code import KnownCode
from gdbstub.backends.qemu.tcg_plugin.plugin_rows import SYSTEM_FLAGS, PluginRows, PluginRun
from gdbstub.backends.qemu.tcg_plugin.ring import (
    _ACCESS,
    _CODE,
    _ROW,
    LAYOUT,
    MAGIC,
    NAMES,
    NO_LIMIT,
    PAGE,
    NoRing,
    Ring,
    TakenRecords,
)
from gdbstub.x86.registers import Mode

LONG = key_of(0x10, 0x8000_0011, 2, 0x500)
PROTECTED = key_of(0x10, 0x11, 2, 0)


@pytest.mark.parametrize(
    ("key", "codes", "wide", "mode"),
    [
        (key_of(0xF000, 0x10, 2, 0), [], False, 16),
        (key_of(0x10, 0x11, 2 | 1 << 17, 0), [], False, 16),
        (LONG, [], True, 64),
        (LONG, [(0x1000, bytes.fromhex("4889e5"))], False, 64),
        (LONG, [(0x1000, bytes.fromhex("a100100000"))], False, 32),
        (PROTECTED, [(0x1000, bytes.fromhex("b805000000"))], False, 32),
        (PROTECTED, [(0x1000, bytes.fromhex("b80500"))], False, 16),
    ],
)
def test_lengths_tell_the_mode_of_a_selector_that_is_not_known(
    key: tuple[int, bool, bool, bool], codes: list[tuple[int, bytes]], wide: bool, mode: Mode
) -> None:
    assert CodeModes().of(key, codes, wide=wide) == mode


def test_what_is_known_of_a_selector_holds_until_a_length_refutes_it() -> None:
    modes = CodeModes()
    modes.learn(PROTECTED, 16)
    assert modes.of(PROTECTED, [(0x1000, b"\x90")], wide=False) == 16
    assert modes.of(PROTECTED, [(0x1000, bytes.fromhex("b805000000"))], wide=False) == 32
    assert modes.of(LONG, [(0x1000, b"\x90")], wide=False, before=32) == 32, "CS was not loaded since"
    assert not fits(16, [(0x1000, bytes.fromhex("b805000000"))])


def registers(**values: int) -> dict[str, int]:
    plain = {"cs": 8, "ss": 16, "rflags": 0x246, "cr0": 0x8000_0011, "efer": 0x500, "rsp": 0x9000, "rbx": 0x77}
    return plain | values


def records(*rows: tuple[int, int, dict[str, int], int]) -> np.ndarray:
    found = np.zeros(len(rows), _ROW)
    for at, (pc, code, values, done) in enumerate(rows):
        shown = values | {"rip": pc}
        found[at]["pc"], found[at]["code"], found[at]["accesses"] = pc, code, done
        found[at]["registers"] = [shown.get(name, 0) for name in NAMES]
    return found


def accesses(*made: tuple[int, int, int]) -> np.ndarray:
    found = np.zeros(len(made), _ACCESS)
    for at, (address, size, write) in enumerate(made):
        found[at]["address"], found[at]["size"], found[at]["write"] = address, size, write
    return found


NONE = accesses()
NOP, PUSH, JUMP_SELF, STORE = b"\x90", b"\x50", b"\xeb\xfe", bytes.fromhex("488907")


def fed(codes: list[tuple[int, bytes]], *rows: tuple[int, int, dict[str, int], int], **more: object) -> PluginRows:
    made = PluginRows(0, 0, True)
    made.feed(TakenRecords(records(), NONE, codes), [])
    return made


def test_a_row_has_what_is_behind_its_instruction_and_its_memory() -> None:
    made = PluginRows(0, 0, True)
    codes = [(0x1000, NOP), (0x1001, PUSH)]
    rows = records(
        (0x1000, 0, registers(), 0), (0x1001, 1, registers(), 0), (0x1000, 0, registers(rsp=0x8FF8, rflags=0x2D7), 1)
    )
    (run,) = made.feed(TakenRecords(rows, accesses((0x8FF8, 8, 1)), codes), [])
    assert isinstance(run, PluginRun)
    assert (run.count, run.pc.tolist(), run.mode.tolist()) == (2, [0x1001, 0x1000], [64, 64])
    assert (run.row.tolist(), run.accesses["address"].tolist()) == ([1], [0x8FF8])
    assert run.registers["rsp"].tolist() == [0x9000, 0x8FF8]
    assert "rflags" not in run.registers
    assert run.registers[SYSTEM_FLAGS].tolist() == [0x202, 0x202], "TCG's arithmetic flags are not what they seem"
    (last,) = made.stand(0x1001, registers(rsp=0x8FF8) | {"rip": 0x1001})
    assert isinstance(last, PluginRun)
    assert (last.count, last.pc.tolist(), made.open) == (1, [0x1001], False)


def test_of_two_equal_records_the_first_is_no_row_nor_has_it_accesses() -> None:
    """QEMU begins a store anew whose data breakpoint is hit."""
    made = PluginRows(0, 0, True)
    rows = records((0x1000, 0, registers(), 0), (0x1000, 0, registers(), 1), (0x1003, 1, registers(), 2))
    (run,) = made.feed(TakenRecords(rows, accesses((1, 8, 1), (2, 8, 1)), [(0x1000, STORE), (0x1003, NOP)]), [])
    assert isinstance(run, PluginRun)
    assert (run.count, run.accesses["address"].tolist()) == (1, [2])


def test_each_jump_to_itself_is_a_row() -> None:
    made = PluginRows(0, 0, True)
    rows = records(*[(0x1000, 0, registers(), 0)] * 4)
    (run,) = made.feed(TakenRecords(rows, NONE, [(0x1000, JUMP_SELF)]), [])
    assert isinstance(run, PluginRun)
    assert run.count == 3


def logged(vector: int, rip: int, rsp: int, *, rbx: int = 0x77, software: bool = False) -> LoggedException:
    general = "RAX=%016x RBX=%016x RCX=%016x RDX=%016x\nRSI=%016x RDI=%016x RBP=%016x RSP=%016x\n"
    text = f"     1: v={vector:02x} e=0000 i={int(software)} cpl=0 IP=0008:{rip:016x} pc={rip:016x} "
    text += f"SP=0010:{rsp:016x} env->regs[R_EAX]={0:016x}\n"
    text += general % (0, rbx, 0, 0, 0, 0, 0, rsp)
    text += "R8 =%016x R9 =%016x R10=%016x R11=%016x\nR12=%016x R13=%016x R14=%016x R15=%016x\n" % ((0,) * 8)
    text += f"RIP={rip:016x} RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=0\n"
    for name, selector in (("ES", 16), ("CS", 8), ("SS", 16), ("DS", 16), ("FS", 16), ("GS", 16)):
        flags = "00209b00 DPL=0 CS64 [-RA]" if name == "CS" else "00c09300 DPL=0 DS   [-WA]"
        text += f"{name} ={selector:04x} {0:016x} ffffffff {flags}\n"
    text += f"LDT=0000 {0:016x} 0000ffff 00008200 DPL=0 LDT\nTR =0000 {0:016x} 0000ffff 00008b00 DPL=0 TSS64-busy\n"
    text += f"GDT=     {0x5000:016x} 0000001f\nIDT=     {0x6000:016x} 00000fff\n"
    text += f"CR0=80000011 CR2={0:016x} CR3={0x1000:016x} CR4=00000020\n"
    text += "".join(f"DR{number}={0:016x} " for number in range(4)) + "\n"
    text += f"DR6={0xFFFF4FF0:016x} DR7={0x400:016x}\nEFER=0000000000000500\n"
    (found,) = ExceptionLog().feed(text.encode())
    return found


CODES = [(0x1000, NOP), (0x1001, NOP), (0x2000, PUSH), (0x2001, NOP)]


def test_a_trap_comes_in_front_of_the_row_that_leads_to_its_handler() -> None:
    made = PluginRows(0, 0, True)
    made.debug = [0, 0, 0, 0, 0xFFFF0FF0, 0x400]
    rows = records(
        (0x1000, 0, registers(), 0),
        (0x1001, 1, registers(), 0),
        (0x2000, 2, registers(rsp=0x9000 - 40), 0),
        (0x2001, 3, registers(rsp=0x9000 - 48), 1),
    )
    first, event, second = made.feed(TakenRecords(rows, accesses((0, 8, 1)), CODES), [logged(1, 0x1002, 0x9000)])
    assert isinstance(first, PluginRun)
    assert isinstance(event, Delivered)
    assert isinstance(second, PluginRun)
    assert (first.pc.tolist(), second.pc.tolist()) == ([0x1001], [0x2000, 0x2001])
    assert first.registers["dr6"].tolist() == [0xFFFF0FF0]
    assert second.registers["dr6"].tolist() == [0xFFFF4FF0, 0xFFFF4FF0]


def test_an_interrupt_ends_the_row_in_front_of_its_delivery() -> None:
    made = PluginRows(0, 0, True)
    rows = records((0x1000, 0, registers(), 0), (0x2000, 2, registers(rsp=0x9000 - 40), 0), (0x2001, 3, registers(), 0))
    first, event, second = made.feed(TakenRecords(rows, NONE, CODES), [logged(0x20, 0x1001, 0x9000)])
    assert isinstance(first, PluginRun)
    assert isinstance(event, Delivered)
    assert isinstance(second, PluginRun)
    assert (first.pc.tolist(), first.registers["rsp"].tolist()) == ([0x1001], [0x9000])
    assert (second.began.tolist(), event.code) == ([0x2000], NOP)


def test_a_fetch_that_faults_is_a_row_whose_bytes_are_not_known() -> None:
    made = PluginRows(0, 0, True)
    codes = [(0x1000, bytes.fromhex("ffe0")), *CODES[1:]]
    rows = records((0x1000, 0, registers(), 0), (0x2000, 2, registers(rsp=0x9000 - 48), 0), (0x2001, 3, registers(), 0))
    first, event, second = made.feed(TakenRecords(rows, NONE, codes), [logged(14, 0x7000, 0x9000)])
    assert isinstance(first, PluginRun)
    assert isinstance(event, Delivered)
    assert isinstance(second, PluginRun)
    assert (first.pc.tolist(), second.began.tolist(), second.code.tolist()) == ([0x7000], [0x7000, 0x2000], [-1, 2])


def test_an_exception_that_fits_nowhere_is_told_and_counted() -> None:
    made = PluginRows(0, 0, True)
    rows = records((0x1000, 0, registers(), 0), (0x1001, 1, registers(), 0))
    other = logged(1, 0x1002, 0x9000, rbx=0x78)
    pieces = made.feed(TakenRecords(rows, NONE, CODES), [other])
    assert [type(piece) for piece in pieces] == [PluginRun]
    pieces = made.stand(0x1002, registers() | {"rip": 0x1002})
    assert [piece.logged for piece in pieces if isinstance(piece, Delivered)] == [other]
    assert made.deliveries.unplaced == 1


@pytest.mark.parametrize(
    ("code", "mode", "values", "found"),
    [
        ("0f23f8", 64, {"rax": 0x402}, (5, 0x402)),
        ("410f23f7", 64, {"r15": 0x4001}, (4, 0xFFFF4FF1)),
        ("0f23c1", 32, {"rcx": 0x1234}, (0, 0x1234)),
        ("0f23e0", 64, {"rax": 0}, (4, 0xFFFF0FF0)),
        ("0f23e0", 64, {"rax": 0, "cr4": 8}, None),
    ],
)
def test_what_a_move_to_a_debug_register_writes(
    code: str, mode: Mode, values: dict[str, int], found: tuple[int, int] | None
) -> None:
    write = write_of(bytes.fromhex(code), mode)
    assert write is not None
    assert written(write, np.array([values.get(name, 0) for name in NAMES], np.uint64)) == found


@pytest.mark.parametrize("code", ["0f21f8", "90", "480f23", "b80f23f800"])
def test_what_is_no_move_to_a_debug_register(code: str) -> None:
    assert write_of(bytes.fromhex(code), 64) is None


def test_where_the_guest_may_be_behind_an_instruction() -> None:
    known = KnownCode(10)
    known.learn([(0x1000, NOP), (0x1001, bytes.fromhex("7405")), (0x1003, b"\xc3")])
    ways = known.ways(known.index(np.array([10, 11, 12], np.uint32)), np.array([0x1000, 0x1001, 0x1003], np.uint64))
    assert ways.behind.tolist() == [0x1001, 0x1003, 0x1004]
    assert ways.target.tolist() == [0x1001, 0x1008, 0x1004]
    assert ways.anywhere.tolist() == [False, False, True]


def memory(rows: int = 4, layout: int = LAYOUT) -> memoryview:
    head = struct.pack("<8s8I", MAGIC, layout, 4, 1, 1, len(NAMES), rows, 4, 4)
    size = PAGE + rows * _ROW.itemsize + 4 * _ACCESS.itemsize + 4 * _CODE.itemsize
    return memoryview(bytearray(head.ljust(size, b"\0")))


def test_a_ring_is_read_around_its_end() -> None:
    shared = memory()
    ring = Ring(shared)
    ring.arm(1)
    made = np.frombuffer(shared, "<u8", 1, 128)
    rows = np.frombuffer(shared, _ROW, 4, PAGE)
    rows["pc"] = [0, 1, 2, 3]
    made[0] = 3
    assert ring.take().rows["pc"].tolist() == [0, 1, 2]
    rows["pc"][:2] = [4, 5]
    made[0] = 6
    assert (ring.waiting(), ring.take().rows["pc"].tolist(), ring.waiting()) == (3, [3, 4, 5], 0)
    assert (ring.level, ring.limit, ring.is_held) == (4, NO_LIMIT, False)
    assert np.frombuffer(shared, "<u8", 1, 48)[0] == os.getpid()


@pytest.mark.parametrize("shared", [memory(layout=9), memoryview(bytearray(100)), memory()[: PAGE + 8]])
def test_what_is_no_ring_is_refused(shared: memoryview) -> None:
    with pytest.raises(NoRing):
        Ring(shared)
