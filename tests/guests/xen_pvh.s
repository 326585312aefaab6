# The guest for Xen as a PVH domain: `program` of xen_program.inc, in ring 0, with tables of its own.
# https://xenbits.xen.org/docs/unstable/misc/pvh.html, xen/include/public/hvm/hvm_vcpu.h

.include "xen_program.inc"

.set START_COMMAND_LINE, 24         # in hvm_start_info: its physical address
.set COMMAND_LINE_SIZE, 64
.set MODE_64, 1

.macro hypercall                    # of AMD, whose SVM the lab's CPU has
    vmmcall
.endm

.macro frame_in
.endm

.macro frame_out
.endm

.macro set_handlers
    lidt idtr(%rip)
.endm

    pvh_entry

.text
.code32
function start                      # ebx: hvm_start_info
    cli
    cld
    movl $command_line, %edi
    movl START_COMMAND_LINE(%ebx), %esi
    testl %esi, %esi
    jz 1f
    movl $(COMMAND_LINE_SIZE - 1), %ecx
    rep movsb
1:  lgdt gdtr
    load_data_segments SEL_DATA
    enter_long_mode start64

.code64
function start64
    load_data_segments SEL_DATA
    leaq stack_top(%rip), %rsp
    leaq entries(%rip), %rax
    leaq idt(%rip), %rdi
    movl $VECTORS, %ecx
1:  movw %ax, (%rdi)
    movl %eax, %edx
    shrl $16, %edx
    movw %dx, 6(%rdi)
    movw $SEL_CODE64, 2(%rdi)
    movw $0x8e00, 4(%rdi)
    addq $16, %rdi
    addq $16, %rax
    decl %ecx
    jnz 1b
    leaq command_line(%rip), %rsi
    jmp first_vcpu

# vCPU 1 begins with segments that no table describes, and IRET needs those of one.
function other_start
    lgdt gdtr(%rip)
    load_data_segments SEL_DATA
    pushq $SEL_CODE64
    leaq other_vcpu(%rip), %rax
    pushq %rax
    lretq

    program

    flat_tables

.data
    .balign 8
object other_context                # vcpu_hvm_context
    .long MODE_64, 0
    .quad 0, 0, 0, 0                # RAX, RCX, RDX, RBX
    .quad other_stack_top, 0, 0, 0  # RSP, RBP, RSI, RDI
    .quad other_start, 2            # RIP, RFLAGS
    .quad 0x80000011, page_map, 0x20, 0x500     # CR0, CR3, CR4, EFER
object idtr
    .word 16 * VECTORS - 1
    .quad idt
.bss
    .balign 16
object idt
    .skip 16 * VECTORS
object command_line
    .skip COMMAND_LINE_SIZE
