# Long mode: set up, then run the table of events, then shut the machine down.
.include "defs.inc"

.text
.code64

function stage64
    movl $SEL_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    leaq kernel_stack_top(%rip), %rsp
    call load_idt64
    movl $SEL_TSS64, %eax
    ltr %ax
    call set_syscall_msrs
    call console_init
    leaq greeting(%rip), %rsi
    call print
    call run_events
    leaq farewell(%rip), %rsi
    call print
    jmp power_off

# 16-byte interrupt gates from the table of handlers, and one for the way back from CPL 3.
function load_idt64
    leaq handlers64(%rip), %rsi
    leaq idt64(%rip), %rdi
    movl $VECTORS, %ecx
1:  movq (%rsi), %rax
    movl $0x8e00, %edx              # DPL 0
    call set_gate
    addq $8, %rsi
    addq $16, %rdi
    loop 1b
    movb $1, idt64 + 8 * 16 + 4(%rip)                   # #DF on IST1
    movb $0xee, idt64 + VECTOR_BP * 16 + 5(%rip)        # INT3 from CPL 3
    leaq user_return(%rip), %rax
    leaq idt64 + VECTOR_USER_RETURN * 16(%rip), %rdi
    movl $0xee00, %edx
    call set_gate
label load_idtr64
    lidt idtr64(%rip)
    ret

# %rax: handler, %rdi: gate, %edx: type and DPL. The #DB gate has no IST: a second #DB on the first
# instruction of its handler would overwrite the frame of the first.
function set_gate
    movw %ax, (%rdi)
    movw $SEL_CODE64, 2(%rdi)
    movl %edx, 4(%rdi)
    shrq $16, %rax
    movw %ax, 6(%rdi)
    shrq $16, %rax
    movl %eax, 8(%rdi)
    movl $0, 12(%rdi)
    ret

# FMASK leaves TF alone, so that a step over SYSCALL traps at its target.
function set_syscall_msrs
    movl $MSR_STAR, %ecx
    xorl %eax, %eax
    movl $(SEL_USER_BASE << 16 | SEL_CODE64), %edx
    wrmsr
    movl $MSR_LSTAR, %ecx
    leaq syscall_entry(%rip), %rax
    xorl %edx, %edx
    wrmsr
    movl $MSR_FMASK, %ecx
    movl $0x200, %eax
    wrmsr
    ret

# Every event of the table in turn. The state is in memory: an event that is abandoned keeps no register.
function run_events
1:  movl event_number(%rip), %ebx
    cmpl event_count(%rip), %ebx
    jae 2f
    incl event_number(%rip)
    shll $4, %ebx
    leaq event_table(%rip), %rax
    movq (%rax,%rbx), %rax
    movl $0, event_records(%rip)
    movl $0, keep_dr6(%rip)
    movl $1, steps_left(%rip)
    movl $0, event_outcome(%rip)
    movq %rsp, event_rsp(%rip)
    testq %rax, %rax                # the 32-bit stage did it
    jz event_returned
    call *%rax
label event_returned                # also reached from CPL 3 and from abandoned events
    pushq $FLAGS_CLEAR
    popfq
    movl $SEL_DATA, %eax
    movl %eax, %ss
    movl $DR7_CLEAR, %eax
    movq %rax, %dr7
    movq %cr4, %rax
    andq $~CR4_DE, %rax
    movq %rax, %cr4
    cmpl $0, debugctl_set(%rip)
    je 3f
    movl $0, debugctl_set(%rip)
    movl $MSR_DEBUGCTL, %ecx
    xorl %eax, %eax
    xorl %edx, %edx
    wrmsr
3:  movq $0, event_rsp(%rip)
    call report
    jmp 1b
2:  ret

# ACPI: SLP_EN with type 0 in PM1a control, where QEMU's pc and q35 have it; then a triple fault for the
# machines that have it elsewhere.
function power_off
    movw $0x604, %dx
    movw $0x2000, %ax
    outw %ax, %dx
    movl $1000000, %ecx
1:  pause
    loop 1b
    lidt empty_idtr(%rip)
    int3

# RDMSR %ecx to %rax; CF where it raises #GP.
function read_msr
    leaq 1f(%rip), %rax
    movq %rax, probe_rip(%rip)
    rdmsr
    movq $0, probe_rip(%rip)
    shlq $32, %rdx
    orq %rdx, %rax
    clc
    ret
1:  stc
    ret

# Set %eax (one bit) in DEBUGCTL; CF where the CPU does not keep it.
function set_debugctl
    movl %eax, %ebx
    movl $MSR_DEBUGCTL, %ecx
    call read_msr
    jc 1f
    orl %ebx, %eax
    movq %rax, %rdx
    shrq $32, %rdx
    leaq 1f(%rip), %rsi
    movq %rsi, probe_rip(%rip)
    wrmsr
    movq $0, probe_rip(%rip)
    call read_msr
    jc 1f
    testl %ebx, %eax
    jz 1f
    movl $1, debugctl_set(%rip)
    clc
    ret
1:  stc
    ret

.data
    .balign 8
object event_rsp
    .quad 0
object probe_rip                    # where a guarded MSR access goes on when it raises #GP
    .quad 0
object event_number
    .long 0
object event_records
    .long 0
object event_outcome                # 1: this CPU cannot do it
    .long 0
object steps_left                   # how many #DBs until the handler clears TF
    .long 0
object keep_dr6                     # the handler leaves DR6 as it is
    .long 0
object debugctl_set                 # DEBUGCTL is to be cleared when the event is over
    .long 0
object log_count
    .long 0

.bss
    .balign 64
object event_log
    .skip LOG_CAPACITY << LOG_SHIFT

.section .rodata
object greeting
    .asciz "dr6 demo guest\n"
object farewell
    .asciz "end\n"
