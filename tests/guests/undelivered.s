# Exceptions that the CPU can't deliver, in 64-bit mode, CPL 0: their gates are missing. Each stage begins at a label of its
# own and counts what its handlers see in `counted`; the last one ends the guest by a triple fault.
.include "common.inc"

.set DB_GATE, idt+1*16
.set UD_GATE, idt+6*16
.set DF_GATE, idt+8*16
.set GP_GATE, idt+13*16
.set PRESENT, 0x8e00
.set NOT_PRESENT, 0x0e00

    pvh_entry

.text
.code32
function start
    cli
    cld
    lgdt gdtr
    load_data_segments SEL_DATA
    enter_long_mode start64

.macro gate where, handler, attributes
    leaq \handler(%rip), %rax
    leaq \where(%rip), %rdi
    movl $\attributes, %edx
    call fill_gate
.endm

.code64
function start64
    leaq stack_top(%rip), %rsp
    gate GP_GATE, skip_with_code, PRESENT
    gate idt+11*16, skip_with_code, PRESENT
    lidt idtr(%rip)

label no_db_gate                    # a step of the guest's own: #DB, and #GP instead
    leaq no_db_gate_after(%rip), %r15
    pushfq
    orl $0x100, (%rsp)
    popfq
label no_db_gate_step
    nop
label no_db_gate_after

label absent_db_gate                # the gate is there, but not present: #NP instead
    gate DB_GATE, skip, NOT_PRESENT
    leaq absent_db_gate_after(%rip), %r15
    pushfq
    orl $0x100, (%rsp)
    popfq
label absent_db_gate_step
    nop
label absent_db_gate_after

label no_int_gate                   # INT n to nowhere
    leaq no_int_gate_after(%rip), %r15
label no_int_gate_int
    int $0x40
label no_int_gate_after

label db_gate                       # one that is delivered
    gate DB_GATE, skip, PRESENT
    leaq db_gate_after(%rip), %r15
    pushfq
    orl $0x100, (%rsp)
    popfq
label db_gate_step
    nop
label db_gate_after

label double_fault                  # #UD, #GP, and #DF, which has a handler
    movq $0, GP_GATE
    movq $0, GP_GATE + 8
    gate DF_GATE, skip_with_code, PRESENT
    leaq double_fault_after(%rip), %r15
label double_fault_ud
    ud2
label double_fault_after

label triple_fault                  # #UD, #GP, #DF, and nothing more
    movq $0, DF_GATE
    movq $0, DF_GATE + 8
label triple_fault_ud
    ud2
    hlt

function fill_gate                  # rax: the handler, rdi: the gate, edx: its attributes
    movw %ax, (%rdi)
    movw $SEL_CODE64, 2(%rdi)
    movw %dx, 4(%rdi)
    shrq $16, %rax
    movw %ax, 6(%rdi)
    shrq $16, %rax
    movl %eax, 8(%rdi)
    ret

function skip_with_code
    addq $8, %rsp
function skip                       # go on at R15, with TF clear
    incq counted(%rip)
    movq %r15, (%rsp)
    andl $~0x100, 16(%rsp)
    iretq

    flat_tables

.data
    .balign 8
object idtr
    .word 32 * 16 - 1
    .quad idt
object counted
    .quad 0
    .balign 16
object idt
    .skip 32 * 16
    .skip 1024
object stack_top
