# The order of events. frontend/demo_guest.py has the same list, with what the architecture says of each.
.include "defs.inc"

.macro entry function, title
    .quad \function
    .pushsection .rodata.titles, "a"
1:  .asciz "\title"
    .popsection
    .quad 1b
.endm

.section .rodata
    .balign 8
object event_table
    # 32-bit protected mode: done in stage32.s, reported with the others
    entry 0, "TF over NOP in 32-bit mode"
    entry 0, "INT3 in 32-bit mode"
    entry 0, "DR3 execute in 32-bit mode"
    entry 0, "task switch to a TSS with T set"
    # 64-bit mode, CPL 0
    entry event_step_nop, "TF over NOP"
    entry event_execute0, "DR0 execute"
    entry event_execute1, "DR1 execute"
    entry event_execute2, "DR2 execute"
    entry event_execute3, "DR3 execute"
    entry event_write0, "DR0 write, 1 byte"
    entry event_write1, "DR1 write, 2 bytes"
    entry event_write2, "DR2 write, 4 bytes"
    entry event_write3, "DR3 write, 8 bytes"
    entry event_access0, "DR0 access, 8 bytes, by a load"
    entry event_access1, "DR1 access, 4 bytes, by a load"
    entry event_access2, "DR2 access, 2 bytes, by a store"
    entry event_access3, "DR3 access, 1 byte, by a load"
    entry event_port_out, "DR2 I/O, OUT to port 80"
    entry event_port_in, "DR1 I/O, IN from port 80"
    entry event_general_detect, "general detect, MOV from DR0"
    entry event_int1, "INT1 (F1)"
    entry event_int_1, "INT 1 (CD 01)"
    entry event_int3, "INT3"
    entry event_movss_data, "MOV SS hits DR1, then NOP"
    entry event_movss_int3, "MOV SS hits DR1, then INT3"
    entry event_step_movss, "TF over MOV SS"
    entry event_step_sti, "TF over STI"
    entry event_step_rep, "TF over REP MOVSB, 3 iterations"
    entry event_step_iret, "TF over IRET that clears TF"
    entry event_step_popf, "TF over POPF that clears TF"
    entry event_sticky_set, "TF over NOP, handler leaves BS in DR6"
    entry event_sticky_write, "DR1 write, BS left from before"
    entry event_step_execute, "TF over NOP, DR0 execute on the next instruction"
    entry event_two_data, "DR0 write and DR2 access at one store"
    entry event_step_write, "TF over a store that hits DR1"
    entry event_step_port, "TF over OUT that hits DR3"
    entry event_false_b, "TF over NOP, DR2 matches but is disabled"
    entry event_branch_step, "TF with DEBUGCTL.BTF, JMP taken"
    entry event_dr4, "MOV from DR4 with CR4.DE"
    # 64-bit mode, CPL 3
    entry event_user_step, "TF over NOP at CPL 3"
    entry event_user_write, "DR0 write, 4 bytes, at CPL 3"
    entry event_user_execute, "DR1 execute at CPL 3"
    entry event_user_int1, "INT1 (F1) at CPL 3"
    entry event_user_int_1, "INT 1 (CD 01) at CPL 3"
    entry event_user_int3, "INT3 at CPL 3"
    entry event_step_syscall, "TF over SYSCALL"
    entry event_step_sysret, "SYSRET that sets TF"
    entry event_bus_lock, "bus lock at CPL 3"
    entry event_stack_end, "TF over NOP, the stack at the end of what is mapped"
event_table_end:

    .balign 4
object event_count
    .long (event_table_end - event_table) / 16
