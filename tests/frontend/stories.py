"""A short session, made by hand: what a view of it looks like is compared as text by the tests of the screen."""

from __future__ import annotations

from dataclasses import replace

from frontend.commands.displaying import Shown
from frontend.commands.memory_view import MemoryArea
from frontend.tui.breakpoint_rows import BreakpointRow
from frontend.tui.event_code import stopped_rip
from frontend.tui.events import Event, Gathered, Printed, SessionOpened, StopShown, Submitted
from frontend.tui.extras import CpuRow, Extras, WatchRow
from frontend.tui.gatherer import place
from frontend.tui.listing import CodeLine, disassemble, where
from frontend.tui.telescope import Chain, ChainLink, StackWord
from frontend.tui.update import update
from frontend.tui.view import ViewState
from frontend.tui.window import Window
from gdbstub.debugger.events import Output
from gdbstub.debugger.record import CaughtEvent, StopRecord
from gdbstub.explain.evidence import Action, Evidence
from gdbstub.explain.explanation import Cause, ExitDr6, Explanation, GuestDr6
from gdbstub.remote.capabilities import BackendInfo
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.cpu_state import CpuState, DebugState
from gdbstub.x86.decode import decode
from gdbstub.x86.exceptions import Frame
from gdbstub.x86.instructions import Instruction
from tests.fakes.records import REPLY

CODE = (
    bytes.fromhex(
        "55"  # push rbp
        "4889e5"  # mov rbp, rsp
        "90"  # nop
        "48c7c001000000"  # mov rax, 1
        "0f23c0"  # mov dr0, rax
        "488b0425f0ff0000"  # mov rax, qword ptr [0xfff0]
        "f3a4"  # rep movsb
        "e8d6feffff"  # call 0x1002f4
        "f1"  # int1
        "488945f8"  # mov qword ptr [rbp - 8], rax
        "75e0"  # jne
        "c9c3"  # leave; ret
    )
    + b"\x90" * 40
)
START = 0x100400
HANDLER = 0x100149
HANDLER_CODE = bytes.fromhex("50535152480f21f05848cf") + b"\x90" * 24


class Names:
    """Symbols of a guest with three functions."""

    table = ((HANDLER, "db_handler"), (0x1002F4, "memory_test"), (START, "icebp_test"))

    def nearest(self, address: int) -> tuple[str, int] | None:
        found = [(start, name) for start, name in self.table if start <= address < start + 0x100]
        return (found[-1][1], address - found[-1][0]) if found else None


NAMES = Names()
REGISTERS = {
    "rax": 0x1, "rbx": 0xFFFF_FFFF_8100_0000, "rcx": 0x20, "rdx": 0x3F8, "rsi": 0x10_5000, "rdi": 0xB_8000,
    "rbp": 0x10_7FF0, "rsp": 0x10_7FD0, "r8": 0, "r9": 0, "r10": 0, "r11": 0x246, "r12": 0, "r13": 0, "r14": 0,
    "r15": 0xDEAD_BEEF, "rip": START, "rflags": 0x246, "cs": 8, "ss": 0x10, "ds": 0x10, "es": 0x10, "fs": 0,
    "gs": 0, "fs_base": 0, "gs_base": 0, "k_gs_base": 0, "cr0": 0x8000_0011, "cr2": 0, "cr3": 0x10_1000,
    "cr4": 0x28, "cr8": 0, "efer": 0x500,
}  # fmt: skip
ARMED = DebugState(0x10_0401, 0xB_8000, 0, 0, 0xFFFF_0FF0, 0x0000_0000_00D0_0405, "monitor")


def state(rip: int, *, debug: DebugState = ARMED, **changes: int) -> CpuState:
    return CpuState(0, {**REGISTERS, "rip": rip, **changes}, debug, 64, 0)


def code_at(address: int) -> bytes:
    """What the guest's memory holds from ``address`` on."""
    for start, code in ((START, CODE), (HANDLER, HANDLER_CODE)):
        if start <= address < start + len(code):
            return code[address - start :]
    return b""


def instruction(address: int) -> Instruction | None:
    return decode(code_at(address), address, 64)


STEP = Cause(
    "single-step",
    "debugger",
    "trap",
    "certain",
    ("a step was asked for", "RIP moved past one instruction"),
    ("SDM 3B 18.3.1.4",),
)


def stop(number: int, cpu: CpuState, explanation: Explanation, action: Action = Action.STEP) -> StopRecord:
    return StopRecord(number, cpu.cpu, action, REPLY, cpu, Evidence(), explanation, code_at(cpu.pc)[:16])


