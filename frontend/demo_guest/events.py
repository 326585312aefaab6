"""The events of the demo guest in order, as the architecture has them (SDM vol. 3B chapter 17, 3A chapter 6).

``guests/demo/table.s`` has the same list; RIPs are names of symbols of the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from frontend.demo_guest.model import B0, B1, B2, B3, BD, BLD, BS, BT, DemoCause, DemoEvent, Raised

if TYPE_CHECKING:
    from gdbstub.explain.explanation import CauseName, Class

_STEP = DemoCause("single-step", "trap")
_EXCEPTION = (DemoCause("exception", "fault"),)


def _db(rip: str, bits: int, *causes: DemoCause, cpl: Literal[0, 3] = 0, rf: bool = False) -> Raised:
    return Raised(1, rip, causes, bits, cpl, rf)


def _stepped(rip: str, cpl: Literal[0, 3] = 0, rf: bool = False) -> Raised:
    return _db(rip, BS, _STEP, cpl=cpl, rf=rf)


def _int3(rip: str, cpl: Literal[0, 3] = 0) -> Raised:
    return Raised(3, rip, (DemoCause("software-breakpoint", "trap"),), cpl=cpl)


def _hit(cause: CauseName, slot: int, rip: str, cpl: Literal[0, 3] = 0) -> Raised:
    klass: Class = "fault" if cause == "instruction-breakpoint" else "trap"
    return _db(rip, 1 << slot, DemoCause(cause, klass, slot), cpl=cpl)


_ICEBP = DemoCause("icebp", "trap")

DEMO_EVENTS: tuple[DemoEvent, ...] = (
    DemoEvent(1, "step32", "TF over NOP in 32-bit mode", (_stepped("ev_step32_next"),), 32),
    DemoEvent(2, "int3_32", "INT3 in 32-bit mode", (_int3("ev_int3_32_next"),), 32),
    DemoEvent(3, "execute32", "DR3 execute in 32-bit mode", (_hit("instruction-breakpoint", 3, "ev_execute32"),), 32),
    DemoEvent(
        4,
        "task_switch",
        "task switch to a TSS with T set",
        (_db("ev_task_switch_target", BT, DemoCause("task-switch", "trap")),),
        32,
    ),
    DemoEvent(5, "step_nop", "TF over NOP", (_stepped("ev_step_nop_next"),)),
    DemoEvent(6, "execute0", "DR0 execute", (_hit("instruction-breakpoint", 0, "ev_execute0"),)),
    DemoEvent(7, "execute1", "DR1 execute", (_hit("instruction-breakpoint", 1, "ev_execute1"),)),
    DemoEvent(8, "execute2", "DR2 execute", (_hit("instruction-breakpoint", 2, "ev_execute2"),)),
    DemoEvent(9, "execute3", "DR3 execute", (_hit("instruction-breakpoint", 3, "ev_execute3"),)),
    DemoEvent(10, "write0", "DR0 write, 1 byte", (_hit("data-write", 0, "ev_write0_next"),)),
    DemoEvent(11, "write1", "DR1 write, 2 bytes", (_hit("data-write", 1, "ev_write1_next"),)),
    DemoEvent(12, "write2", "DR2 write, 4 bytes", (_hit("data-write", 2, "ev_write2_next"),)),
    DemoEvent(13, "write3", "DR3 write, 8 bytes", (_hit("data-write", 3, "ev_write3_next"),)),
    DemoEvent(14, "access0", "DR0 access, 8 bytes, by a load", (_hit("data-access", 0, "ev_access0_next"),)),
    DemoEvent(15, "access1", "DR1 access, 4 bytes, by a load", (_hit("data-access", 1, "ev_access1_next"),)),
    DemoEvent(16, "access2", "DR2 access, 2 bytes, by a store", (_hit("data-access", 2, "ev_access2_next"),)),
    DemoEvent(17, "access3", "DR3 access, 1 byte, by a load", (_hit("data-access", 3, "ev_access3_next"),)),
    DemoEvent(
        18,
        "port_out",
        "DR2 I/O, OUT to port 80",
        (_hit("io-breakpoint", 2, "ev_port_out_next"),),
        needs="CR4.DE",
    ),
    DemoEvent(
        19,
        "port_in",
        "DR1 I/O, IN from port 80",
        (_hit("io-breakpoint", 1, "ev_port_in_next"),),
        needs="CR4.DE",
    ),
    DemoEvent(
        20,
        "general_detect",
        "general detect, MOV from DR0",
        (_db("ev_general_detect", BD, DemoCause("general-detect", "fault")),),
    ),
    DemoEvent(21, "int1", "INT1 (F1)", (_db("ev_int1_next", 0, _ICEBP),)),
    DemoEvent(
        22,
        "int_1",
        "INT 1 (CD 01)",
        (Raised(1, "ev_int_1_next", (DemoCause("software-interrupt", "none"),)),),
    ),
    DemoEvent(23, "int3", "INT3", (_int3("ev_int3_next"),)),
    DemoEvent(24, "movss_data", "MOV SS hits DR1, then NOP", (_hit("data-access", 1, "ev_movss_data_after"),)),
    DemoEvent(
        25,
        "movss_int3",
        "MOV SS hits DR1, then INT3",
        (_hit("data-access", 1, "bp_handler"), _int3("ev_movss_int3_after")),
    ),
    DemoEvent(26, "step_movss", "TF over MOV SS", (_stepped("ev_step_movss_after"),)),
    DemoEvent(27, "step_sti", "TF over STI", (_stepped("ev_step_sti_next"),)),
    DemoEvent(
        28,
        "step_rep",
        "TF over REP MOVSB, 3 iterations",
        (_stepped("ev_step_rep", rf=True), _stepped("ev_step_rep", rf=True), _stepped("ev_step_rep_next")),
    ),
    DemoEvent(29, "step_iret", "TF over IRET that clears TF", (_stepped("ev_step_iret_target"),)),
    DemoEvent(30, "step_popf", "TF over POPF that clears TF", (_stepped("ev_step_popf_next"),)),
    DemoEvent(31, "sticky_set", "TF over NOP, handler leaves BS in DR6", (_stepped("ev_sticky_set_next"),)),
    DemoEvent(
        32,
        "sticky_write",
        "DR1 write, BS left from before",
        (_hit("data-write", 1, "ev_sticky_write_next")._replace(stale=BS),),
    ),
    DemoEvent(
        33,
        "step_execute",
        "TF over NOP, DR0 execute on the next instruction",
        (
            _db(
                "ev_step_execute_next",
                BS | B0,
                _STEP,
                DemoCause("instruction-breakpoint", "fault", 0),
            ),
        ),
    ),
    DemoEvent(
        34,
        "two_data",
        "DR0 write and DR2 access at one store",
        (
            _db(
                "ev_two_data_next",
                B0 | B2,
                DemoCause("data-write", "trap", 0),
                DemoCause("data-access", "trap", 2),
            ),
        ),
    ),
    DemoEvent(
        35,
        "step_write",
        "TF over a store that hits DR1",
        (_db("ev_step_write_next", BS | B1, _STEP, DemoCause("data-write", "trap", 1)),),
    ),
    DemoEvent(
        36,
        "step_port",
        "TF over OUT that hits DR3",
        (_db("ev_step_port_next", BS | B3, _STEP, DemoCause("io-breakpoint", "trap", 3)),),
        needs="CR4.DE",
    ),
    DemoEvent(
        37,
        "false_b",
        "TF over NOP, DR2 matches but is disabled",
        (_stepped("ev_false_b_next")._replace(optional=B2),),
    ),
    DemoEvent(
        38,
        "branch_step",
        "TF with DEBUGCTL.BTF, JMP taken",
        (_db("ev_branch_step_target", BS, DemoCause("branch-step", "trap")),),
        needs="DEBUGCTL.BTF",
    ),
    DemoEvent(
        39,
        "dr4",
        "MOV from DR4 with CR4.DE",
        (Raised(6, "ev_dr4", _EXCEPTION, rf=True),),
        needs="CR4.DE",
    ),
    DemoEvent(40, "user_step", "TF over NOP at CPL 3", (_stepped("ev_user_step_next", cpl=3),)),
    DemoEvent(41, "user_write", "DR0 write, 4 bytes, at CPL 3", (_hit("data-write", 0, "ev_user_write_next", 3),)),
    DemoEvent(42, "user_execute", "DR1 execute at CPL 3", (_hit("instruction-breakpoint", 1, "ev_user_execute", 3),)),
    DemoEvent(43, "user_int1", "INT1 (F1) at CPL 3", (_db("ev_user_int1_next", 0, _ICEBP, cpl=3),)),
    DemoEvent(
        44,
        "user_int_1",
        "INT 1 (CD 01) at CPL 3",
        (Raised(13, "ev_user_int_1", _EXCEPTION, cpl=3, rf=True, error_code=0xA),),
    ),
    DemoEvent(45, "user_int3", "INT3 at CPL 3", (_int3("ev_user_int3_next", 3),)),
    DemoEvent(46, "step_syscall", "TF over SYSCALL", (_stepped("syscall_entry"),)),
    DemoEvent(47, "step_sysret", "SYSRET that sets TF", (_stepped("ev_step_sysret_target", 3),)),
    DemoEvent(
        48,
        "bus_lock",
        "bus lock at CPL 3",
        (_db("ev_bus_lock_next", BLD, DemoCause("bus-lock", "trap"), cpl=3),),
        needs="DEBUGCTL bit 2 (CPUID 7 ECX bit 24)",
    ),
    DemoEvent(49, "stack_end", "TF over NOP, the stack at the end of what is mapped", (_stepped("ev_stack_end_next"),)),
)
