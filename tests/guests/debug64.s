# #DBs in 64-bit code, CPL 0 and 3, with the #DB handler on IST 1. Each is raised by the instruction at its own label
# NAME; NAME_next is behind it. What each is to be called is listed in tests/live/guest_events.py, in this order.
#
# The handler does what R15 says, so that handlers of every kind are met: KEEP_DR6, KEEP_TF, SET_RF, NEW_DR7 (to R14).
.include "common.inc"

.set SEL_TSS,    0x18               # to 0x27
.set SEL_USER32, 0x28               # base of SYSRET's selectors
.set SEL_USERDS, 0x30
.set SEL_USER64, 0x38

.set KEEP_DR6, 1
.set KEEP_TF,  2
.set SET_RF,   4
.set NEW_DR7,  8

.set EXECUTE, 0
.set WRITE,   1
.set IO,      2
.set ACCESS,  3
.set LEN1, 0
.set LEN2, 1
.set LEN8, 2
.set LEN4, 3
.set TF, 0x100

    pvh_entry

.text
.code32
function start
    cli
    cld
    lgdt gdtr
    load_data_segments SEL_DATA
    movb $0xff, %al                 # no interrupts
    outb %al, $0x21
    outb %al, $0xa1
    movl %cr4, %eax
    orl $0x608, %eax                # DE, OSFXSR, OSXMMEXCPT
    movl %eax, %cr4
    movl %cr0, %eax
    andl $~4, %eax                  # EM
    orl $2, %eax                    # MP
    movl %eax, %cr0
    enter_long_mode start64

.macro arm slot, place, type, len   # DR\slot alone
    leaq \place, %r10
    movq %r10, %dr\slot
    movl $(0x400 | 2 << (2 * \slot) | (\type | \len << 2) << (16 + 4 * \slot)), %r10d
    movq %r10, %dr7
.endm

.macro also slot, place, type, len  # DR\slot beside what is armed
    leaq \place, %r10
    movq %r10, %dr\slot
    movq %dr7, %r10
    orl $(2 << (2 * \slot) | (\type | \len << 2) << (16 + 4 * \slot)), %r10d
    movq %r10, %dr7
.endm

.macro disarm
    movl $0x400, %r10d
    movq %r10, %dr7
.endm

.macro clear_dr6
    movl $0xffff0ff0, %r10d
    movq %r10, %dr6
.endm

.macro handler flags
    movl $(\flags), %r15d
.endm

.macro raise name, instruction:vararg
label \name
    \instruction
label \name\()_next
    nop
.endm

.macro set_tf
    pushfq
    orl $TF, (%rsp)
    popfq
.endm

.macro step name, instruction:vararg
    set_tf
    raise \name, \instruction
.endm

.macro gate vector, target, kind, ist
    leaq \target(%rip), %rax
    leaq idt + 16 * \vector(%rip), %rdi
    movw %ax, (%rdi)
    movw $SEL_CODE64, 2(%rdi)
    movw $(\kind << 8 | \ist), 4(%rdi)
    shrq $16, %rax
    movw %ax, 6(%rdi)
.endm

.code64
function start64
    leaq stack_top(%rip), %rsp
    leaq tss(%rip), %rax
    movw %ax, gdt64 + SEL_TSS + 2
    shrq $16, %rax
    movb %al, gdt64 + SEL_TSS + 4
    movb %ah, gdt64 + SEL_TSS + 7
    lgdt gdtr64
    load_data_segments SEL_DATA
    movw $SEL_TSS, %ax
    ltr %ax
    gate 1, db_handler, 0xee, 1     # DPL 3: INT 1 of user mode gets here as well
    gate 3, bp_handler, 0xee, 0
    gate 6, ud_handler, 0x8e, 0
    gate 0x40, plain_handler, 0x8e, 0
    lidt idtr(%rip)
    movl $0xc0000080, %ecx          # EFER.SCE
    rdmsr
    orl $1, %eax
    wrmsr
    movl $0xc0000081, %ecx          # STAR
    xorl %eax, %eax
    movl $(SEL_USER32 << 16 | SEL_CODE64), %edx
    wrmsr
    incl %ecx                       # LSTAR
    leaq system_call(%rip), %rax
    xorl %edx, %edx
    wrmsr
    orl $7, page_map                # all for user mode
    orl $7, page_directory_pointers
    orl $7, page_directory
    movq %cr3, %rax
    movq %rax, %cr3
    clear_dr6
    handler 0
