# What a debugger is examined with, in 64-bit mode: a loop with a place for every kind of stop, and loads and stores
# of every width that only happen when the debugger sends the guest there, with rdi on the address. Its frames are
# described, since without that gdb can't tell where a call came from, and steps over it for ever.
.include "common.inc"

    pvh_entry

.text
.code32
function start
    cli
    cld
    lgdt gdtr
    load_data_segments SEL_DATA
    movl %cr4, %eax
    orl $0x600, %eax                # OSFXSR and OSXMMEXCPT: SSE
    movl %eax, %cr4
    enter_long_mode start64

.code64
.cfi_sections .debug_frame
function start64
    load_data_segments SEL_DATA
    leaq stack_top(%rip), %rsp
    pushq $0                        # nobody called it
.cfi_startproc

function main_loop
    incq rounds(%rip)
label place_call
    call leaf
label place_behind
    movabsq $0x1122334455667788, %rax
label place_add
    addq %rbx, %rax
label place_jump
    jmp place_target
    ud2
label place_target
    movl $3, %ecx
label place_count                   # three times: rcx is 3, 2, 1
    decl %ecx
    jnz place_count
label place_sse
    movdqa %xmm1, %xmm0
label place_end
    jmp main_loop
.cfi_endproc
.size main_loop, . - main_loop      # the places in it are no functions of their own

.cfi_startproc
function leaf
    ret
.cfi_endproc

.macro access name, operation:vararg
label \name
    \operation
label \name\()_done
    jmp accessed
.endm

    access store1, movb %al, (%rdi)
    access store2, movw %ax, (%rdi)
    access store4, movl %eax, (%rdi)
    access store8, movq %rax, (%rdi)
    access load1, movb (%rdi), %al
    access load2, movw (%rdi), %ax
    access load4, movl (%rdi), %eax
    access load8, movq (%rdi), %rax

label accessed
    jmp main_loop

    flat_tables

.data
    .balign 64
object rounds
    .quad 0
    .balign 64
    .skip 8
object cell                         # with a neighbour on either side
    .skip 8
    .skip 8
    .balign 4096
object room                         # nobody but the debugger writes here
    .skip 3 * 4096
    .balign 16
    .skip 1024
object stack_top
