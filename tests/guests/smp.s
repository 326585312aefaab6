# Every vCPU counts in 64-bit mode: counters[APIC id]. The first starts the others by INIT and SIPI through its
# local APIC, from 32-bit mode where the APIC needs no mapping. Run it with -smp 2 (8 at most).
.include "common.inc"

.set APIC_SPURIOUS, 0xfee000f0
.set APIC_COMMAND, 0xfee00300

    pvh_entry

.text
.code32
function start
    cli
    cld
    lgdt gdtr
    load_data_segments SEL_DATA
    movl $stack_top, %esp
    copy_low
    orl $0x100, APIC_SPURIOUS       # software enable
    movl $0xc4500, APIC_COMMAND     # INIT to all but self
    movl $10000, %ecx
    call delay
    movl $0xc4608, APIC_COMMAND     # startup at 8000h
    movl $200, %ecx
    call delay
    movl $0xc4608, APIC_COMMAND     # once more, as the SDM has it; a CPU that runs ignores it
    call my_counter
    enter_long_mode first_start

# ecx times about a microsecond, which a read of port 80h takes.
function delay
    inb $0x80, %al
    loop delay
    ret

# edi: the address of this CPU's counter.
function my_counter
    movl $1, %eax
    cpuid
    shrl $24, %ebx
    leal counters(,%ebx,8), %edi
    ret

.code64
function first_start
    movl %edi, %edi                 # the upper half is not defined after the change of mode
label first_loop
    incq (%rdi)
    jmp first_loop

function other_start64
    movl %edi, %edi
label other_loop
    incq (%rdi)
    jmp other_loop

.code32
function other_protected
    load_data_segments SEL_DATA
    movl $1, %eax                   # my_counter without a stack
    cpuid
    shrl $24, %ebx
    leal counters(,%ebx,8), %edi
    enter_long_mode other_start64

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
    .word 6 * 8 - 1
    .long gdt

    flat_tables

.data
    .balign 64
object counters
    .skip 8 * 8
    .balign 16
    .skip 256
object stack_top
