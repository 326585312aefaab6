# Some hundred instructions in 16-bit real mode (CS base 8000h), as many in 32-bit protected mode and in 64-bit
# mode, then a HLT loop. The PVH loader enters in 32-bit mode, from where it goes down to real mode first.
.include "common.inc"

    pvh_entry

.text
.code32
function start
    cli
    cld
    lgdt gdtr
    copy_low
    load_data_segments SEL_DATA16   # 64 KiB limits, which real mode keeps
    ljmp $SEL_CODE16, $(leave_protected - low_origin)

.section .low, "awx"
.code16
label low_origin
label leave_protected
    movl %cr0, %eax
    andl $~1, %eax
    movl %eax, %cr0
    ljmp $0x800, $(real_mode - low_origin)

function real_mode
    load_data_segments 0x800
    movw $(real_stack_top - low_origin), %sp
    xorw %bx, %bx
    movw $100, %cx
label real_loop
    addw %cx, %bx
    movw %bx, real_sum - low_origin
    call real_function
    loop real_loop
    lgdtl gdtr16 - low_origin
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $SEL_CODE32, $protected_mode

function real_function
    incw %bx
    ret

    .balign 8
object gdtr16
    .word 6 * 8 - 1
    .long gdt
object real_sum
    .word 0
    .balign 16
    .skip 64
object real_stack_top

.text
.code32
function protected_mode
    load_data_segments SEL_DATA
    movl $stack_top, %esp
    movl $100, %ecx
    xorl %ebx, %ebx
label protected_loop
    addl %ecx, %ebx
    movl %ebx, protected_sum
    loop protected_loop
    enter_long_mode long_mode

.code64
function long_mode
    load_data_segments SEL_DATA
    leaq stack_top(%rip), %rsp
    movl $100, %ecx
    xorl %ebx, %ebx
label long_loop
    addq %rcx, %rbx
    movq %rbx, long_sum(%rip)
    loop long_loop
label modes_end
    hlt
    jmp modes_end

    flat_tables

.data
    .balign 8
object protected_sum
    .long 0
    .balign 8
object long_sum
    .quad 0
    .balign 16
    .skip 1024
object stack_top