label ready

# --- single steps --------------------------------------------------------------------------------------------------
    step step_nop, nop
    step step_mov, movq %dr6, %rcx
    step step_jump, jmp step_jump_to
    nop
label step_jump_to
    step step_call, call step_call_to
    jmp step_call_behind
label step_call_to
    pushfq
    orl $TF, (%rsp)
    popfq
label step_ret
    ret
label step_call_behind
    xorl %ecx, %ecx
    step step_not_taken, jnz step_jump_to
    step step_cpuid, cpuid
    step step_push, pushfq          # the saved image has TF
    popq %rax
    handler KEEP_TF                 # three in a row, and the POPF that takes TF away
    set_tf
label chain_1
    incl %ecx
label chain_2
    pushfq
label chain_3
    andl $~TF, (%rsp)
label chain_4
    popfq
label chain_4_next
    handler 0
    leaq iret_sets_tf(%rip), %rcx   # IRET sets TF
    movq %rsp, %rdx
    pushq $SEL_DATA
    pushq %rdx
    pushfq
    orl $TF, (%rsp)
    pushq $SEL_CODE64
    pushq %rcx
    iretq
label iret_sets_tf
    raise step_after_iret, nop
    movl $3, %ecx                   # REP: after each iteration
    leaq spot(%rip), %rsi
    leaq spot + 64(%rip), %rdi
    handler KEEP_TF
    set_tf
label step_rep
    rep movsb
label step_rep_next
    pushfq
    andl $~TF, (%rsp)
    popfq
    handler 0
    xorl %ecx, %ecx
    step step_rep_none, rep stosb   # no iteration at all
    movw $SEL_DATA, %ax
    set_tf
label step_mov_ss
    movw %ax, %ss                   # puts it off by one
label step_shadowed
    nop
label step_shadowed_next
    set_tf
label step_sti
    sti                             # does not put it off; TCG 7.2 does
label step_sti_behind
    cli
label step_sti_behind_next
    handler 0
    set_tf                          # what enters a handler clears TF, and its IRET sets it again
label step_int
    int $0x40
label step_int_behind
    nop
label step_int_behind_next
    set_tf
label step_int3
    int3
label step_int3_behind
    nop
label step_int3_behind_next
    set_tf
label step_ud
    ud2                             # the handler goes on behind it
label step_ud_behind
    nop
label step_ud_behind_next
    set_tf
    ljmp *far_pointer(%rip)
label step_far_to
    nop

# --- data breakpoints: lengths and overlaps --------------------------------------------------------------------------
    arm 0, spot(%rip), WRITE, LEN1
    raise write_1, movb $1, spot(%rip)
    arm 1, spot(%rip), WRITE, LEN2
    raise write_2, movw $1, spot(%rip)
    arm 2, spot(%rip), WRITE, LEN4
    raise write_4, movl $1, spot(%rip)
    arm 3, spot(%rip), WRITE, LEN8
    raise write_8, movq $1, spot(%rip)
    arm 0, spot + 7(%rip), ACCESS, LEN1
    raise last_byte, movq spot(%rip), %rax
    arm 1, spot + 4(%rip), ACCESS, LEN4
    raise from_below, movw spot + 3(%rip), %ax
    arm 2, spot(%rip), ACCESS, LEN8
    raise from_above, movq spot + 5(%rip), %rax
    arm 3, spot + 2(%rip), WRITE, LEN2
    raise byte_of_two, movb $1, spot + 3(%rip)
    arm 0, spot(%rip), WRITE, LEN4
    movl spot(%rip), %eax           # a read of what is watched for writes: nothing
    movb $1, spot + 4(%rip)         # beside it: nothing
    arm 1, spot + 1(%rip), WRITE, LEN4 # the low bits of the address don't count; for TCG they do
    raise unaligned, movl $1, spot(%rip)
    raise unaligned_above, movb $1, spot + 4(%rip) # hardware: nothing
    arm 0, spot(%rip), WRITE, LEN1
    also 2, spot + 4(%rip), ACCESS, LEN4
    raise two_slots, movq $1, spot(%rip)
    arm 1, spot(%rip), ACCESS, LEN4
    also 3, spot(%rip), WRITE, LEN4
    raise same_place, incl spot(%rip)

