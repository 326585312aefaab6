# Exceptions in 64-bit mode: log, then go on as Linux would (DR6 reset, RF for instruction breakpoints).
.include "defs.inc"

.text
.code64

.macro stub vector, name, error_code=0
function \name
    .if !\error_code
    pushq $0
    .endif
    pushq $\vector
    jmp exception
.endm

    stub 0, de_handler
    stub 1, db_handler
    stub 2, nmi_handler
    stub 3, bp_handler
    stub 4, of_handler
    stub 5, br_handler
    stub 6, ud_handler
    stub 7, nm_handler
    stub 8, df_handler, 1
    stub 10, ts_handler, 1
    stub 11, np_handler, 1
    stub 12, ss_handler, 1
    stub 13, gp_handler, 1
    stub 14, pf_handler, 1
    stub 16, mf_handler
    stub 17, ac_handler, 1
    stub 18, mc_handler
    stub 19, xm_handler
    stub 21, cp_handler, 1
    stub 31, other_handler          # reserved, or of no use here: nothing raises them

# Offsets once four registers are saved.
.set AT_VECTOR, 32
.set AT_ERROR, 40
.set AT_RIP, 48
.set AT_CS, 56
.set AT_RFLAGS, 64
.set AT_RSP, 72
.set AT_SS, 80

function exception
    pushq %rax
    pushq %rbx
    pushq %rcx
    pushq %rdx
    cmpq $0, probe_rip(%rip)
    jne probe_failed
    cmpq $0, event_rsp(%rip)
    je unexpected
    movl log_count(%rip), %ebx
    cmpl $LOG_CAPACITY, %ebx
    jae abandon
    incl log_count(%rip)
    shll $LOG_SHIFT, %ebx
    leaq event_log(%rip), %rax
    addq %rax, %rbx
    movq AT_VECTOR(%rsp), %rax
    movq %rax, LOG_VECTOR(%rbx)
    movq %dr6, %rdx
    movq %rdx, LOG_DR6(%rbx)
    movq AT_RIP(%rsp), %rax
    movq %rax, LOG_RIP(%rbx)
    movq AT_RFLAGS(%rsp), %rax
    movq %rax, LOG_RFLAGS(%rbx)
    movzwl AT_CS(%rsp), %eax
    movq %rax, LOG_CS(%rbx)
    movq %dr7, %rcx
    movq %rcx, LOG_DR7(%rbx)
    movq AT_ERROR(%rsp), %rax
    movq %rax, LOG_ERROR(%rbx)
    movl event_number(%rip), %eax
    movq %rax, LOG_EVENT(%rbx)

    incl event_records(%rip)
    cmpl $EVENT_RECORDS, event_records(%rip)
    jae abandon
    cmpq $VECTOR_BP, AT_VECTOR(%rsp)
    je resume
    cmpq $VECTOR_DB, AT_VECTOR(%rsp)
    jne abandon

    cmpl $0, keep_dr6(%rip)
    jne 1f
    movl $DR6_CLEAR, %eax
    movq %rax, %dr6
1:  decl steps_left(%rip)
    jg 2f
    andq $~TF, AT_RFLAGS(%rsp)
2:  movl %ecx, %eax                 # DR7: enables in %cl, R/W fields in %al
    shrl $16, %eax
    movl $4, %ebx
3:  testb $1, %dl                   # Bn of DR6,
    jz 4f
    testb $3, %cl                   # enabled,
    jz 4f
    testb $3, %al                   # for execution: let the instruction run once
    jnz 4f
    orq $RF, AT_RFLAGS(%rsp)
4:  shrl $1, %edx
    shrl $2, %ecx
    shrl $4, %eax
    decl %ebx
    jnz 3b

function resume
    popq %rdx
    popq %rcx
    popq %rbx
    popq %rax
    addq $16, %rsp
    iretq

# A fault that the event cannot get past, or an event that repeats: leave it.
function abandon
    movl $DR7_CLEAR, %eax
    movq %rax, %dr7
    leaq event_returned(%rip), %rax
    movq %rax, AT_RIP(%rsp)
    movq $SEL_CODE64, AT_CS(%rsp)
    movq $FLAGS_CLEAR, AT_RFLAGS(%rsp)
    movq event_rsp(%rip), %rax
    movq %rax, AT_RSP(%rsp)
    movq $SEL_DATA, AT_SS(%rsp)
    jmp resume

function probe_failed
    movq probe_rip(%rip), %rax
    movq %rax, AT_RIP(%rsp)
    movq $0, probe_rip(%rip)
    jmp resume

# Outside of any event: a bug here, or a platform that delivers events late.
function unexpected
    cmpq $VECTOR_DB, AT_VECTOR(%rsp)
    jne 1f
    pushq %rsi
    leaq late_text(%rip), %rsi
    call print
    popq %rsi
    movl $DR6_CLEAR, %eax
    movq %rax, %dr6
    movl $DR7_CLEAR, %eax
    movq %rax, %dr7
    andq $~TF, AT_RFLAGS(%rsp)
    jmp resume
1:  leaq unexpected_text(%rip), %rsi
    call print
    movq AT_VECTOR(%rsp), %rax
    movl $2, %ecx
    call print_hex
    movb $' ', %al
    call print_char
    movq AT_RIP(%rsp), %rax
    movl $16, %ecx
    call print_hex
    movb $'\n', %al
    call print_char
    jmp power_off

# SYSCALL enters here, on the user's stack; a step over SYSCALL traps before the first instruction.
function syscall_entry
    movq event_rsp(%rip), %rsp
    jmp event_returned

# INT 80h enters here: the end of an event at CPL 3.
function user_return
    movq event_rsp(%rip), %rsp
    jmp event_returned

.section .rodata
    .balign 8
object handlers64
    .quad de_handler, db_handler, nmi_handler, bp_handler, of_handler, br_handler, ud_handler, nm_handler
    .quad df_handler, other_handler, ts_handler, np_handler, ss_handler, gp_handler, pf_handler, other_handler
    .quad mf_handler, ac_handler, mc_handler, xm_handler, other_handler, cp_handler
    .rept VECTORS - 22
    .quad other_handler
    .endr
late_text:
    .asciz "-- a #DB between two events\n"
unexpected_text:
    .asciz "-- unexpected exception "
