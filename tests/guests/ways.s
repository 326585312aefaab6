# A kernel of 32-bit code that takes #DBs and counts them itself, to be booted in every way that there is: by multiboot
# with addresses in its header (flag bit 16), by a boot sector, by firmware of its own. It stands at 1 MiB and knows
# nothing of what is in front of it but that code and data are flat.
#
# --defsym: TASK_GATE=1 (#DB through a task gate), COPIED=1 (LIDT runs in a copy elsewhere), ALIAS=1 (the gate is
# filled in through another linear address), LATE=1 (the gate is filled in after LIDT), FAR=1 (it is a long way to LIDT),
# ON_HANDLER=1 (an instruction breakpoint of the guest's own lies on its handler of #BP), STALE=1 (it steps once more while
# the data breakpoint that it has hit is armed), MANY=1 (30,000 #DBs), INT1=1 (an INT1
# in each round, which raises #UD on QEMU before 9.1; its handler goes on behind it).
#
# At the end it writes the count to port E9h, a byte for each two digits of hex, and shuts down by a triple fault.
.ifndef TASK_GATE
.set TASK_GATE, 0
.endif
.ifndef COPIED
.set COPIED, 0
.endif
.ifndef ALIAS
.set ALIAS, 0
.endif
.ifndef LATE
.set LATE, 0
.endif

.ifndef FAR
.set FAR, 0
.endif

.ifndef STALE
.set STALE, 0
.endif
.ifndef INT1
.set INT1, 0
.endif
.ifndef ON_HANDLER
.set ON_HANDLER, 0
.endif

.set ORIGIN, 0x100000
.set COPY_AT, 0x180000
.set ALIAS_AT, 0x400000                 # the second 4 MiB show the first ones once more
.set CS_FLAT, 0x08
.set DS_FLAT, 0x10
.set TSS_MAIN, 0x18
.set TSS_DEBUG, 0x20
.ifdef MANY
.set ROUNDS, 3000
.else
.set ROUNDS, 4
.endif

.text
.code32
.org 0
    jmp start
    .balign 4
multiboot:
    .long 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)
    .long multiboot, ORIGIN, image_end, bss_end, start

.globl start
start:
    cli
    cld
    movl $stack_top, %esp
    lgdt gdtr
    ljmp $CS_FLAT, $1f
1:  movl $DS_FLAT, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %eax, %fs
    movl %eax, %gs
    movl $tss_main, %eax
    movw %ax, gdt + TSS_MAIN + 2
    shrl $16, %eax
    movb %al, gdt + TSS_MAIN + 4
    movl $tss_debug, %eax
    movw %ax, gdt + TSS_DEBUG + 2
    shrl $16, %eax
    movb %al, gdt + TSS_DEBUG + 4
.if ALIAS
    call paging_on
.endif
.if !LATE && !ALIAS
    call fill_gate
.endif
.if FAR
    .fill 4000, 1, 0x90
.endif
.if COPIED
    movl $load_table, %esi
    movl $COPY_AT, %edi
    movl $load_table_end - load_table, %ecx
    rep movsb
    movl $COPY_AT, %eax
    call *%eax
.else
    call load_table
.endif
.if LATE || ALIAS
    call fill_gate
.endif
    movl $ROUNDS, %ebx
round:
    call steps
    call writes
.if ON_HANDLER
    call breaks
.endif
.if INT1
    .byte 0xf1
.endif
    decl %ebx
    jnz round
    movl taken, %eax
    outb %al, $0xe9
    shrl $8, %eax
    outb %al, $0xe9
    lidt nothing
    int3

load_table:
    lidt idtr
    ret
load_table_end:

.globl steps
steps:                                  # five #DBs
    pushfl
    orl $0x100, (%esp)
    popfl
    nop
    nop
    pushfl
    andl $~0x100, (%esp)
    popfl
    nop
    ret

