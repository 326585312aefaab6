# The firmware of the demo guest's machine in the labs: all that a PVH guest needs, in a moment, on any CPU.
# 32-bit protected mode with flat segments, the PM base where SeaBIOS puts it, and a jump to `entry` (--defsym).
.set CS_FLAT, 0x08
.set DS_FLAT, 0x10
.set ROM_BASE, 0xffff0000               # the last 64 KiB below 4 GiB, where CS points at reset
.set PIIX4_PM, 0x80000b00               # configuration address of 00:01.3
.set PM_BASE, 0x601                     # ports from 0x600 on

.macro configure register, value
    movl $\register, %eax
    movw $0xcf8, %dx
    outl %eax, %dx
    movl $\value, %eax
    movw $0xcfc, %dx
    outl %eax, %dx
.endm

.text
.code16
    .org 0xf000
    .globl enter
enter:
    cli
    lgdtl %cs:gdtr
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $CS_FLAT, $ROM_BASE + flat
.code32
flat:
    movl $DS_FLAT, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %eax, %fs
    movl %eax, %gs
    configure PIIX4_PM + 0x40, PM_BASE
    configure PIIX4_PM + 0x80, 1        # PMREGMISC: the ports answer
    movl $entry, %eax
    jmp *%eax

    .balign 8
gdt:
    .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdtr:
    .word gdtr - gdt - 1
    .long ROM_BASE + gdt
    .org 0xfff0
.code16
    jmp enter
    .org 0x10000
