# The guest that `dr6 doctor` tests a stub on: 64-bit mode, interrupts off, an IDT that logs, and a page of its own
# in which the doctor places code. It does nothing by itself.
.set SEL_CODE64,    0x08
.set SEL_DATA,      0x10
.set VECTORS,       64
.set STUB_SIZE,     16
.set STUB_SHIFT,    4
.set LOG_SHIFT,     6               # eight 64-bit fields
.set LOG_CAPACITY,  8               # what raises more is abandoned: some platform repeats it for ever
.set VECTOR_DB,     1
.set VECTOR_BP,     3
.set FIRST_SOFT,    0x20            # vectors from here on are raised by INT n only
.set RF,            0x10000
.set TF,            0x100
.set DR6_CLEAR,     0xffff0ff0
.set DR7_CLEAR,     0x400

.macro function name
    .globl \name
    .type \name, @function
\name:
.endm

.macro object name
    .globl \name
    .type \name, @object
\name:
.endm

# XEN_ELFNOTE_PHYS32_ENTRY: `start` is entered in 32-bit protected mode, flat, paging off.
.section .note.Xen, "a", @note
    .balign 4
    .long 4, 8, 18
    .asciz "Xen"
    .quad start

.text
.code32
function start
    cli
    cld
    movb $0xff, %al                 # both 8259s: no line may interrupt an STI
    outb %al, $0x21
    outb %al, $0xa1
    lgdt gdtr
    movl %cr4, %eax
    orl $0x20, %eax                 # PAE
    movl %eax, %cr4
    movl $page_map, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx          # EFER.LME
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl %cr0, %eax
    orl $0x80000000, %eax           # PG
    movl %eax, %cr0
    ljmp $SEL_CODE64, $start64

.code64
function start64
    movl $SEL_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %eax, %fs
    movl %eax, %gs
    leaq stack_top(%rip), %rsp
    movl $DR7_CLEAR, %eax
    movq %rax, %dr7
    movl $DR6_CLEAR, %eax
    movq %rax, %dr6
    leaq handlers(%rip), %rax
    leaq idt(%rip), %rdi
    movl $VECTORS, %ecx
1:  movw %ax, (%rdi)                # a gate: offset 15:0, selector, type, offset 31:16
    movw $SEL_CODE64, 2(%rdi)
    movl $0x8e00, 4(%rdi)
    movl %eax, %edx
    shrl $16, %edx
    movw %dx, 6(%rdi)
    movq $0, 8(%rdi)
    addq $STUB_SIZE, %rax
    addq $16, %rdi
    loop 1b
    lidt idtr(%rip)
    jmp arena

# One entry for each vector, at handlers + 16 * vector; below the frame go the error code (0 where the CPU pushes
# none) and the vector.
    .balign 4096
function handlers
    .set vector, 0
    .rept VECTORS
    .balign STUB_SIZE
    .if !((0x60227d00 >> vector) & 1) || vector > 31     # 8, 10-14, 17, 21, 29, 30 push an error code
    pushq $0
    .endif
    pushq $vector
    jmp exception
    .set vector, vector + 1
    .endr

.set AT_RBX,    8
.set AT_VECTOR, 16
.set AT_ERROR,  24
.set AT_RIP,    32
.set AT_CS,     40
.set AT_RFLAGS, 48

function exception
    pushq %rbx
    pushq %rax
    movl log_count(%rip), %ebx
    cmpl $LOG_CAPACITY, %ebx
    jae abandon
    incl log_count(%rip)
    shll $LOG_SHIFT, %ebx
    leaq log(%rip), %rax
    addq %rax, %rbx
    movq AT_VECTOR(%rsp), %rax
    movq %rax, (%rbx)
    movq AT_ERROR(%rsp), %rax
    movq %rax, 8(%rbx)
    movq AT_RIP(%rsp), %rax
    movq %rax, 16(%rbx)
    movq AT_CS(%rsp), %rax
    movq %rax, 24(%rbx)
    movq AT_RFLAGS(%rsp), %rax
    movq %rax, 32(%rbx)
    movq %dr6, %rax
    movq %rax, 40(%rbx)
    movq %dr7, %rax
    movq %rax, 48(%rbx)
    cmpq $VECTOR_DB, AT_VECTOR(%rsp)
    je debug
    cmpq $VECTOR_BP, AT_VECTOR(%rsp)
    je resume
    cmpq $FIRST_SOFT, AT_VECTOR(%rsp)
    jae resume
abandon:                            # a fault that no test wants: go where the doctor looks for it
    movl $DR7_CLEAR, %eax
    movq %rax, %dr7
    leaq stuck(%rip), %rax
    movq %rax, AT_RIP(%rsp)
    movq $2, AT_RFLAGS(%rsp)
    jmp resume
debug:                              # as Linux: DR6 reset, RF for an instruction breakpoint, TF cleared
    andq $~TF, AT_RFLAGS(%rsp)
    testb $1, 40(%rbx)
    jz 1f
    testl $0x30000, 48(%rbx)        # R/W0 = 0: an instruction breakpoint (tests use DR0 only)
    jnz 1f
    orq $RF, AT_RFLAGS(%rsp)
1:  movl $DR6_CLEAR, %eax
    movq %rax, %dr6
resume:
    popq %rax
    popq %rbx
    addq $16, %rsp                  # vector and error code
    iretq

function stuck
    jmp stuck

.data
    .balign 4096
function arena                      # the doctor's; until it comes the guest stands here
    jmp arena
    .fill 4094, 1, 0x90
    .balign 8
object gdt
    .quad 0
    .quad 0x00af9b000000ffff        # code64
    .quad 0x00cf93000000ffff        # data
object gdtr
    .word 3 * 8 - 1
    .quad gdt
object idtr
    .word VECTORS * 16 - 1
    .quad idt
    .balign 4096
object page_map
    .quad page_directory_pointers + 3
    .balign 4096
object page_directory_pointers
    .quad page_directory + 3
    .balign 4096
object page_directory
    .quad 0x83                      # 2 MiB, one to one

.bss
    .balign 4096
object idt
    .skip VECTORS * 16
object log_count
    .skip 64
object log
    .skip LOG_CAPACITY << LOG_SHIFT
    .balign 4096
    .skip 8192
object stack_top
    .skip 4096
