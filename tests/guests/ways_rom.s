# Firmware for QEMU's -bios: the kernel in its first half is moved to 1 MiB, and entered in protected mode.
.set ROM_BASE, 0xffff0000
.code16
    .org 0x8000
.globl enter
enter:
    cli
    lgdtl %cs:gdtr
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmpl $0x08, $ROM_BASE + flat
.code32
flat:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $ROM_BASE, %esi
    movl $0x100000, %edi
    movl $0x8000 / 4, %ecx
    rep movsl
    movl $0x100000, %eax
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
