# A deterministic loop in 64-bit mode, for ever: loads, stores, calls, branches taken and not, PUSH and POP, REP,
# arithmetic that changes every flag. No interrupts, no devices, no time: two runs are equal step by step.
.include "common.inc"

    pvh_entry

.text
.code32
function start
    cli
    cld
    lgdt gdtr
    load_data_segments SEL_DATA
    enter_long_mode start64

.code64
function start64
    load_data_segments SEL_DATA
    leaq stack_top(%rip), %rsp
    xorl %eax, %eax
    movq %rax, %dr7
    xorl %ebx, %ebx
    xorl %ecx, %ecx
    xorl %edx, %edx
    xorl %esi, %esi
    xorl %edi, %edi
    xorl %ebp, %ebp
    movl $1, %r8d
    xorl %r9d, %r9d
    xorl %r10d, %r10d
    xorl %r11d, %r11d
    xorl %r12d, %r12d
    xorl %r13d, %r13d
    xorl %r14d, %r14d
    xorl %r15d, %r15d

function main_loop
    incq rounds(%rip)
    movq %r8, %rdi
    call next_random
    movq %rax, %r8
    movl %eax, %ebx
    andl $63, %ebx
    leaq table(%rip), %rsi
    call touch
    testl $1, %eax
    jz even
    addq %rax, %r9
    jmp joined
label even
    xorq %rax, %r10
label joined
    call copy
    movl $3, %ecx
label inner_loop
    rolq $7, %r11
    addq %r8, %r11
    decl %ecx
    jnz inner_loop
    jmp main_loop

# rdi -> rax: one step of a linear congruential generator.
function next_random
    movabsq $6364136223846793005, %rax
    imulq %rdi, %rax
    addq $1442695041, %rax
    ret

# Read, change and write table[rbx].
function touch
    pushq %rbp
    movq %rsp, %rbp
    movq (%rsi,%rbx,8), %rdx
    addq %rax, %rdx
    adcq $0, %rdx
    movq %rdx, (%rsi,%rbx,8)
    popq %rbp
    ret

function copy
    leaq table(%rip), %rsi
    leaq target(%rip), %rdi
    movl $4, %ecx
    rep movsb
    ret

    flat_tables

.data
    .balign 64
object rounds
    .quad 0
object target
    .quad 0
    .balign 64
object table
    .skip 64 * 8
    .balign 16
    .skip 1024
object stack_top
