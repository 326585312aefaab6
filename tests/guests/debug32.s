# #DBs in 32-bit protected mode: code whose segment has a base, 16-bit code, CPL 3 and virtual-8086 mode; the handlers
# are in a segment with a base of its own. Listed in tests/live/guest_events.py, in this order.
#
# The handler does what EBP says: KEEP_DR6, KEEP_TF, SET_RF.
.include "common.inc"

.set SEL_FLAT_CODE, 0x18            # as in common.inc
.set SEL_TSS,     0x30
.set SEL_BASED,   0x38              # code, base BASED
.set SEL_DATA_UP, 0x40              # data, base BASED
.set SEL_USER,    0x48              # code of CPL 3, base BASED
.set SEL_USER_DATA, 0x50
.set SEL_16,      0x58              # 16-bit code, base 8000h
.set SEL_HANDLER, 0x60              # code, base HANDLERS
.set SEL_TASK,    0x68

.set BASED, 0x40000
.set HANDLERS, 0x20000
.set KEEP_DR6, 1
.set KEEP_TF,  2
.set SET_RF,   4
.set TF, 0x100
.set EXECUTE, 0
.set WRITE,   1
.set ACCESS,  3
.set LEN1, 0
.set LEN2, 1
.set LEN4, 3

    pvh_entry

.macro arm slot, place, type, len
    movl $(\place), %edx
    movl %edx, %dr\slot
    movl $(0x400 | 2 << (2 * \slot) | (\type | \len << 2) << (16 + 4 * \slot)), %edx
    movl %edx, %dr7
.endm

.macro disarm
    movl $0x400, %edx
    movl %edx, %dr7
.endm

.macro handler flags
    movl $(\flags), %ebp
.endm

.macro raise name, instruction:vararg
label \name
    \instruction
label \name\()_next
    nop
.endm

.macro set_tf
    pushfl
    orl $TF, (%esp)
    popfl
.endm

.macro step name, instruction:vararg
    set_tf
    raise \name, \instruction
.endm

.macro gate vector, target, kind
    movl $(\target - HANDLERS), %eax
    movw %ax, idt + 8 * \vector
    movw $SEL_HANDLER, idt + 8 * \vector + 2
    movw $(\kind << 8), idt + 8 * \vector + 4
    shrl $16, %eax
    movw %ax, idt + 8 * \vector + 6
.endm

.text
.code32
function start
    cli
    cld
    movb $0xff, %al                 # no interrupts
    outb %al, $0x21
    outb %al, $0xa1
    movl %cr4, %eax
    orl $8, %eax                    # DE
    movl %eax, %cr4
    lgdt gdtr32
    copy_low
    load_data_segments SEL_DATA
    movl $stack_top, %esp
    movl $tss, %eax
    movw %ax, gdt32 + SEL_TSS + 2
    shrl $16, %eax
    movb %al, gdt32 + SEL_TSS + 4
    movb %ah, gdt32 + SEL_TSS + 7
    movw $SEL_TSS, %ax
    ltr %ax
    gate 1, db_handler, 0xee
    gate 3, bp_handler, 0xee
    gate 6, ud_handler, 0x8e
    gate 0x40, plain_handler, 0xee
    gate 0x41, to_kernel, 0xee
    gate 0x42, finish, 0xee
    lidt idtr
    movl $0xffff0ff0, %edx
    movl %edx, %dr6
    handler 0
label ready

# --- flat ----------------------------------------------------------------------------------------------------------------
    step flat_step, nop
    arm 0, spot, WRITE, LEN4
    raise flat_write, movl $1, spot
    movl $(spot + 4), %ecx
    xchgl %ecx, %esp
    raise flat_push, pushl $1
    movl %ecx, %esp
    handler SET_RF
    arm 1, flat_execute, EXECUTE, LEN1
label flat_execute
    nop
    handler 0
    disarm

# --- a code segment and a data segment with a base -------------------------------------------------------------------------
    ljmp $SEL_BASED, $(based - BASED)
label based
    step based_step, nop
    step based_call, call based_call_to
label based_call_to
    popl %eax
    arm 2, spot, WRITE, LEN4
    movw $SEL_DATA_UP, %ax
    movw %ax, %fs
    movl $(spot - BASED), %ebx
    raise based_write, movl $1, %fs:(%ebx)
    arm 3, spot, ACCESS, LEN2
    raise based_read, movl %cs:(spot - BASED), %eax
    raise based_int_1, int $1
    raise based_int3, int3
    disarm
    set_tf
    ljmp $SEL_FLAT_CODE, $based_far_to
label based_far_to
    nop

# --- 16-bit protected mode -----------------------------------------------------------------------------------------------
    ljmp $SEL_16, $(code16 - 0x8000)