# --- data breakpoints: instructions ----------------------------------------------------------------------------------
    arm 0, spot(%rip), WRITE, LEN8
    xorl %eax, %eax
    raise by_xchg, xchgq %rax, spot(%rip)
    movq spot(%rip), %rax
    raise by_cmpxchg, lock cmpxchgq %rcx, spot(%rip)
    raise by_xadd, lock xaddq %rcx, spot(%rip)
    fldz
    raise by_fstp, fstpl spot(%rip)
    raise by_movaps, movaps %xmm0, spot(%rip)
    raise by_bts, btsl $3, spot(%rip)
    leaq spot(%rip), %rbx
    raise by_based, movq %rbx, (%rbx)
    raise by_load_to_base, addq $1, (%rbx)
    leaq spot + 8(%rip), %rdx
    movq %rsp, %rbp
    movq %rdx, %rsp
    raise by_push, pushq %rax
    movq %rdx, %rsp
label by_call
    call by_call_to
label by_call_to
    movq %rdx, %rsp
    raise by_push_memory, pushq far_pointer(%rip)
    movq %rbp, %rsp
    pushq $5
    raise by_pop_memory, popq spot(%rip)
    arm 1, spot(%rip), ACCESS, LEN8
    leaq by_ret_to(%rip), %rax
    disarm
    movq %rax, spot(%rip)
    arm 1, spot(%rip), ACCESS, LEN8
    leaq spot(%rip), %rsp
label by_ret
    ret
label by_ret_to
    leaq spot(%rip), %rsp
    raise by_pop, popq %rcx
    movq %rbp, %rcx
    leaq spot(%rip), %rbp
    raise by_leave, leave
    movq %rcx, %rsp
    disarm
    leaq by_jump_to(%rip), %rax
    movq %rax, spot(%rip)
    arm 1, spot(%rip), ACCESS, LEN8
label by_jump
    jmp *spot(%rip)
    nop
label by_jump_to
    nop
    arm 2, spot(%rip), WRITE, LEN1
    leaq spot - 1(%rip), %rdi
    movl $3, %ecx
    movb $0x20, %al
label by_rep_stos                   # the second iteration of three
    rep stosb
label by_rep_stos_next
    leaq spot(%rip), %rdi
    movl $1, %ecx
    raise by_rep_last, rep stosb
    leaq spot(%rip), %rdi
    raise by_stos, stosq
    std
    leaq spot(%rip), %rdi
    raise by_stos_down, stosb
    cld
    arm 3, spot(%rip), ACCESS, LEN1
    leaq spot(%rip), %rsi
    leaq spot + 64(%rip), %rdi
    raise by_movs, movsl
    leaq spot(%rip), %rsi
    raise by_lods, lodsb
    leaq spot(%rip), %rdi
    raise by_scas, scasb
    leaq spot + 64(%rip), %rsi
    leaq spot(%rip), %rdi
    raise by_cmps, cmpsb
    leaq spot(%rip), %rbx
    xorl %eax, %eax
    raise by_xlat, xlatb
    raise by_cmov, cmovnzq spot(%rip), %rcx
    raise by_test, testb $1, spot(%rip)
    raise by_lost_base, movq (%rbx), %rbx
    leaq iret_frame_end(%rip), %rcx # IRET reads its frame
    arm 0, iret_frame(%rip), ACCESS, LEN8
    disarm
    leaq by_iret_to(%rip), %rax
    movq %rax, iret_frame(%rip)
    movq %rsp, iret_frame + 24(%rip)
    movq $2, iret_frame + 16(%rip)
    arm 0, iret_frame(%rip), ACCESS, LEN8
    leaq iret_frame(%rip), %rsp
label by_iret
    iretq
