# Every vCPU raises #DBs of its own, for ever, in 64-bit mode: its debug registers, its stacks and its TSS are its own, the
# IDT and the handler are shared. Run it with -smp 4. CPU n has in DRn a write breakpoint on cell n (8 bytes apart), and
# steps over one NOP with TF; CPU 0 has an instruction breakpoint as well. Listed in tests/live/test_debug_guests.py.
.include "common.inc"

.set APIC_SPURIOUS, 0xfee000f0
.set APIC_COMMAND, 0xfee00300
.set CPUS, 4
.set SEL_TSS, 0x30                  # 16 bytes for each CPU
.set STACK, 0x1000                  # two pages for each CPU
.set TF, 0x100

    pvh_entry

.text
.code32
function start
    cli
    cld
    lgdt gdtr_smp
    load_data_segments SEL_DATA
    movl $stacks, %esp
    addl $STACK, %esp
    copy_low
    orl $0x100, APIC_SPURIOUS
    movl $0xc4500, APIC_COMMAND     # INIT to all but self
    movl $10000, %ecx
    call delay
    movl $0xc4608, APIC_COMMAND     # startup at 8000h
    movl $200, %ecx
    call delay
    movl $0xc4608, APIC_COMMAND
    enter_long_mode start64

function delay
    inb $0x80, %al
    loop delay
    ret

.code32
function other_protected
    load_data_segments SEL_DATA
    enter_long_mode start64

.code64
function start64
    movl $1, %eax
    cpuid
    shrl $24, %ebx
    movl %ebx, %edi                 # n
    movl %edi, %eax
    shll $13, %eax
    leaq stacks(%rip), %rsi
    addq %rax, %rsi
    leaq STACK(%rsi), %rsp
    imull $128, %edi, %eax          # the TSS: IST 1 is the second page
    leaq tss(%rip), %rbp
    addq %rax, %rbp
    addq $(2 * STACK), %rsi
    movq %rsi, 36(%rbp)
    movl %edi, %eax
    shll $4, %eax
    leaq gdt_smp + SEL_TSS(%rip), %rsi
    addq %rax, %rsi
    movq %rbp, %rax
    movw $103, (%rsi)
    movw %ax, 2(%rsi)
    shrq $16, %rax
    movb %al, 4(%rsi)
    movb $0x89, 5(%rsi)
    movb $0, 6(%rsi)
    movb %ah, 7(%rsi)
    movl %edi, %eax
    shll $4, %eax
    addl $SEL_TSS, %eax
    ltr %ax
    leaq handler(%rip), %rax        # all write the same gate
    leaq idt + 16(%rip), %rsi
    movw %ax, (%rsi)
    movw $SEL_CODE64, 2(%rsi)
    movw $0x8e01, 4(%rsi)
    shrq $16, %rax
    movw %ax, 6(%rsi)
    lidt idtr_smp(%rip)
    movl $0xffff0ff0, %eax
    movq %rax, %dr6
    leaq cells(%rip), %rbx
    leaq (%rbx,%rdi,8), %rbx
    cmpl $1, %edi
    je cpu1
    cmpl $2, %edi
    je cpu2
    ja cpu3

.macro loops n, more
label loop\n
    movl $\n, (%rbx)
label write\n
    nop
    pushfq
    orl $TF, (%rsp)
    popfq
    nop
label step\n
    nop
    \more
    jmp loop\n
.endm

label cpu0
    movq %rbx, %dr0
    leaq execute0(%rip), %rax
    movq %rax, %dr3
    movl $0x000d0482, %eax          # DR0 write 4 bytes, DR3 instruction
    movq %rax, %dr7
    loops 0, "label execute0; nop"
label cpu1
    movq %rbx, %dr1
    movl $0x00d00408, %eax
    movq %rax, %dr7
    loops 1
label cpu2
    movq %rbx, %dr2
    movl $0x0d000420, %eax
    movq %rax, %dr7
    loops 2
label cpu3
    movq %rbx, %dr3
    movl $0xd0000480, %eax
    movq %rax, %dr7
    loops 3

function handler
    pushq %rax
    leaq counts(%rip), %rax         # how often CPU n was here
    incq (%rax,%rdi,8)
    movl $0xffff0ff0, %eax
    movq %rax, %dr6
    andl $~TF, 24(%rsp)
    orl $0x10000, 24(%rsp)
    popq %rax
    iretq

.section .low, "awx"
.code16
label low_origin
function other_start                # CS=0800h, IP=0
    cli
    movw %cs, %ax
    movw %ax, %ds
    lgdtl gdtr16 - low_origin
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $SEL_CODE32, $other_protected

    .balign 8
object gdtr16
    .word SEL_TSS + 16 * CPUS - 1
    .long gdt_smp

    flat_tables

.data
    .balign 8
object gdt_smp
    .quad 0
    .quad 0x00af9b000000ffff
    .quad 0x00cf93000000ffff
    .quad 0x00cf9b000000ffff
    .quad 0, 0
    .skip 16 * CPUS
object gdtr_smp
    .word SEL_TSS + 16 * CPUS - 1
    .quad gdt_smp
object idtr_smp
    .word 2 * 16 - 1
    .quad idt
    .balign 16
object idt
    .skip 2 * 16
    .balign 16
object tss
    .skip 128 * CPUS
    .balign 4096
object cells
    .skip 4096
object counts
    .skip 4096
object stacks
    .skip 2 * STACK * CPUS
