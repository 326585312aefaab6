# The events at CPL 3: the kernel side arms and leaves by IRET (or SYSRET), the user side ends with INT 80h.
.include "defs.inc"

.macro event name
function event_\name
.endm

.macro user_return
    int $VECTOR_USER_RETURN
.endm

.text
.code64

    event user_step
    enter_user ev_user_step, TF | FLAGS_CLEAR

    event user_write
    arm 0, WRITE, 4, user_watched(%rip)
    enter_user ev_user_write

    event user_execute
    arm 1, EXECUTE, 1, ev_user_execute(%rip)
    enter_user ev_user_execute

    event user_int1
    enter_user ev_user_int1

    event user_int_1
    enter_user ev_user_int_1

    event user_int3
    enter_user ev_user_int3

    event step_syscall
    enter_user user_syscall

    event step_sysret
    leaq user_stack_top(%rip), %rsp
    leaq ev_step_sysret_target(%rip), %rcx
    movl $(TF | FLAGS_CLEAR), %r11d
label ev_step_sysret
    sysretq

# CPUID 7 ECX bit 24: the CPU can raise #DB after a bus lock at CPL 3 (DEBUGCTL bit 2).
    event bus_lock
    xorl %eax, %eax
    cpuid
    cmpl $7, %eax
    jb not_supported
    movl $7, %eax
    xorl %ecx, %ecx
    cpuid
    btl $24, %ecx
    jnc not_supported
    movl $DEBUGCTL_BLD, %eax
    call set_debugctl
    jc not_supported
    enter_user ev_bus_lock

.section .user.text, "ax"

label ev_user_step
    nop
label ev_user_step_next
    user_return

label ev_user_write
    movl %eax, user_watched(%rip)
label ev_user_write_next
    user_return

label ev_user_execute
    nop
    user_return

label ev_user_int1
    .byte 0xf1
label ev_user_int1_next
    user_return

label ev_user_int_1
    int $1                          # its gate has DPL 0
label ev_user_int_1_next
    user_return

label ev_user_int3
    int3
label ev_user_int3_next
    user_return

function user_syscall
    set_tf
label ev_step_syscall
    syscall
label ev_step_syscall_next
    user_return

label ev_step_sysret_target
    nop
label ev_step_sysret_next
    user_return

label ev_bus_lock
    lock xaddl %eax, user_split(%rip)
label ev_bus_lock_next
    user_return

.section .user.data, "aw"
    .balign 64
object user_watched
    .quad 0
    .balign 64
    .skip 62
object user_split                   # across a cache line
    .long 0
    .balign 64
    .skip 4096
object user_stack_top
