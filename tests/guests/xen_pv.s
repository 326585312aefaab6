# The guest for Xen as a PV domain: `program` of xen_program.inc, in ring 3, on the page tables that Xen's tools made.
# https://xenbits.xen.org/docs/unstable/hypercall/x86_64/, xen/include/public/{elfnote,xen}.h, arch-x86/xen.h

.include "xen_program.inc"

.set FLAT_CS, 0xe033                # FLAT_KERNEL_CS and SS of Xen
.set FLAT_SS, 0xe02b
.set COMMAND_LINE, 128              # in start_info
.set SET_TRAP_TABLE, 0

.macro hypercall                    # changes rcx and r11
    syscall
.endm

.macro frame_in                     # Xen pushes these two in front of the frame
    popq %rcx
    popq %r11
.endm

.macro frame_out                    # Xen says ring 0
    movq $FLAT_CS, 8(%rsp)
.endm

.macro set_handlers
    leaq traps(%rip), %rdi
    movl $SET_TRAP_TABLE, %eax
    hypercall
.endm

.macro note type
    .balign 4
    .long 4, 2f - 1f, \type
    .asciz "Xen"
1:
.endm

.macro note_end
2:  .balign 4
.endm

    .section .note.Xen, "a", @note
    note 6                          # GUEST_OS
    .asciz "dr6"
    note_end
    note 5                          # XEN_VERSION
    .asciz "xen-3.0"
    note_end
    note 8                          # LOADER
    .asciz "generic"
    note_end
    note 9                          # PAE_MODE
    .asciz "yes"
    note_end
    note 3                          # VIRT_BASE
    .quad virtual_base
    note_end
    note 1                          # ENTRY
    .quad start
    note_end

.text
.code64
function start                      # rsi: start_info
    cld
    leaq stack_top(%rip), %rsp
    movq %cr3, %rax
    movq %rax, other_cr3(%rip)
    addq $COMMAND_LINE, %rsi
    jmp first_vcpu

    program

.data
    .balign 8
object traps                        # trap_info: vector, the ring that may use it, its code segment, its address
    .set vector, 0
    .rept VECTORS
    .byte vector, 3
    .word FLAT_CS
    .long 0
    .quad entries + 16 * vector
    .set vector, vector + 1
    .endr
    .quad 0, 0

    .balign 16
object other_context                # vcpu_guest_context
    .skip 512
    .quad 4                         # flags: in the kernel
    .skip 128
    .quad other_vcpu                # user_regs: RIP, CS, RFLAGS, RSP, SS
    .quad FLAT_CS, 0x202
    .quad other_stack_top
    .quad FLAT_SS
    .skip 32
    .skip 16 * 256 + 152
    .quad FLAT_SS                   # kernel_ss, kernel_sp
    .quad other_stack_top
    .quad 0x80050033, 0, 0          # ctrlreg: CR0, CR3
object other_cr3
    .quad 0
    .skip 32
    .skip 120
object other_context_end
    .if other_context_end - other_context - 5168
    .error "vcpu_guest_context has 5168 bytes"
    .endif