label by_iret_to
    # A gate that pushes onto a watched slot is left out: QEMU 7.2 aborts (cpu_check_watchpoint takes a lock that
    # the delivery of interrupts holds).
    disarm

# --- execute breakpoints ---------------------------------------------------------------------------------------------
    handler SET_RF
    arm 0, in_loop(%rip), EXECUTE, LEN1
    movl $2, %ecx
label in_loop
    nop
    loop in_loop
    arm 1, on_ud(%rip), EXECUTE, LEN1 # before the #UD of the same instruction
label on_ud
    ud2
    nop
    arm 2, on_int3(%rip), EXECUTE, LEN1
label on_int3
    int3
    arm 3, on_rep(%rip), EXECUTE, LEN1
    movl $2, %ecx
    leaq spot(%rip), %rdi
label on_rep
    rep stosb
    arm 0, on_shadowed(%rip), EXECUTE, LEN1 # behind MOV SS: AMD's CPUs break there, Intel's don't
    movw $SEL_DATA, %ax
    movw %ax, %ss
label on_shadowed
    nop
    arm 1, merged_next(%rip), EXECUTE, LEN1 # with the step in front of it: one #DB
    step merged, nop
    arm 2, on_handler_to(%rip), EXECUTE, LEN1 # where a handler's IRET leads
    int $0x40
label on_handler_to
    nop
    arm 3, plain_handler(%rip), EXECUTE, LEN1 # on a handler
    int $0x40
    handler NEW_DR7                 # the handler takes the breakpoint out instead
    movl $0x400, %r14d
    arm 0, taken_out(%rip), EXECUTE, LEN1
label taken_out
    nop
    movl $(0x408 | 1 << 20), %r14d  # it arms another register
    leaq spot(%rip), %r10
    movq %r10, %dr1
    arm 0, exchanged(%rip), EXECUTE, LEN1
label exchanged
    nop
    handler 0
    raise exchanged_write, movb $1, spot(%rip)
    disarm

# --- DR6 that nobody clears ------------------------------------------------------------------------------------------
    handler KEEP_DR6
    step sticky_step, nop
    step sticky_step_again, nop
    arm 0, spot(%rip), WRITE, LEN4
    raise sticky_write, movl $1, spot(%rip)
    arm 1, spot(%rip), WRITE, LEN4
    raise sticky_other, movl $1, spot(%rip)
    disarm
    raise sticky_int_1, int $1
    handler KEEP_DR6 | SET_RF
    arm 2, sticky_execute(%rip), EXECUTE, LEN1
label sticky_execute
    nop
    disarm
    handler KEEP_DR6
    step sticky_step_last, nop
    clear_dr6
    handler 0

# --- MOV SS, I/O, vector 1 without a #DB ------------------------------------------------------------------------------
    arm 1, selector(%rip), ACCESS, LEN2
    raise mov_ss_load, movw selector(%rip), %ss
    arm 2, selector(%rip), ACCESS, LEN2
label mov_ss_int3
    movw selector(%rip), %ss
label mov_ss_int3_behind
    int3
label mov_ss_int3_next
    nop
    movl $0x80, %r10d
    movq %r10, %dr3
    movl $(0x480 | (IO | LEN1 << 2) << 28), %r10d
    movq %r10, %dr7
    raise port_out, outb %al, $0x80
    movl $0x80, %edx
    raise port_in, inb %dx, %al
    step port_step, outb %al, %dx
    leaq spot(%rip), %rdi
    raise port_ins, insb
    disarm
    raise plain_int_1, int $1
    raise plain_icebp, .byte 0xf1
    step step_int_1, int $1         # a software interrupt: BS is not set, TF is in the frame
    step step_icebp, .byte 0xf1
    leaq by_hand_to(%rip), %rcx     # the handler is entered by a jump, with a frame that software made
    movq %rsp, %rdx
    pushq $SEL_DATA
    pushq %rdx
    pushfq
    pushq $SEL_CODE64
    pushq %rcx
    jmp db_handler
    nop
label by_hand_to
    nop