ATTACHED = stop(
    0,
    state(START),
    Explanation(
        "stopped at attach",
        (Cause("unknown", "unknown", "none", "possible", ("the guest was stopped before we came",)),),
        None,
        ExitDr6(None, "unknown"),
        None,
        unknowns=("what the guest did before",),
    ),
    Action.ATTACH,
)
STEPPED = stop(
    1,
    state(START + 1, rsp=0x10_7FC8),
    Explanation(
        "single-step by the debugger over push rbp",
        (STEP,),
        GuestDr6(0xFFFF_0FF0, (), (), ()),
        ExitDr6(0xFFFF_4FF0, "reconstructed"),
        instruction(START),
    ),
)
HIT = stop(
    2,
    state(START + 12, rax=2, rsp=0x10_7FC8, rflags=0x202),
    Explanation(
        "instruction breakpoint of the debugger at icebp_test+12",
        (
            Cause(
                "instruction-breakpoint",
                "debugger",
                "fault",
                "certain",
                ("breakpoint 1 is at RIP", "the stub answered T05hwbreak"),
                ("SDM 3B 18.3.1.1",),
                0,
            ),
        ),
        GuestDr6(0xFFFF_0FF0, (), (), ()),
        ExitDr6(0xFFFF_0FF1, "reconstructed"),
        instruction(START + 12),
    ),
    Action.CONTINUE,
)
STALE = DebugState(0x10_0401, 0xB_8000, 0, 0, 0xFFFF_0FF1, 0x0000_0000_00D0_0405, "monitor")
EVENT = replace(
    stop(
        3,
        state(HANDLER, debug=STALE, rsp=0x10_7FA0, rflags=0x46, cs=8),
        Explanation(
            "INT1 (opcode F1) by the guest at 0x10041e; DR6 shows no cause of this event",
            (
                Cause(
                    "icebp",
                    "guest",
                    "trap",
                    "certain",
                    ("the byte before the frame's RIP is F1", "DR6 has no bit that is new"),
                    ("SDM 3A 6.15",),
                ),
                Cause("unknown", "hypervisor", "none", "possible", ("DR6.B0 was not cleared",)),
            ),
            GuestDr6(0xFFFF_0FF1, (), ("B0",), ()),
            ExitDr6(None, "unknown"),
            instruction(START + 0x1E),
            contradictions=("DR6.B0 is set although DR0 did not match: TCG keeps the low bits, a CPU replaces them",),
            unknowns=("the DR6 of the exit, which QEMU never sends",),
            advice=("clear DR6 in the handler, since only software clears it",),
        ),
        Action.CONTINUE,
    ),
    event=CaughtEvent(1, HANDLER, Frame(0x10_041F, 8, 0x246, 0x10_7FC8, 0x10)),
    notes=("breakpoint 1 was lifted while the guest ran to its handler",),
)
RECORDS = (ATTACHED, STEPPED, HIT, EVENT)
BREAKPOINTS = (
    BreakpointRow(1, BreakpointKind.EXECUTE, START + 12, hits=1, armed_as="Z1", means="hw", text="icebp_test+12"),
    BreakpointRow(2, BreakpointKind.WRITE, 0xB_8000, 4, enabled=False),
    BreakpointRow(3, BreakpointKind.CATCH, HANDLER, vector=1, text="db", armed_as="Z0", hits=1),
)


def code_window(address: int) -> tuple[CodeLine, ...]:
    start = START if address >= START else HANDLER
    lines = disassemble(code_at(start), start, 64)
    return tuple(
        CodeLine(
            line.address,
            line.bytes,
            line.text,
            "icebp_test" if line.address == START else "db_handler" if line.address == HANDLER else "",
            where(NAMES, 0x1002F4) if "0x1002f4" in line.text else "",
        )
        for line in lines
    )


def _event_window(record: StopRecord) -> tuple[CodeLine, ...]:
    saved = None if record.event is None else stopped_rip(record)
    return () if saved is None else code_window(saved)


def window(record: StopRecord) -> Window:
    top = record.state.registers["rsp"]
    values = [0x10_041F, 8, 0x246, 0x10_7FC8, 0x10, 0, 0x1002F8, 0xFFFF_FFFF_8100_0000, *range(8)]
    stack = tuple(StackWord(top + 8 * n, 8 * n, v, where(NAMES, v)) for n, v in enumerate(values))
    code, event = code_window(record.state.pc), _event_window(record)
    return Window(record.number, code, stack, 8, BREAKPOINTS, event, extras=extras(record))


def extras(record: StopRecord) -> Extras:
    """What the panes in sight read: a counter that goes up with the stops, a text behind it."""
    data = bytes([record.number, 0, 0, 0]) + b"guest says \x1b[31mhi\0" + bytes(range(0xE0, 0x100)) + bytes(40)
    chains = [Chain() for _ in range(16)]
    chains[0], chains[3] = Chain("return"), Chain("", (ChainLink(0x10_5000), ChainLink(0x10_5000, text='"guest says"')))
    chains[5] = Chain("frame")
    counter = WatchRow(1, Shown("1: counter", (f"{record.number:#x}",)))
    words = tuple(f"0x105000:\t0x{record.number:08x}\t0x00000000" for _ in range(1))
    return Extras(
        MemoryArea("counter", 0x10_5000, data),
        (counter, WatchRow(2, Shown("2: x/2xw counter", words, under=True))),
        tuple(chains),
        (CpuRow(0, record.state, "icebp_test"), CpuRow(1, replace(record.state, cpu=1, halted=True))),
        (
            "IDT at 0x102000 <idt>, limit 0xfff",
            "   1 #DB        0008:0x100149 <db_handler>  64-bit interrupt gate, DPL 0",
        ),
        ("0x105000 <counter>: 4-level paging, CR3 0x101000", "  PML4E[0] at 0x101000 = 0x102027: 0x102000 W U A"),
    )


def events() -> list[Event]:
    """What happens on the screen during the session."""
    told: list[Event] = [SessionOpened("tcp:127.0.0.1:1234", BackendInfo("qemu-tcg", "7.2.22", "amd", "qemu-tcg"), 2)]
    for record, line in zip(RECORDS, ("", "stepi", "continue", "continue"), strict=True):
        if line:
            told.append(Submitted(line))
        told.append(StopShown(place(NAMES, record)))
        told.append(Gathered(window(record)))
    told.append(Printed("rax            0x1                 1"))
    told.append(Output("guest says \x1b[32mhello\x1b[0m\nand goes on", "guest"))
    return told


def view() -> ViewState:
    """The screen at the end of the session."""
    state = ViewState()
    for event in events():
        state = update(state, event)
    return state
