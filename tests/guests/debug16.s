# #DBs in real mode. The handlers are in the segment 0800h and the code that raises them runs with CS = 0700h and
# DS = 0750h, so no offset is a linear address. A frame of real mode has no room for RF: the handler takes an
# instruction breakpoint out of DR7 instead. Listed in tests/live/guest_events.py, in this order.
#
# The handler does what BP says: KEEP_DR6, KEEP_TF, CLEAR_DR7.
.include "common.inc"

.set KEEP_DR6, 1
.set KEEP_TF,  2
.set CLEAR_DR7, 4
.set TF, 0x100

.set CODE, 0x700                    # segments of the code under test and its data
.set DATA, 0x750
.set EXECUTE, 0
.set WRITE,   1
.set IO,      2
.set ACCESS,  3
.set LEN1, 0
.set LEN2, 1
.set LEN4, 3

    pvh_entry

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
    lgdt gdtr
    copy_low
    load_data_segments SEL_DATA16
    ljmp $SEL_CODE16, $(leave_protected - low_origin)

.macro arm slot, place, type, len
    movl $(\place), %edx            # linear
    movl %edx, %dr\slot
    movl $(0x400 | 2 << (2 * \slot) | (\type | \len << 2) << (16 + 4 * \slot)), %edx
    movl %edx, %dr7
.endm

.macro disarm
    movl $0x400, %edx
    movl %edx, %dr7
.endm

.macro handler flags
    movw $(\flags), %bp
.endm

.macro raise name, instruction:vararg
label \name
    \instruction
label \name\()_next
    nop
.endm

.macro set_tf
    pushfw
    popw %dx
    orw $TF, %dx
    pushw %dx
    popfw
.endm

.macro step name, instruction:vararg
    set_tf
    raise \name, \instruction
.endm

.set IN_DATA, 0x7500                # of a label, its offset in DS
.set IN_CODE, 0x7000                # and in CS

.section .low, "awx"
.code16
label low_origin
label leave_protected
    movl %cr0, %eax
    andl $~1, %eax
    movl %eax, %cr0
    ljmp $0x800, $(real_mode - low_origin)

function real_mode
    xorw %ax, %ax                   # vectors in the table at 0, as a boot sector finds it
    movw %ax, %ds
    movw $(db_handler - low_origin), 4*1
    movw %cs, 4*1+2
    movw $(bp_handler - low_origin), 4*3
    movw %cs, 4*3+2
    movw $(ud_handler - low_origin), 4*6
    movw %cs, 4*6+2
    movw $(plain_handler - low_origin), 4*0x40
    movw %cs, 4*0x40+2
    lidtl %cs:(ivt - low_origin)
    load_data_segments DATA
    movw $(stack_top_16 - IN_DATA), %sp
    movl $0xffff0ff0, %edx
    movl %edx, %dr6
    handler 0
    ljmp $CODE, $(ready - IN_CODE)

label ready
# --- single steps ------------------------------------------------------------------------------------------------------
    step step_nop, nop
    step step_mov, movl %dr6, %ecx
    step step_immediate, movw $0x1cd, %cx # its last bytes are those of INT 1
    handler KEEP_TF
    set_tf
label chain_1
    incw %cx
label chain_2
    pushfw
label chain_3
    popw %dx
label chain_4
    andw $~TF, %dx
label chain_5
    pushw %dx
label chain_6
    popfw
label chain_6_next
    handler 0
    movw $2, %cx
    movw $(spot - IN_DATA), %di
    pushw %ds
    popw %es
    handler KEEP_TF
    set_tf
label step_rep
    rep stosb
label step_rep_next
    jmp 1f
label step_jump_to
1:  pushfw
    popw %dx
    andw $~TF, %dx
    pushw %dx
    popfw
label jumps_end
    handler 0
    movw %ss, %ax
    set_tf
    movw %ax, %ss
    nop
label step_shadowed_next
    nop
    set_tf
    sti
label step_sti_behind
    cli
label step_sti_behind_next
    nop
    set_tf
    int $0x40
label step_int_behind
    nop
label step_int_behind_next
    nop
    step step_call, lcall $0x800, $(far_function - low_origin) # into the other segment
    nop
    pushfw                          # IRET sets TF
    popw %dx
    orw $TF, %dx
    pushw %dx
    pushw %cs
    pushw $(iret_sets_tf - IN_CODE)
    iretw
