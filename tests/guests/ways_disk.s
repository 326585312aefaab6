# A boot sector: it reads `SECTORS` sectors behind it to 1000:0 by INT 13h, enters protected mode, moves them to 1 MiB
# and goes there.
.code16
.globl enter
enter:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %ss
    movw $0x7c00, %sp
    sti
    movw $packet, %si
    movb $0x42, %ah
    int $0x13
    jc enter
    cli
    inb $0x92, %al
    orb $2, %al
    outb %al, $0x92
    lgdtl gdtr
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmpl $0x08, $flat
.code32
flat:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $0x10000, %esi
    movl $0x100000, %edi
    movl $SECTORS * 128, %ecx
    rep movsl
    movl $0x100000, %eax
    jmp *%eax
    .balign 8
gdt:
    .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdtr:
    .word gdtr - gdt - 1
    .long gdt
packet:
    .byte 16, 0
    .word SECTORS, 0, 0x1000
    .quad 1
    .org 510
    .word 0xaa55