label behind16

# --- CPL 3 ---------------------------------------------------------------------------------------------------------------
    pushl $(SEL_USER_DATA | 3)
    pushl $user_stack_top
    pushfl
    orl $0x3000, (%esp)             # IOPL 3
    pushl $(SEL_USER | 3)
    pushl $(user - BASED)
    arm 0, spot, WRITE, LEN1
    handler 0
    iretl

label user
    movw $(SEL_USER_DATA | 3), %ax
    movw %ax, %ds
    raise user_write, movb $1, spot
    step user_step, nop
    movl $(spot + 1), %ecx
    xchgl %ecx, %esp
    raise user_push, pushl $1
    movl %ecx, %esp
    raise user_int_1, int $1
    set_tf
    int $0x40
    nop
label user_int_behind
    int $0x41                       # to CPL 0

# --- virtual-8086 mode -----------------------------------------------------------------------------------------------------
function enter_v86
    movl $SEL_DATA, %eax
    movw %ax, %ds
    movl $stack_top, %esp
    arm 1, v86_spot, WRITE, LEN2
    handler 0
    pushl $0                        # GS, FS, DS, ES, SS, ESP, EFLAGS, CS, EIP
    pushl $0
    pushl $0x740
    pushl $0
    pushl $0x740
    pushl $(v86_stack_top - 0x7400)
    pushl $0x23002                  # VM, IOPL 3
    pushl $0x760
    pushl $(v86 - 0x7600)
    iretl

# --- handlers --------------------------------------------------------------------------------------------------------------
function db_handler
    pushl %eax
    testl $KEEP_DR6, %ebp
    jnz 1f
    movl $0xffff0ff0, %eax
    movl %eax, %dr6
1:  testl $KEEP_TF, %ebp
    jnz 2f
    andl $~TF, 12(%esp)
2:  testl $SET_RF, %ebp
    jz 3f
    orl $0x10000, 12(%esp)
3:  popl %eax
    iretl

function ud_handler
    incl (%esp)
    iretl

function bp_handler
    nop
    iretl

function plain_handler
    iretl

function to_kernel
    ljmp $SEL_FLAT_CODE, $enter_v86

function finish
    movb $0xfe, %al
    outb %al, $0x64                 # reset: -no-reboot ends QEMU
label finished
    hlt
    jmp finished

.section .low, "awx"
label low_origin
.code16
label code16
    pushfl
    orw $TF, %ss:(%esp)
    popfl
label step16
    nop
label step16_next
    nop
    movl $spot, %edx
    movl %edx, %dr2
    movl $(0x420 | (WRITE | LEN4 << 2) << 24), %edx
    movl %edx, %dr7
    movl $spot, %ebx
label write16
    movb $1, (%ebx)
label write16_next
    nop
    movl $0x400, %edx
    movl %edx, %dr7
    ljmpl $SEL_FLAT_CODE, $behind16

label v86
    pushfl
    popl %eax
    orw $TF, %ax
    pushl %eax
    popfl
label v86_step
    nop
label v86_step_next
    nop
label v86_write
    movw $1, v86_spot - 0x7400
label v86_write_next
    nop
    movw $(v86_spot + 2 - 0x7400), %sp
label v86_push
    pushw %ax
label v86_push_next
    nop
label v86_int3
    int3
label v86_int3_next
    nop
label v86_icebp
    .byte 0xf1
label v86_icebp_next
    nop
    int $0x42                       # to CPL 0, and the end
    .balign 16
label v86_spot
    .skip 64
label v86_stack_top

    flat_tables

.data
    .balign 8
object gdt32
    .quad 0
    .quad 0x00cf9b000000ffff        # unused
    .quad 0x00cf93000000ffff        # data
    .quad 0x00cf9b000000ffff        # code
    .quad 0, 0
    .quad 0x0000890000000067        # TSS
    .quad 0x00cf9b040000ffff        # code, base 40000h
    .quad 0x00cf93040000ffff        # data, base 40000h
    .quad 0x00cffb040000ffff        # user code, base 40000h
    .quad 0x00cff3000000ffff        # user data
    .quad 0x00009b008000ffff        # 16-bit code, base 8000h
    .quad 0x00cf9b020000ffff        # code, base 20000h
    .quad 0
object gdtr32
    .word 14 * 8 - 1
    .long gdt32
object idtr
    .word 8 * 0x43 - 1
    .long idt
    .balign 8
object tss
    .long 0, kernel_stack_top, SEL_DATA
    .skip 104 - 12
    .balign 8
object idt
    .skip 8 * 0x43
    .balign 4096
object spot
    .skip 4096
    .skip 1024
object user_stack_top
    .skip 1024
object kernel_stack_top
    .skip 1024
object stack_top
