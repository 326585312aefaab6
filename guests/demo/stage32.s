# The events of 32-bit protected mode: hardware task switching, and so the T flag, exists only here.
# The handlers write the same log as those of 64-bit mode, which prints it (no console in this stage).
.include "defs.inc"

.text
.code32

function stage32
    call load_gdt
    call load_idt32
    movl $SEL_TSS_MAIN, %eax
    ltr %ax
    movl $DR6_CLEAR, %eax
    movl %eax, %dr6
    movl $DR7_CLEAR, %eax
    movl %eax, %dr7
    movl $0, event_number
    movl $event32_step, %eax
    call run_event32
    movl $event32_int3, %eax
    call run_event32
    movl $event32_execute, %eax
    call run_event32
    movl $event32_task_switch, %eax
    call run_event32
    movl $0, event_rsp              # no event is running
    movl $0, event_number           # the 64-bit stage counts from 1 again
    ret

# Run the event at %eax; event32_returned is also where the handlers go when they abandon one.
function run_event32
    incl event_number
    movl $0, event_records
    movl %esp, event_rsp
    call *%eax
label event32_returned
    movl $DR7_CLEAR, %eax
    movl %eax, %dr7
    ret

function event32_step
    pushfl
    orl $TF, (%esp)
    popfl
label ev_step32
    nop
label ev_step32_next
    nop
    ret

function event32_int3
label ev_int3_32
    int3
label ev_int3_32_next
    nop
    ret

function event32_execute
    movl $ev_execute32, %eax
    movl %eax, %dr3
    movl $(DR7_CLEAR | 1 << 6), %eax
    movl %eax, %dr7
label ev_execute32
    nop
    ret

function event32_task_switch
label ev_task_switch
    ljmp $SEL_TSS_TRAP, $0
label ev_task_switch_back
    clts                            # a task switch sets CR0.TS
    ret

# The other task: its TSS has T set, so the trap comes before its first instruction.
label ev_task_switch_target
    nop
    ljmp $SEL_TSS_MAIN, $0

# --- exceptions ---

.macro stub32 vector, name, error_code=0
function \name
    .if !\error_code
    pushl $0
    .endif
    pushl $\vector
    jmp exception32
.endm

    stub32 0, de_handler32
    stub32 1, db_handler32
    stub32 2, nmi_handler32
    stub32 3, bp_handler32
    stub32 6, ud_handler32
    stub32 8, df_handler32, 1
    stub32 10, ts_handler32, 1
    stub32 11, np_handler32, 1
    stub32 12, ss_handler32, 1
    stub32 13, gp_handler32, 1
    stub32 14, pf_handler32, 1
    stub32 31, other_handler32

# Offsets once three registers are saved.
.set AT_VECTOR, 12
.set AT_ERROR, 16
.set AT_EIP, 20
.set AT_CS, 24
.set AT_EFLAGS, 28

function exception32
    pushl %eax
    pushl %ebx
    pushl %edx
    movl log_count, %ebx
    incl log_count
    shll $LOG_SHIFT, %ebx
    addl $event_log, %ebx
    movl AT_VECTOR(%esp), %eax
    movl %eax, LOG_VECTOR(%ebx)
    movl %dr6, %edx
    movl %edx, LOG_DR6(%ebx)
    movl AT_EIP(%esp), %eax
    movl %eax, LOG_RIP(%ebx)
    movl AT_EFLAGS(%esp), %eax
    movl %eax, LOG_RFLAGS(%ebx)
    movzwl AT_CS(%esp), %eax
    movl %eax, LOG_CS(%ebx)
    movl %dr7, %eax
    movl %eax, LOG_DR7(%ebx)
    movl AT_ERROR(%esp), %eax
    movl %eax, LOG_ERROR(%ebx)
    movl event_number, %eax
    movl %eax, LOG_EVENT(%ebx)

    incl event_records
    cmpl $EVENT_RECORDS, event_records
    jae abandon32
    cmpl $VECTOR_BP, AT_VECTOR(%esp)
    je 2f
    cmpl $VECTOR_DB, AT_VECTOR(%esp)
    jne abandon32
    movl $DR6_CLEAR, %eax
    movl %eax, %dr6
    andl $~TF, AT_EFLAGS(%esp)
    testb $0xf, %dl                 # B bits: here always an instruction breakpoint
    jz 2f
    orl $RF, AT_EFLAGS(%esp)
2:  popl %edx
    popl %ebx
    popl %eax
    addl $8, %esp
    iretl

function abandon32
    movl event_rsp, %esp
    pushl $FLAGS_CLEAR
    popfl
    jmp event32_returned

.section .rodata
    .balign 4
handlers32:
    .long de_handler32, db_handler32, nmi_handler32, bp_handler32, other_handler32, other_handler32
    .long ud_handler32, other_handler32, df_handler32, other_handler32, ts_handler32, np_handler32
    .long ss_handler32, gp_handler32, pf_handler32
    .rept VECTORS - 15
    .long other_handler32
    .endr

.text
function load_idt32
    movl $handlers32, %esi
    movl $idt32, %edi
    movl $VECTORS, %ecx
1:  movl (%esi), %eax
    movw %ax, (%edi)
    movw $SEL_CODE32, 2(%edi)
    movw $0xee00, 4(%edi)           # 32-bit interrupt gate, DPL 3
    shrl $16, %eax
    movw %ax, 6(%edi)
    addl $4, %esi
    addl $8, %edi
    loop 1b
label load_idtr32
    lidt idtr32
    ret
