# Firmware that does one thing: from the reset vector to the 32-bit PVH entry of an image that is in memory already.
# Set with --defsym:
#   ENTRY        where to jump: protected mode, flat segments, paging off, interrupts off
#   START_INFO   hvm_start_info, for %ebx: https://xenbits.xen.org/docs/unstable/misc/pvh.html
#   TOUCH_FROM   with TOUCH_END: read one byte of each 128 KiB there, in order. Bochs hands out the blocks of its RAM in
#   TOUCH_END    the order of their first use, but loads an optramimage in one piece, as if they were in order.

.set BASE, 0xffff0000                   # the last 64 KiB below 4 GiB, where CS points at reset
.set BLOCK, 0x20000
.set PIC_MASTER, 0x21
.set PIC_SLAVE, 0xa1
.set PORT92, 0x92

.text
.code16
    .org 0xf000
    .globl enter
enter:
    cli
    lgdtl %cs:gdt_pointer
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $8, $BASE + protected

.code32
protected:
    movl $16, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl %eax, %ss
    movb $2, %al                        # A20 is off when Bochs comes out of reset
    outb %al, $PORT92
    movb $0xff, %al
    outb %al, $PIC_MASTER
    outb %al, $PIC_SLAVE
    movl $TOUCH_FROM, %esi
1:  movb (%esi), %al
    addl $BLOCK, %esi
    cmpl $TOUCH_END, %esi
    jb 1b
    movl $START_INFO, %ebx
    movl $ENTRY, %eax
    jmp *%eax

    .balign 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff            # code, 4 GiB
    .quad 0x00cf93000000ffff            # data, 4 GiB
gdt_pointer:
    .word . - gdt - 1
    .long BASE + gdt

    .org 0xfff0
.code16
    jmp enter
    .org 0x10000