label iret_sets_tf
    nop
label iret_sets_tf_next
    nop

# --- data breakpoints --------------------------------------------------------------------------------------------------
    arm 0, spot, WRITE, LEN1
    raise write_1, movb $1, spot - IN_DATA
    arm 1, spot, ACCESS, LEN2
    raise read_2, movw spot - IN_DATA, %ax
    arm 2, spot, WRITE, LEN4
    raise write_4, movl $1, spot - IN_DATA
    arm 3, spot + 3, WRITE, LEN1
    raise overlap, movw $1, spot + 2 - IN_DATA
    movw %sp, %cx
    movw $(stack_in_page - IN_DATA), %sp # the stack in the watched page: TCG delivers the #DB again in the handler
    raise in_page, movb $1, spot + 3 - IN_DATA
    movw %cx, %sp
    arm 0, spot, WRITE, LEN2
    movw $(spot - IN_DATA), %bx
    movw $2, %si
    raise by_index, movb $1, -2(%bx,%si)
    raise by_code_segment, movb $1, %cs:(spot - IN_CODE)
    movw $(0x10000 - 0x8000), %si
    raise by_wrap, movb $1, -0x8000(%bx,%si) # the offset wraps at 64 KiB

    movw %sp, %cx
    movw $(spot + 2 - IN_DATA), %sp
    raise by_push, pushw %ax
    movw $(spot + 2 - IN_DATA), %sp
    call by_call_to
label by_call_to
    movw $(spot + 2 - IN_DATA), %sp
    raise by_enter, enterw $0, $0
    movw %cx, %sp
    handler 0                       # ENTER has changed BP
    movw $(spot - IN_DATA), %di
    movw $2, %cx
label by_rep_stos
    rep stosb
label by_rep_stos_next
    nop

# --- execute breakpoints -----------------------------------------------------------------------------------------------
    handler CLEAR_DR7
    arm 1, execute, EXECUTE, LEN1
label execute
    nop
    arm 2, execute_rep, EXECUTE, LEN1
    movw $1, %cx
label execute_rep
    rep stosb
    arm 3, merged_next, EXECUTE, LEN1
    step merged, nop
    arm 0, plain_handler, EXECUTE, LEN1
    int $0x40
    handler 0

# --- the rest ----------------------------------------------------------------------------------------------------------
    raise int_1, int $1
    raise icebp, .byte 0xf1
    raise int3, int3
    raise int_3, .byte 0xcd, 3
    movl $0x80, %edx
    movl %edx, %dr2
    movl $(0x420 | IO << 24), %edx
    movl %edx, %dr7
    raise port, outb %al, $0x80
    disarm
    arm 1, selector, ACCESS, LEN2
label mov_ss
    movw selector - IN_DATA, %ss
label mov_ss_next
    nop
label mov_ss_after
    arm 0, spot, WRITE, LEN1        # on TCG: a #DB inside of the other
    step step_and_write, movb $1, spot - IN_DATA
    disarm
    movb $0xfe, %al
    outb %al, $0x64                 # reset: -no-reboot ends QEMU
label finished
    hlt
    jmp finished

    .balign 16
    .skip 64                        # for frames below `spot`
spot:
    .skip 16
selector:
    .word DATA
    .balign 16
    .skip 64
label stack_in_page
    .balign 4096
    .skip 256
label stack_top_16

# --- in segment 0800h --------------------------------------------------------------------------------------------------
function db_handler
    pushl %eax
    pushw %bx
    pushw %bp
    movw %sp, %bp
    movw (%bp), %bx
    testw $KEEP_DR6, %bx
    jnz 1f
    movl $0xffff0ff0, %eax
    movl %eax, %dr6
1:  testw $KEEP_TF, %bx
    jnz 2f
    andw $~TF, 12(%bp)              # BP, BX, EAX, IP, CS, FLAGS
2:  testw $CLEAR_DR7, %bx
    jz 3f
    movl $0x400, %eax
    movl %eax, %dr7
3:  popw %bp
    popw %bx
    popl %eax
    iretw

function ud_handler
    pushw %bp
    movw %sp, %bp
    incw 2(%bp)
    popw %bp
    iretw

function bp_handler
    nop
    iretw

function plain_handler
    iretw

function far_function
    lretw

    .balign 8
object ivt
    .word 0x3ff
    .long 0

    flat_tables
