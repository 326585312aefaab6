# The events at CPL 0. `ev_NAME` is the instruction that causes the event, `ev_NAME_next` the one after it.
# An event may raise nothing, or more than the architecture says: whoever runs it goes on all the same.
.include "defs.inc"

.text
.code64

.macro event name
function event_\name
.endm

    event step_nop
    set_tf
label ev_step_nop
    nop
label ev_step_nop_next
    ret

# --- each slot, each kind, each length ---

.macro execute_event slot
    event execute\slot
    arm \slot, EXECUTE, 1, ev_execute\slot(%rip)
label ev_execute\slot
    nop
    ret
.endm

    execute_event 0
    execute_event 1
    execute_event 2
    execute_event 3

.macro data_event kind, type, slot, bytes, instruction:vararg
    event \kind\slot
    arm \slot, \type, \bytes, watched(%rip)
label ev_\kind\slot
    \instruction
label ev_\kind\slot\()_next
    ret
.endm

    data_event write, WRITE, 0, 1, movb %al, watched(%rip)
    data_event write, WRITE, 1, 2, movw %ax, watched(%rip)
    data_event write, WRITE, 2, 4, movl %eax, watched(%rip)
    data_event write, WRITE, 3, 8, movq %rax, watched(%rip)
    data_event access, ACCESS, 0, 8, movq watched(%rip), %rax
    data_event access, ACCESS, 1, 4, movl watched(%rip), %eax
    data_event access, ACCESS, 2, 2, movw %ax, watched(%rip)
    data_event access, ACCESS, 3, 1, movb watched(%rip), %al

# CR4.DE makes R/W=10 an I/O breakpoint. Port 80h is the POST code: writing it is harmless everywhere.
# CF where the CPU has no debugging extensions (CPUID 1 EDX bit 2).
function enable_de
    movl $1, %eax
    cpuid
    btl $2, %edx
    cmc
    jc 1f
    movq %cr4, %rax
    orq $CR4_DE, %rax
    movq %rax, %cr4
1:  ret

function not_supported
    movl $1, event_outcome(%rip)
    ret

    event port_out
    call enable_de
    jc not_supported
    arm 2, PORT, 1, 0x80
label ev_port_out
    outb %al, $0x80
label ev_port_out_next
    ret

    event port_in
    call enable_de
    jc not_supported
    arm 1, PORT, 1, 0x80
label ev_port_in
    inb $0x80, %al
label ev_port_in_next
    ret

    event general_detect
    movl $(DR7_CLEAR | DR7_GD), %eax
    movq %rax, %dr7
label ev_general_detect
    movq %dr0, %rax
label ev_general_detect_next
    ret

# --- instructions that go to vector 1 and 3 ---

    event int1
label ev_int1
    .byte 0xf1
label ev_int1_next
    ret

    event int_1
label ev_int_1
    int $1
label ev_int_1_next
    ret

    event int3
label ev_int3
    int3
label ev_int3_next
    ret

# --- MOV SS holds #DB traps back for one instruction ---

    event movss_data
    arm 1, ACCESS, 2, stack_selector(%rip)
label ev_movss_data
    movw stack_selector(%rip), %ss
label ev_movss_data_next
    nop
label ev_movss_data_after
    ret

# The trap comes at the first instruction of bp_handler (CVE-2018-8897).
    event movss_int3
    arm 1, ACCESS, 2, stack_selector(%rip)
label ev_movss_int3
    movw stack_selector(%rip), %ss
label ev_movss_int3_next
    int3
label ev_movss_int3_after
    ret

    event step_movss
    movl $SEL_DATA, %eax
    set_tf
label ev_step_movss
    movl %eax, %ss
label ev_step_movss_next
    nop
label ev_step_movss_after
    ret

# --- TF over instructions that matter to it ---

    event step_sti
    set_tf
label ev_step_sti
    sti
label ev_step_sti_next
    nop
label ev_step_sti_after
    cli
    ret

    event step_rep
    movl $3, steps_left(%rip)
    leaq watched(%rip), %rsi
    leaq watched(%rip), %rdi
    movl $3, %ecx
    set_tf
label ev_step_rep
    rep movsb
label ev_step_rep_next
    ret

    event step_iret
    movq %rsp, %rdx
    leaq ev_step_iret_target(%rip), %rax
    pushq $SEL_DATA
    pushq %rdx
    pushq $FLAGS_CLEAR
    pushq $SEL_CODE64
    pushq %rax
    set_tf
label ev_step_iret
    iretq
label ev_step_iret_target
    ret

    event step_popf
    pushq $FLAGS_CLEAR
    set_tf
label ev_step_popf
    popfq
label ev_step_popf_next
    ret

# --- DR6 with more in it than one cause ---

    event sticky_set
    movl $1, keep_dr6(%rip)
    set_tf
label ev_sticky_set
    nop
label ev_sticky_set_next
    ret

    event sticky_write
    arm 1, WRITE, 4, watched(%rip)
label ev_sticky_write
    movl %eax, watched(%rip)
label ev_sticky_write_next
    ret

    event step_execute
    arm 0, EXECUTE, 1, ev_step_execute_next(%rip)
    set_tf
label ev_step_execute
    nop
label ev_step_execute_next
    nop
    ret

    event two_data
    arm 0, WRITE, 4, watched(%rip)
    arm 2, ACCESS, 8, watched(%rip)
label ev_two_data
    movl %eax, watched(%rip)
label ev_two_data_next
    ret

    event step_write
    arm 1, WRITE, 4, watched(%rip)
    set_tf
label ev_step_write
    movl %eax, watched(%rip)
label ev_step_write_next
    ret

    event step_port
    call enable_de
    jc not_supported
    arm 3, PORT, 1, 0x80
    set_tf
label ev_step_port
    outb %al, $0x80
label ev_step_port_next
    ret

# Some CPUs set Bn for a breakpoint that matches and is not enabled; such a bit is no cause.
    event false_b
    point 2, ev_false_b_next(%rip)
    set_tf
label ev_false_b
    nop
label ev_false_b_next
    ret

    event branch_step
    movl $DEBUGCTL_BTF, %eax
    call set_debugctl
    jc not_supported
    set_tf
    nop
label ev_branch_step
    jmp ev_branch_step_target
    nop
label ev_branch_step_target
    ret

    event dr4
    call enable_de
    jc not_supported
label ev_dr4
    movq %db4, %rax
label ev_dr4_next
    ret

# The frame ends where its page does, and the next one is not mapped: whoever reads a byte more reads nothing.
    event stack_end
    movq %rsp, %rsi
    movq page_directory + 2 * 8(%rip), %rdi
    movq $0, page_directory + 2 * 8(%rip)
    movq %cr3, %rax
    movq %rax, %cr3
    movl $2 * 0x200000, %esp
    set_tf
label ev_stack_end
    nop
label ev_stack_end_next
    movq %rsi, %rsp
    movq %rdi, page_directory + 2 * 8(%rip)
    ret

.data
    .balign 8
object watched
    .quad 0
object stack_selector
    .word SEL_DATA