# --- user mode -------------------------------------------------------------------------------------------------------
    movl $0xc0000084, %ecx          # FMASK: TF is taken away
    movl $(TF | 0x200), %eax
    xorl %edx, %edx
    wrmsr
    movq %rsp, kernel_rsp(%rip)
    leaq user_stack_top(%rip), %rdx
    pushq $(SEL_USERDS | 3)
    pushq %rdx
    pushq $2
    pushq $(SEL_USER64 | 3)
    leaq user(%rip), %rcx
    pushq %rcx
    arm 0, spot(%rip), WRITE, LEN4
    also 1, user_execute(%rip), EXECUTE, LEN1
    handler SET_RF
    iretq

function user
    raise user_write, movl $1, spot(%rip)
label user_execute
    nop
    xorl %eax, %eax
    syscall                         # handler := 0
    set_tf
label user_step
    nop
label user_step_next
    set_tf                          # the kernel's FMASK takes TF away, and SYSRET brings it back: a trap at once
label user_syscall
    syscall
label user_syscall_next
    nop
    raise user_int_1, int $1
    set_tf
label user_int3
    int3
label user_int3_behind
    nop
label user_int3_behind_next
    movl $1, %eax                   # FMASK := 0: the trap comes at the kernel's entry
    syscall
    movl $2, %eax
    set_tf
label user_syscall_kept
    syscall

    .balign 16
function system_call
    cmpl $1, %eax
    je 2f
    ja finish
    movl $0, %r15d
    sysretq
2:  movq %rcx, %r9
    movq %r11, %r12
    movl $0xc0000084, %ecx
    xorl %eax, %eax
    xorl %edx, %edx
    wrmsr
    movq %r9, %rcx
    movq %r12, %r11
    sysretq

function finish
    movq kernel_rsp(%rip), %rsp
    handler 0
    arm 0, spot(%rip), WRITE, LEN4  # one #DB; on TCG a second one inside of it, which on an IST stack never ends
    step step_and_write, movl $1, spot(%rip)
    movl $0xfe, %eax
    outb %al, $0x64                 # reset: -no-reboot ends QEMU
label finished
    hlt
    jmp finished

# --- handlers --------------------------------------------------------------------------------------------------------
function db_handler
    pushq %rax
    testb $KEEP_DR6, %r15b
    jnz 1f
    movl $0xffff0ff0, %eax
    movq %rax, %dr6
1:  testb $KEEP_TF, %r15b
    jnz 2f
    andl $~TF, 24(%rsp)
2:  testb $SET_RF, %r15b
    jz 3f
    orl $0x10000, 24(%rsp)
3:  testb $NEW_DR7, %r15b
    jz 4f
    movq %r14, %dr7
4:  popq %rax
    iretq

function ud_handler
    movq (%rsp), %rax
    cmpb $0xf1, (%rax)
    jne 1f
    decq (%rsp)                     # F1 is one byte, UD2 two
1:  addq $2, (%rsp)
    iretq

function bp_handler
    nop
    iretq

function plain_handler
    iretq

    flat_tables

.data
    .balign 8
object gdt64
    .quad 0
    .quad 0x00af9b000000ffff
    .quad 0x00cf93000000ffff
    .quad 0x00008900000000ff, 0     # TSS
    .quad 0x00cffb000000ffff        # user code 32
    .quad 0x00cff3000000ffff        # user data
    .quad 0x00affb000000ffff        # user code 64
object gdtr64
    .word 8 * 8 - 1
    .quad gdt64
object idtr
    .word 16 * 0x41 - 1
    .quad idt
object far_pointer
    .long step_far_to
    .word SEL_CODE64
object selector
    .word SEL_DATA
    .balign 8
object kernel_rsp
    .quad 0
object iret_frame
    .quad 0, SEL_CODE64, 2, 0, SEL_DATA
object iret_frame_end
    .balign 64
    .skip 64
object spot
    .skip 128
    .balign 16
object tss
    .long 0
    .quad stack_top, 0, 0, 0
    .quad ist1_top
    .skip 64
    .balign 16
object idt
    .skip 16 * 0x41
    .balign 16
    .skip 1024
object user_stack_top
    .skip 2048
object stack_top
    .skip 2048
object ist1_top
