# GDT, the three TSSs and the IDTs. Bases and offsets of descriptors are filled in at run time, because their
# split fields are no relocations.
.include "defs.inc"

.data
    .balign 8
object gdt
    .quad 0
    .quad 0x00af9b000000ffff        # 08 code64
    .quad 0x00cf93000000ffff        # 10 data
    .quad 0x00cffb000000ffff        # 18 user code32 (SYSRET wants the slot)
    .quad 0x00cff3000000ffff        # 20 user data
    .quad 0x00affb000000ffff        # 28 user code64
    .quad 0x0000890000000067, 0     # 30 64-bit TSS, 16 bytes
    .quad 0x00cf9b000000ffff        # 40 code32
    .quad 0x0000890000000067        # 48 32-bit TSS of the main task
    .quad 0x0000890000000067        # 50 32-bit TSS with the T flag
gdt_end:

object gdtr
    .word gdt_end - gdt - 1
    .quad gdt

    .balign 8
object idtr32
    .word VECTORS * 8 - 1
    .quad idt32

    .balign 8
object idtr64
    .word (VECTOR_USER_RETURN + 1) * 16 - 1
    .quad idt64

    .balign 8
object empty_idtr
    .word 0
    .quad 0

    .balign 8
object tss_main                     # filled by the CPU when it leaves the task
    .skip 102
    .word 104                       # no I/O map

    .balign 8
object tss_trap
    .long 0                         # previous task
    .long trap_task_stack_top, SEL_DATA
    .skip 16                        # stacks of CPL 1 and 2
    .long 0                         # CR3, unused: paging is off
    .long ev_task_switch_target     # EIP
    .long FLAGS_CLEAR
    .long 0, 0, 0, 0                # EAX ECX EDX EBX
    .long trap_task_stack_top       # ESP
    .long 0, 0, 0                   # EBP ESI EDI
    .long SEL_DATA, SEL_CODE32, SEL_DATA, SEL_DATA, SEL_DATA, SEL_DATA
    .long 0                         # LDT
    .word 1                         # T: debug trap on the switch to this task
    .word 104

    .balign 8
object tss64
    .long 0
    .quad interrupt_stack_top       # RSP0
    .skip 24
    .quad double_fault_stack_top    # IST1
    .skip 58
    .word 104

.bss
    .balign 16
object idt32
    .skip VECTORS * 8
object idt64
    .skip (VECTOR_USER_RETURN + 1) * 16
    .balign 16
    .skip 2048
object trap_task_stack_top

.text
.code32

# Load the GDT, with the bases of the TSSs.
function load_gdt
    movl $tss_main, %eax
    movl $gdt + SEL_TSS_MAIN, %edi
    call set_base
    movl $tss_trap, %eax
    movl $gdt + SEL_TSS_TRAP, %edi
    call set_base
    movl $tss64, %eax
    movl $gdt + SEL_TSS64, %edi
    call set_base
    lgdt gdtr
    ljmp $SEL_CODE32, $1f
1:  movl $SEL_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl %eax, %ss
    ret

# %eax: base, %edi: descriptor.
function set_base
    movw %ax, 2(%edi)
    shrl $16, %eax
    movb %al, 4(%edi)
    movb %ah, 7(%edi)
    ret