.globl writes
writes:                                 # five #DBs
    movl $spot, %eax
    movl %eax, %dr0
    movl $0xd0402, %eax                 # G0, write, 4 bytes
    movl %eax, %dr7
    movl $5, %ecx
1:  movl %ecx, spot
    decl %ecx
    jnz 1b
.if STALE
    call steps
.endif
    movl $0x400, %eax
    movl %eax, %dr7
    ret

.if ON_HANDLER
breaks:                                 # one #DB, at the handler of its #BP
    movl $bp_handler, %eax
    movl %eax, %dr1
    movl $0x408, %eax                   # G1, execute
    movl %eax, %dr7
    int3
    movl $0x400, %eax
    movl %eax, %dr7
    ret

.globl bp_handler
bp_handler:
    incl traps
    iret
.endif

.if INT1
ud_handler:
    incl (%esp)
    iret
.endif

fill_gate:
.if INT1
    movl $ud_handler, %eax
    movl $idt + 48, %edi
    movw $CS_FLAT, 2(%edi)
    movw $0x8e00, 4(%edi)
    movw %ax, (%edi)
    shrl $16, %eax
    movw %ax, 6(%edi)
.endif
.if ON_HANDLER
    movl $bp_handler, %eax
    movl $idt + 24, %edi
    movw $CS_FLAT, 2(%edi)
    movw $0x8e00, 4(%edi)
    movw %ax, (%edi)
    shrl $16, %eax
    movw %ax, 6(%edi)
.endif
.if TASK_GATE
    movl $TSS_MAIN, %eax
    ltr %ax
    movl $TSS_DEBUG << 16, idt + 8
    movl $0x8500, idt + 12
.else
    movl $db_handler, %eax
    movl $idt + 8, %edi
.if ALIAS
    addl $ALIAS_AT, %edi
.endif
    movw $CS_FLAT, 2(%edi)
    movw $0x8e00, 4(%edi)
    movw %ax, (%edi)
    shrl $16, %eax
    movw %ax, 6(%edi)
.endif
    ret

.if ALIAS
paging_on:
    movl $0x83, page_directory          # 4 MiB at 0
    movl $0x83, page_directory + 4      # and the same at 4 MiB
    movl %cr4, %eax
    orl $0x10, %eax
    movl %eax, %cr4
    movl $page_directory, %eax
    movl %eax, %cr3
    movl %cr0, %eax
    orl $0x80000000, %eax
    movl %eax, %cr0
    ret
.endif

.globl db_handler
db_handler:
.if ON_HANDLER
    orl $0x10000, 8(%esp)               # RF: the instruction that a breakpoint lies on runs
.endif
    incl taken
    pushl %eax
    movl $0xffff0ff0, %eax
    movl %eax, %dr6
    popl %eax
    iret

.globl db_task
db_task:
1:  incl taken
    movl $0xffff0ff0, %eax
    movl %eax, %dr6
    iret
    jmp 1b

    .balign 8
gdt:
    .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
    .quad 0x0000890000000067, 0x0000890000000067
gdtr:
    .word gdtr - gdt - 1
    .long gdt
idtr:
    .word 0x1f * 8 - 1
    .long idt

nothing:
    .word 0
    .long 0

    .balign 8
idt:
    .skip 0x20 * 8
tss_main:
    .skip 0x68
tss_debug:
    .skip 0x1c
    .long 0                             # CR3
    .long db_task, 2                    # EIP, EFLAGS
    .long 0, 0, 0, 0, task_stack, 0, 0, 0
    .long DS_FLAT, CS_FLAT, DS_FLAT, DS_FLAT, DS_FLAT, DS_FLAT
    .long 0
    .long 0x680000
.if STALE
    .balign 4096                        # nothing else is touched in its page
spot:
    .skip 4096
.else
spot:
    .long 0
.endif
traps:
    .long 0
.globl taken
taken:
    .long 0
    .balign 4096
page_directory:
    .skip 4096
    .skip 1024
task_stack:
    .skip 1024
stack_top:
    .balign 512
image_end:
bss_end:
