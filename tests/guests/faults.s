# One exception after the other in 64-bit mode, CPL 0. Each is raised at its own label; every vector has a handler of its
# own on IST 1, which goes on at the address in R15 with the stack as it was. 2 MiB are mapped one to one, the next 2 MiB
# for reading only (CR0.WP is set), and nothing above.
.include "common.inc"

.set SEL_ABSENT, 0x18
.set SEL_TSS, 0x20
.set BEYOND, 0x400000
.set READ_ONLY, 0x300000
.set NO_IST, 4

    pvh_entry

.text
.code32
function start
    cli
    cld
    lgdt gdtr
    load_data_segments SEL_DATA
    enter_long_mode start64

.code64
function start64
    leaq stack_top(%rip), %rsp
    leaq tss(%rip), %rax            # the base of the TSS into its descriptor
    movw %ax, gdt64 + SEL_TSS + 2
    shrq $16, %rax
    movb %al, gdt64 + SEL_TSS + 4
    movb %ah, gdt64 + SEL_TSS + 7
    lgdt gdtr64
    load_data_segments SEL_DATA
    movw $SEL_TSS, %ax
    ltr %ax
    leaq first_handler(%rip), %rax  # a gate for each vector, 16 bytes of code for each handler
    leaq idt(%rip), %rdi
    movl $32, %ecx
label fill
    movw %ax, (%rdi)
    movw $SEL_CODE64, 2(%rdi)
    movw $0x8e01, 4(%rdi)           # interrupt gate, IST 1
    movq %rax, %rdx
    shrq $16, %rdx
    movw %dx, 6(%rdi)
    addq $16, %rax
    addq $16, %rdi
    loop fill
    lidt idtr(%rip)
    movq $0x200081, page_directory + 8
    movq %cr0, %rax
    orq $0x10000, %rax
    movq %rax, %cr0

.macro raise name, instruction:vararg
    leaq \name\()_after(%rip), %r15
label \name
    \instruction
label \name\()_after
.endm

label all
    movq $BEYOND, %rbx
    raise write, movq %rax, (%rbx)
    raise read, movq (%rbx), %rax
    raise change, addq %rax, (%rbx)
    leaq fetch_after(%rip), %r15
    jmp *%rbx
label fetch_after
    movq $READ_ONLY, %rbx
    raise protected, movq %rax, 8(%rbx)
    movq $BEYOND - 4, %rbx
    raise across, movq (%rbx), %rax
    movq $BEYOND, %rsp
    addq $0x100000, %rsp
    raise push_stack, pushq %rax
    raise pop_stack, popq %rax
    movq $1 << 47, %rbx
    raise not_canonical, movq (%rbx), %rax
    leaq 16(%rbx), %rsp
    raise stack_not_canonical, pushq %rax
    movl $SEL_ABSENT, %eax
    raise absent, movw %ax, %es
    movl $0x70, %eax
    raise selector, movw %ax, %es
    xorl %ebx, %ebx
    raise divide, divq %rbx
    raise undefined, ud2
    movq %cr0, %rax
    orq $8, %rax
    movq %rax, %cr0
    raise unavailable, fld1
    clts
    raise no_gate, int $0x80
    movb $0, idt + 14 * 16 + NO_IST
    movq $BEYOND + 0x100000, %rsp
    raise overflow, pushq %rax
label faults_end
    hlt
    jmp faults_end

.macro handler vector, error_code
    .balign 16
label handler_\vector
    .if !\error_code
    pushq $0
    .endif
    jmp leave
.endm

    .balign 16
label first_handler
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7
    handler \n, 0
    .endr
    handler 8, 1
    handler 9, 0
    .irp n, 10, 11, 12, 13, 14
    handler \n, 1
    .endr
    handler 15, 0
    handler 16, 0
    handler 17, 1
    .irp n, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    handler \n, 0
    .endr

function leave
    addq $8, %rsp
    movq %r15, (%rsp)
    iretq

    flat_tables

.data
    .balign 8
object gdt64
    .quad 0
    .quad 0x00af9b000000ffff        # code64
    .quad 0x00cf93000000ffff        # data
    .quad 0x00cf13000000ffff        # data, not present
    .quad 0x0000890000000067        # TSS
    .quad 0
object gdtr64
    .word 6 * 8 - 1
    .quad gdt64
object idtr
    .word 32 * 16 - 1
    .quad idt
    .balign 16
object tss
    .skip 36
    .quad ist_top                   # IST 1
    .skip 104 - 44
    .balign 16
object idt
    .skip 32 * 16
    .skip 1024
object stack_top
    .skip 1024
object ist_top
